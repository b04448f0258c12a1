/* A convolution by every algorithm on every instruction set against the reference: within the
 * derived bound, nothing written beside the result, and the same bits for other strides, another
 * order of the items, each image on its own, and as the task that a call makes of it. */
#ifndef FC_TESTS_CHECK_CONV_H
#define FC_TESTS_CHECK_CONV_H

#include "ops/subnormals.h"

#include "check.h"
#include "reference.h"
#include "winograd_bound.h"

typedef struct {
    const problem *p;
    const form *f;
    const fc_isa *isa;
    const fc_conv_algorithm *row;
    bool exact;
    array x;
    double *x_values, *w_values, *bias_values;
    const void *w, *bias;
    reference expected;
    double *winograd[4]; /* the bound with tiles of 3 to 6, where it was needed */
} conv_case;

static bool is_winograd(const fc_conv_algorithm *row) {
    return strncmp(row->name, "winograd", 8) == 0;
}

/* Winograd's for tiles of `t`, from the first time that they are met. */
static const double *tiles_bound(conv_case *c, int t) {
    double **bound = &c->winograd[t - 3];
    if (!*bound)
        *bound = winograd_bound(c->p, c->f->dtype, t, c->x_values, c->w_values, c->bias_values);
    return *bound;
}

/* A special value of a sum is the same in any order; in a Winograd tile it reaches its neighbours,
 * so that there is no bound. */
static void compare(conv_case *c, const fc_conv_plan *plan, const double *got) {
    const char *name = fc_conv_packs_for(plan)->name;
    const double *tiles = NULL;
    if (strncmp(name, "winograd", 8) == 0) tiles = tiles_bound(c, name[8] - '0');
    for (int64_t i = 0; i < c->expected.count; i++) {
        const double bound = tiles ? tiles[i] + c->expected.own[i] : c->expected.sum_bound[i];
        const double value = c->expected.value[i], wanted = clipped(c->f, value);
        if (tiles && !isfinite(bound)) continue;
        checks++;
        if (isfinite(value) ? fabs(got[i] - wanted) <= bound : same(got[i], wanted)) continue;
        fail(c->isa, c->f, c->p, c->row->name, c->exact ? "exact" : "fast", i, got[i], wanted);
        return;
    }
}

static bool plan_row(const conv_case *c, fc_conv_plan *plan) {
    fc_conv_spec spec = spec_of(c->p, c->f->dtype, c->f->channels_last);
    spec.exact = c->exact;
    spec.clip_lo = c->f->clip_lo;
    spec.clip_hi = c->f->clip_hi;
    if (fc_conv_validate(&spec) != FC_OK ||
        fc_conv_plan_make(plan, &spec, c->isa, NULL, false) != FC_OK) {
        fail(c->isa, c->f, c->p, "validate", "refused", 0, 0, 0);
        return false;
    }
    const fc_kernels *kernels = c->isa->kernels[c->f->dtype];
    if (plan->algorithm->refuse(&spec, kernels))
        fail(c->isa, c->f, c->p, plan->algorithm->name, "chosen, but refuses", 0, 0, 0);
    if (c->row->refuse(&spec, kernels)) return false;
    plan->algorithm = c->row;
    plan->packed_bytes = c->row->packed_elements(&spec, kernels) * kernels->element;
    return true;
}

/* Planes lie one after the other, as further rows: a view of two axes makes one of three. */
static array volume_in(role r, int view, int64_t batch, int64_t channels, int64_t depth,
                       int64_t height, int64_t width, const form *f) {
    const int64_t size[4] = {batch, channels, depth * height, width};
    array a = array_in(r, view, size, f->dtype, bytes_of(f->dtype), f->channels_last);
    a.t.axis[FC_Z] = height * a.t.axis[FC_Y];
    return a;
}

/* One run into a view of its own; the items in one go or from the last to the first, `step` at a
 * time. */
