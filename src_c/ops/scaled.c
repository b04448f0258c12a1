#include "scaled.h"

#include "../base/clock.h"
#include "../base/float_mode.h"
#include "../base/integers.h"
#include "../base/workspace.h"
#include "scaled_part.h"
#include "scaled_power.h"

enum { SLOWER = 100 }; /* times, that convolutions of subnormal numbers may take */

/* What the images of a call have in common. */
typedef struct {
    const fc_conv_job *job;
    const fc_task *task;
    fc_scaled_limits limits;
    int64_t parts;
    int64_t most;      /* at most so many small images are one convolution */
    char *copy, *bias; /* room for those of any part */
    char *scratch;
    int64_t scratch_bytes;
    int64_t asked; /* when, whether to stop */
} images;

/* Tasks as short as those of a part do not ask. */
static bool stopped(images *all) {
    if (!all->task->stop || fc_now() < all->asked + FC_STOP_EVERY) return false;
    const bool stop = all->task->stop();
    all->asked = fc_now();
    return stop;
}

static fc_status run_job(const images *all, fc_conv_job *job, double slower) {
    fc_task task = fc_conv_task(job, all->task->threads);
    task.stop = all->task->stop;
    task.nanoseconds *= slower;
    /* A few images may be cut into larger strips than one or many. */
    task.scratch = job->scratch_bytes <= all->scratch_bytes ? all->scratch : NULL;
    return fc_task_run(&task);
}

static fc_status run_as_they_are(const images *all, int64_t n, int64_t count) {
    const fc_conv_job *given = all->job;
    fc_conv_job job;
    fc_tensor x = given->x, y = given->y;
    x.data = fc_at_mut(x.data, n * x.batch, given->kernels);
    y.data = fc_at_mut(y.data, n * y.batch, given->kernels);
    fc_conv_job_make(&job, given->plan, given->packed, count, &x, &y);
    const fc_walk inputs = fc_scaled_inputs(given, n, count);
    return run_job(all, &job, fc_walk_sees_subnormal(&inputs) ? SLOWER : 1);
}

static void scale_rest(fc_conv_job *job, const fc_part *p, void *bias, int power) {
    const fc_conv_spec *s = &p->plan.spec;
    double largest = 0;
    job->kernels->scale_up(&(fc_scale_up_args){
        .from = p->bias,
        .to = bias,
        .count = p->plan.algorithm->bias_elements(s, job->kernels),
        .step = 1,
        .power = power,
        .largest = &largest,
    });
    job->bias = bias;
    job->spec.clip_lo = fc_scaled_bound(s, s->clip_lo, power);
    job->spec.clip_hi = fc_scaled_bound(s, s->clip_hi, power);
}

/* A part of `count` images from the n-th on. */
static fc_status run_part(const images *all, int64_t n, int64_t count, const fc_part *p, int power,
                          double *largest) {
    const fc_conv_job *given = all->job;
    const fc_conv_spec *s = &p->plan.spec;
    const fc_kernels *k = given->kernels;
    fc_tensor x = given->x, y = given->y;
    x.data = fc_at_mut(x.data, n * x.batch + p->x, k);
    y.data = fc_at_mut(y.data, n * y.batch + p->y, k);
    const fc_walk in = fc_walk_over(&x, k, s->channels_last, count, s->in_channels, s->in);
    const fc_walk out = fc_walk_over(&y, k, s->channels_last, count, s->out_channels, s->out);
    fc_conv_job job;
    fc_status status = fc_walk_scale_up(&in, all->copy, power, all->task, largest);
    if (status != FC_OK) return status;
    x = fc_contiguous_images(all->copy, s->channels_last, s->in_channels, s->in);
    fc_conv_job_make(&job, &p->plan, p->packed, count, &x, &y);
    scale_rest(&job, p, all->bias, power);
    status = run_job(all, &job, 1);
    return status == FC_OK ? fc_walk_scale_down(&out, power, all->task) : status;
}

static fc_status run_scaled(images *all, int64_t n, int64_t count, int power, double *largest) {
    fc_status status = FC_OK;
    for (int64_t i = 0; i < all->parts && status == FC_OK; i++) {
        const fc_part p = fc_part_at(all->job, all->parts, i);
        status = stopped(all) ? FC_STOPPED : run_part(all, n, count, &p, power, largest);
    }
    return status;
}

static bool reads_all_rows(const fc_conv_spec *s) {
    return s->stride[FC_Y] <= fc_reach(s, FC_Y, 1) &&
           fc_reach(s, FC_Y, s->out[FC_Y]) >= s->pad_lo[FC_Y] + s->in[FC_Y];
}

