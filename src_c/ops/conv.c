#include "conv.h"

#include "../base/checked.h"
#include "../base/integers.h"
#include "algorithms.h"

#include <math.h>
#include <string.h>

const fc_conv_algorithm *fc_conv_algorithm_at(int i) {
    static const fc_conv_algorithm *const table[] = {
        &fc_conv_direct,           &fc_conv_im2col,    &fc_conv_dilated,   &fc_conv_depthwise,
        &fc_conv_depthwise_pixels, &fc_conv_grouped,   &fc_conv_winograd6, &fc_conv_winograd5,
        &fc_conv_winograd4,        &fc_conv_winograd3,
    };
    return i >= 0 && i < (int)(sizeof table / sizeof *table) ? table[i] : NULL;
}

/* The largest size that any stride, padding or dimension may have: products of
 * two of them, plus a third, still fit in 63 bits. */
static const int64_t LARGEST = (int64_t)1 << 31;

fc_status fc_conv_validate(fc_conv_spec *s) {
    bool overflow = false;
    /* The padded input bounds every strip that is ever cut from it. */
    int64_t in_size = s->in_channels, out_size = s->out_channels;
    int64_t w_size = fc_mul(s->out_channels, fc_group_in(s), &overflow);
    for (int a = 0; a < FC_AXES; a++) {
        if (s->in[a] > LARGEST || s->kernel[a] > LARGEST || s->stride[a] > LARGEST ||
            s->dilation[a] > LARGEST || s->pad_lo[a] > LARGEST || s->pad_hi[a] > LARGEST)
            return FC_TOO_LARGE;
        const int64_t padded = s->in[a] + s->pad_lo[a] + s->pad_hi[a];
        const int64_t window =
            fc_add(fc_mul(s->kernel[a] - 1, s->dilation[a], &overflow), 1, &overflow);
        if (overflow) return FC_TOO_LARGE;
        if (window > padded) return FC_EMPTY_OUTPUT;
        s->out[a] = (padded - window) / s->stride[a] + 1;
        in_size = fc_mul(in_size, padded, &overflow);
        out_size = fc_mul(out_size, s->out[a], &overflow);
        w_size = fc_mul(w_size, s->kernel[a], &overflow);
    }
    /* Room for the largest element twice over; packing rounds channels up too. */
    fc_mul(in_size, 16, &overflow);
    fc_mul(out_size, 16, &overflow);
    fc_mul(w_size, 1024, &overflow);
    return overflow ? FC_TOO_LARGE : FC_OK;
}

fc_status fc_conv_plan_make(fc_conv_plan *plan, const fc_conv_spec *spec, const fc_isa *isa,
                            const char *wanted, bool packs_each_call) {
    const fc_kernels *kernels = isa->kernels[spec->dtype];
    const fc_conv_algorithm *row, *best = NULL;
    double best_cost = 0, best_total = 0;
    for (int i = 0; (row = fc_conv_algorithm_at(i)); i++) {
        if (wanted && strcmp(wanted, row->family) != 0 && strcmp(wanted, row->name) != 0) continue;
        if (row->refuse(spec, kernels)) continue;
        const double cost = row->cost(spec, kernels);
        const double total = cost + (packs_each_call ? row->pack_cost(spec, kernels) : 0);
        if (!best || total < best_total) {
            best = row;
            best_cost = cost;
            best_total = total;
        }
    }
    if (!best) return FC_UNSUPPORTED;
    *plan = (fc_conv_plan){.spec = *spec, .isa = isa, .kernels = kernels, .algorithm = best};
    plan->cost = best_cost;
    plan->packs_each_call = packs_each_call;
    plan->as_given = packs_each_call && best->takes_as_given;
    plan->packed_bytes = kernels->element * (plan->as_given ? spec->out_channels
                                                            : best->packed_elements(spec, kernels));
    return FC_OK;
}

double fc_conv_largest(const void *values, int64_t count, const fc_kernels *k) {
    fc_extent extent = {0};
    k->extent(&(fc_extent_args){
        .from = values, .count = count, .step = 1, .power = 1, .extent = &extent});
    return extent.largest;
}

void fc_conv_pack(fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    /* Pointwise weights without padding never meet it, whatever the image's size. */
    const bool meets_padding = fc_kernel_size(s) > 1 || fc_is_padded(s);
    const int64_t weights = s->out_channels * fc_group_in(s) * fc_kernel_size(s);
    plan->largest_weight =
        meets_padding || !plan->packs_each_call ? fc_conv_largest(w, weights, plan->kernels) : -1;
    plan->weights = plan->packs_each_call ? w : NULL;
    plan->algorithm->pack(plan, w, bias, packed);
}

const fc_conv_algorithm *fc_conv_packs_for(const fc_conv_plan *plan) {
    return plan->algorithm->packs_for ? plan->algorithm->packs_for(plan) : plan->algorithm;
}

static double weight_bytes(const fc_conv_spec *s, const fc_kernels *k) {
    return (double)(s->out_channels * fc_group_in(s) * fc_kernel_size(s) * k->element);
}

double fc_conv_read_cost(const fc_conv_spec *s, const fc_kernels *k) {
    return 16 * weight_bytes(s, k) / 64;
}

double fc_conv_transform_cost(const fc_conv_spec *s, const fc_kernels *k, double packed,
                              double line) {
    /* Lines of 64 bytes; where both do not fit into them, L3 and memory are waited for. */
    static const double l2 = 3e6, l3 = 32e6;
    const double bytes = weight_bytes(s, k), all = bytes + packed;
    const double waits = 22 * fmax(all - l2, 0) + 40 * fmax(all - l3, 0);
    return fc_conv_read_cost(s, k) + (line * packed + waits) / 64;
}