static void run(const conv_case *c, const fc_conv_plan *plan, const void *packed,
                const fc_tensor *x, int64_t batch, int view, int64_t step, double *values) {
    const array y = volume_in(Y, view, batch, c->p->filters, out_depth(c->p), out_size(c->p, 0),
                              out_size(c->p, 1), c->f);
    fc_conv_job job;
    if (fc_conv_job_make(&job, plan, packed, batch, x, &y.t) != FC_OK)
        fail(c->isa, c->f, c->p, c->row->name, "no job", 0, 0, 0);
    void *scratch = array_of(SCRATCH, job.scratch_bytes, 1, FC_SCRATCH_ALIGNMENT);
    if (step)
        for (int64_t end = job.geometry.items; end > 0; end -= step)
            fc_conv_run(&job, end > step ? end - step : 0, end, scratch);
    else
        fc_conv_run(&job, 0, job.geometry.items, scratch);
    if (!take(&y, values)) fail(c->isa, c->f, c->p, c->row->name, "written beside y", 0, 0, 0);
}

/* As the task of a call, which subnormal numbers do not slow: to the bit what `run` has, unless
 * there are any. */
static void run_task(const conv_case *c, const fc_conv_plan *plan, const void *packed,
                     const fc_tensor *x, int64_t batch, int view, double *values) {
    const array y = volume_in(Y, view, batch, c->p->filters, out_depth(c->p), out_size(c->p, 0),
                              out_size(c->p, 1), c->f);
    fc_conv_job job;
    fc_conv_job_make(&job, plan, packed, batch, x, &y.t);
    fc_task task = fc_conv_task(&job, 1);
    task.scratch = array_of(SCRATCH, job.scratch_bytes, 1, FC_SCRATCH_ALIGNMENT);
    if (fc_conv_task_run(&job, &task) != FC_OK)
        fail(c->isa, c->f, c->p, c->row->name, "the task failed", 0, 0, 0);
    if (!take(&y, values)) fail(c->isa, c->f, c->p, c->row->name, "task beside y", 0, 0, 0);
}

static void check_task(conv_case *c, const fc_conv_plan *plan, const void *packed,
                       const double *by_items, double *got, double *again) {
    const int64_t count = c->expected.count, images = c->p->batch, image = count / images;
    const value_kind values = c->f->values;
    const bool same_bits = values != TINY && values != SUBNORMAL && values != PARTLY_SUBNORMAL;
    int64_t i;
    run_task(c, plan, packed, &c->x.t, images, c->f->y_view, got);
    compare(c, plan, got);
    if (same_bits && (i = first_difference(got, by_items, count)) >= 0)
        fail(c->isa, c->f, c->p, c->row->name, "as a task", i, got[i], by_items[i]);
    for (int64_t n = 0; n < images && images > 1; n++) {
        fc_tensor x = c->x.t;
        x.data = (char *)x.data + n * x.batch * (int64_t)bytes_of(c->f->dtype);
        run_task(c, plan, packed, &x, 1, 0, again);
        if ((i = first_difference(again, got + n * image, image)) >= 0)
            fail(c->isa, c->f, c->p, c->row->name, "a task of one image", i, again[i],
                 got[n * image + i]);
    }
}