/* How large the numbers are, and with it the power, is known when all have been read: usually it
 * is the largest that there is. Where not, or where an overflow on the way would trap, they are
 * read before. */
static fc_status run_image(images *all, int64_t n) {
    const fc_conv_spec *s = &all->job->plan->spec;
    const uint32_t mode = fc_float_mode();
    const fc_walk image = fc_scaled_inputs(all->job, n, 1);
    const bool known = fc_mode_traps(mode) || (all->parts > 1 && !reads_all_rows(s));
    double largest = known ? fc_walk_largest(&image) : 0;
    int power = fc_scaled_has_small(all->job, &image)
                    ? fc_scaled_power_for(all->job, &all->limits, largest)
                    : 0;
    if (!power) return run_as_they_are(all, n, 1);
    const fc_status status = run_scaled(all, n, 1, power, &largest);
    const int right = fc_scaled_power_for(all->job, &all->limits, largest);
    if (status != FC_OK || power == right) return status;
    fc_set_float_mode(mode); /* without what numbers have left there that are beyond it */
    return right ? run_scaled(all, n, 1, right, &largest) : run_as_they_are(all, n, 1);
}

/* As many as are alike, which `count` becomes. */
static fc_status run_several(images *all, int64_t n, int64_t *count) {
    const int64_t most = fc_min(all->most, all->job->images - n);
    const int power = fc_scaled_power(all->job, &all->limits, n);
    double largest = 0;
    while (*count < most && fc_scaled_power(all->job, &all->limits, n + *count) == power) ++*count;
    return power ? run_scaled(all, n, *count, power, &largest) : run_as_they_are(all, n, *count);
}

static int64_t scratch_for(const fc_conv_job *given, const fc_conv_plan *plan, const fc_tensor *x,
                           int64_t count) {
    fc_conv_job job;
    fc_conv_job_make(&job, plan, given->packed, count, x, &given->y);
    return job.scratch_bytes;
}

static int64_t scratch_of_part(const images *all, const fc_part *p) {
    const fc_conv_spec *s = &p->plan.spec;
    const fc_tensor x = fc_contiguous_images(NULL, s->channels_last, s->in_channels, s->in);
    return fc_max(scratch_for(all->job, &p->plan, &x, 1),
                  scratch_for(all->job, &p->plan, &x, all->most));
}

static fc_status run_all(images *all) {
    fc_status status = FC_OK;
    for (int64_t n = 0, count; n < all->job->images && status == FC_OK; n += count) {
        count = 1;
        if (stopped(all)) return FC_STOPPED;
        status = all->most > 1 ? run_several(all, n, &count) : run_image(all, n);
    }
    return status;
}

fc_status fc_scaled_run(const fc_conv_job *job, const fc_task *task) {
    const fc_conv_plan *plan = job->plan;
    const int64_t element = job->kernels->element;
    images all = {
        .job = job,
        .task = task,
        .limits = fc_scaled_limits_of(job),
        .parts = fc_parts_of(plan, task->threads),
        .asked = fc_now(),
    };
    all.most = fc_clamp(FC_PART_BYTES / fc_part_image_bytes(plan), 1, job->images);
    int64_t most = 0;
    all.scratch_bytes =
        fc_max(scratch_for(job, plan, &job->x, 1), scratch_for(job, plan, &job->x, all.most));
    for (int64_t i = 0; i < all.parts; i++) {
        const fc_part p = fc_part_at(job, all.parts, i);
        const fc_conv_spec *s = &p.plan.spec;
        most = fc_max(most, s->in_channels * fc_in_pixels(s));
        all.scratch_bytes = fc_max(all.scratch_bytes, scratch_of_part(&all, &p));
    }
    const int64_t biases = plan->algorithm->bias_elements(&plan->spec, job->kernels);
    const int64_t copy_bytes = fc_round_up(most * all.most * element, FC_SCRATCH_ALIGNMENT);
    const int64_t bias_bytes = fc_round_up(biases * element, FC_SCRATCH_ALIGNMENT);
    all.copy = fc_workspace_acquire((size_t)(copy_bytes + bias_bytes + all.scratch_bytes));
    if (!all.copy) return FC_NO_MEMORY;
    all.bias = all.copy + copy_bytes;
    all.scratch = all.bias + bias_bytes;
    const fc_status status = run_all(&all);
    fc_workspace_release(all.copy);
    return status;
}