double fc_conv_copy_cost(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_conv_transform_cost(s, k, weight_bytes(s, k), 0);
}

double fc_share_read(const fc_conv_spec *s) {
    double share = 1;
    for (int a = 0; a < FC_AXES; a++) share *= fmin((double)s->kernel[a] / (double)s->stride[a], 1);
    return share;
}

double fc_copy_by_element(const fc_conv_spec *s, const fc_kernels *k) {
    if (s->stride[FC_X] <= fc_max(2, s->kernel[FC_X])) return 0;
    return (double)(s->in_channels * fc_in_pixels(s)) * fc_share_read(s) * 2.5 * 64 /
           (double)(k->vl * k->element);
}

/* Whether a row of the result, and of what it is made from, goes on so far from its beginning. */
static bool joins(fc_conv_job *job, int64_t x_apart, int64_t y_apart) {
    const fc_conv_spec *s = &job->spec;
    const bool single = s->in[FC_X] == 1; /* how far its next one is says nothing */
    if (single) job->x.axis[FC_X] = x_apart;
    if (single) job->y.axis[FC_X] = y_apart;
    return x_apart == s->in[FC_X] * job->x.axis[FC_X] &&
           y_apart == s->out[FC_X] * job->y.axis[FC_X];
}

/* A pointwise convolution on contiguous rows does not care where a row or an image
 * ends: as one long row it has no short tiles. */
static void flatten_pointwise(fc_conv_job *job) {
    fc_conv_spec *s = &job->spec;
    if (fc_kernel_size(s) != 1) return;
    for (int a = 0; a < FC_AXES; a++)
        if (s->stride[a] != 1 || s->pad_lo[a] || s->pad_hi[a]) return;
    for (int a = FC_Y; a >= FC_Z; a--) {
        if (s->in[a] == 1) continue;
        if (!joins(job, job->x.axis[a], job->y.axis[a])) return;
        s->in[FC_X] *= s->in[a];
        s->out[FC_X] *= s->out[a];
        s->in[a] = s->out[a] = 1;
    }
    /* Groups share a strip's lines in the cache as long as it is not too long. */
    if (job->batch < 2 || s->groups > 1 || !joins(job, job->x.batch, job->y.batch)) return;
    s->in[FC_X] *= job->batch;
    s->out[FC_X] *= job->batch;
    job->batch = 1;
}

fc_status fc_conv_job_make(fc_conv_job *job, const fc_conv_plan *plan, const void *packed,
                           int64_t batch, const fc_tensor *x, const fc_tensor *y) {
    *job = (fc_conv_job){
        .spec = plan->spec,
        .plan = plan,
        .kernels = plan->kernels,
        .packed = packed,
        .x = *x,
        .y = *y,
        .images = batch,
        .batch = batch,
    };
    bool overflow = false;
    fc_mul(fc_mul(batch, fc_mul(plan->spec.out_channels, fc_out_pixels(&plan->spec), &overflow),
                  &overflow),
           16, &overflow);
    if (overflow) return FC_TOO_LARGE;
    flatten_pointwise(job);
    plan->algorithm->cut(job);
    return FC_OK;
}

/* Items in the order of the task: part by part, so that a thread's share of them
 * has output channels of its own rather than strips of its own. */
static void run_items(const void *context, int64_t begin, int64_t end, void *scratch) {
    const fc_conv_job *job = context;
    const int64_t parts = job->geometry.parts, panels = job->geometry.panels;
    if (parts == 1) {
        fc_conv_run(job, begin, end, scratch);
        return;
    }
    const int64_t strips = job->geometry.items / panels;
    for (int64_t part = 0, before = 0; part < parts; part++) {
        const int64_t first = fc_share(panels, parts, part);
        const int64_t n = fc_share(panels, parts, part + 1) - first;
        int64_t i = fc_max(begin - before, 0);
        const int64_t stop = fc_min(end - before, strips * n);
        while (i < stop) {
            const int64_t count = fc_min(n - i % n, stop - i);
            const int64_t item = i / n * panels + first + i % n;
            fc_conv_run(job, item, item + count, scratch);
            i += count;
        }
        before += strips * n;
    }
}

/* Threads that write neighbouring pixels of the same channels (or, channels last, neighbouring
 * channels of the same pixels) take lines from each other's caches, more of them than they share,
 * because processors fetch ahead. Where there are only a few strips for each, threads get panels
 * of their own instead, if that divides evenly (or no strip has to be loaded twice for it):
 * 1.6 -> 2.0 times for two threads on 1x1 layers. */
static int64_t parts(const fc_conv_job *job, int threads) {
    enum { FEW = 4 };
    const fc_geometry *g = &job->geometry;
    int64_t divisor = g->panels, rest = threads;
    if (threads < 2 || g->panels < 2) return 1;
    const int64_t strips = g->items / g->panels;
    if (g->in_place && job->y.channel == 1 && strips >= threads) return 1;
    if (g->in_place) return fc_min(threads, g->panels);
    if (strips >= FEW * threads) return 1;
    if (g->transforms && strips % threads == 0) return 1;
    while (rest) {
        const int64_t next = divisor % rest;
        divisor = rest;
        rest = next;
    }
    return divisor;
}

fc_task fc_conv_task(fc_conv_job *job, int threads) {
    /* Of the unit of costs, a vector operation. */
    static const double nanoseconds = 0.3;
    fc_geometry *g = &job->geometry;
    fc_task task = {
        .run = run_items,
        .context = job,
        .items = g->items,
        .nanoseconds = job->plan->cost * (double)job->images * nanoseconds,
        .scratch_bytes = (size_t)job->scratch_bytes,
        .threads = threads,
    };
    g->parts = parts(job, fc_task_threads(&task));
    task.visit = g->in_place ? 1 : g->visit / g->parts;
    return task;
}