static void check_row(conv_case *c) {
    fc_conv_plan plan;
    if (!plan_row(c, &plan)) return;
    void *packed = array_of(PACKED, plan.packed_bytes, 1, FC_SCRATCH_ALIGNMENT);
    fc_conv_pack(&plan, c->w, c->bias, packed);
    const int64_t count = c->expected.count, image = count / c->p->batch;
    double *got = doubles(count), *again = doubles(count), *task = doubles(count);
    run(c, &plan, packed, &c->x.t, c->p->batch, c->f->y_view, 0, got);
    compare(c, &plan, got);

    int64_t i;
    run(c, &plan, packed, &c->x.t, c->p->batch, 0, 1 + (int64_t)(c->f->seed % 5), again);
    if ((i = first_difference(again, got, count)) >= 0)
        fail(c->isa, c->f, c->p, c->row->name, "other strides, order of items", i, again[i],
             got[i]);
    if (plan.algorithm->takes_as_given) {
        plan.packs_each_call = plan.as_given = true;
        fc_conv_pack(&plan, c->w, c->bias, packed);
        run(c, &plan, packed, &c->x.t, c->p->batch, c->f->y_view, 0, again);
        if ((i = first_difference(again, got, count)) >= 0)
            fail(c->isa, c->f, c->p, c->row->name, "weights as given", i, again[i], got[i]);
    }
    if (c->p->batch > 1) {
        fc_tensor last = c->x.t;
        last.data = (char *)last.data +
                    (c->p->batch - 1) * last.batch * (int64_t)bytes_of(c->f->dtype);
        run(c, &plan, packed, &last, 1, c->f->y_view, 0, again);
        if ((i = first_difference(again, got + count - image, image)) >= 0)
            fail(c->isa, c->f, c->p, c->row->name, "an image on its own", i, again[i],
                 got[count - image + i]);
    }
    check_task(c, &plan, packed, got, task, again);
    free(got), free(again), free(task);
}

/* Only the dilated row heeds `exact`; Winograd refuses it. */
static void check_rows(conv_case *c) {
    for (int i = 0; (c->row = fc_conv_algorithm_at(i)); i++)
        for (int exact = 0; exact < 2; exact++) {
            if (!exact && !is_winograd(c->row) && strcmp(c->row->name, "dilated") != 0) continue;
            c->exact = exact;
            check_row(c);
        }
}

static void check_conv(const problem *p, const form *f, const fc_isa *only) {
    fc_conv_spec spec = spec_of(p, f->dtype, f->channels_last);
    if ((fc_conv_validate(&spec) == FC_OK) != fits(p))
        fail(NULL, f, p, "validate", "took what cannot be, or refused what can", 0, !fits(p),
             fits(p));
    if (!fits(p)) return;
    flush_start = f->flush_start;
    random_state = f->seed;
    const size_t element = bytes_of(f->dtype);
    const depth_axis z = depth_of(p);
    const int64_t weights = p->filters * (p->channels / p->groups) * z.kernel * p->kernel[0] *
                            p->kernel[1];
    conv_case c = {.p = p, .f = f};
    const int64_t image = p->channels * z.in * p->height * p->width;
    c.x_values = random_values(p->batch * image, f->values, f->dtype);
    if (f->values == PARTLY_SUBNORMAL) make_partly_subnormal(c.x_values, p->batch, image, f->dtype);
    c.x = volume_in(X, f->x_view, p->batch, p->channels, z.in, p->height, p->width, f);
    fill(&c.x, c.x_values);
    double *w = random_values(weights, f->values == TINY ? UNIFORM : f->values, f->dtype);
    double *bias = f->bias ? random_values(p->filters, f->values, f->dtype) : NULL;
    void *w_array = array_of(W, weights, element, element), *bias_array = NULL;
    for (int64_t i = 0; i < weights; i++) {
        if (f->values == TINY) w[i] *= f->dtype == FC_F32 ? 0x1p-70 : 0x1p-520;
        set(w_array, i, w[i], f->dtype);
        w[i] = get(w_array, i, f->dtype);
    }
    if (bias) {
        bias_array = array_of(BIAS, p->filters, element, element);
        for (int64_t i = 0; i < p->filters; i++) set(bias_array, i, bias[i], f->dtype);
    }
    c.w_values = w;
    c.bias_values = bias;
    c.w = w_array;
    c.bias = bias_array;
    c.expected = reference_of(p, f->dtype, c.x_values, w, bias);
    for (int i = 0; (c.isa = fc_isa_at(i)); i++)
        if (c.isa->runs_here() && (!only || only == c.isa)) check_rows(&c);
    free(c.x_values), free(w), free(bias);
    free_reference(&c.expected);
    for (int i = 0; i < 4; i++) free(c.winograd[i]);
}

#endif
