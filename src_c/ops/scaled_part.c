#include "scaled_part.h"

#include "../base/integers.h"

enum { ROWS_BYTES = 2 * FC_PART_BYTES };

static bool by_groups(const fc_conv_plan *plan) {
    return plan->algorithm->group_elements && !plan->spec.channels_last && plan->spec.groups > 1;
}

static bool by_rows(const fc_conv_plan *plan) {
    const fc_conv_spec *s = &plan->spec;
    return !plan->algorithm->needs_whole_images && (s->channels_last || s->in_channels == 1) &&
           s->in[FC_Z] == 1 && s->out[FC_Z] == 1;
}

int64_t fc_part_image_bytes(const fc_conv_plan *plan) {
    const fc_conv_spec *s = &plan->spec;
    const int64_t in = s->in_channels * fc_in_pixels(s);
    return (in + s->out_channels * fc_out_pixels(s)) * plan->kernels->element;
}

int64_t fc_parts_of(const fc_conv_plan *plan, int threads) {
    const fc_conv_spec *s = &plan->spec;
    const int64_t bytes = fc_part_image_bytes(plan);
    if (by_groups(plan))
        return fc_clamp(fc_ceil_div(bytes, FC_PART_BYTES * (int64_t)threads), 1, s->groups);
    if (!by_rows(plan)) return 1;
    /* The same for any number of threads: parts are cut into strips, and those may skip padding,
     * which leaves a zero its sign. Rows that parts share are scaled for each; and each reads the
     * weights. */
    const int64_t parts = fc_min(fc_ceil_div(bytes, ROWS_BYTES), bytes / plan->packed_bytes);
    const int64_t rows = fc_reach(s, FC_Y, s->out[FC_Y]) / (2 * fc_reach(s, FC_Y, 1));
    return fc_clamp(parts, 1, fc_clamp(rows, 1, s->out[FC_Y]));
}

static void cut_groups(fc_part *p, const fc_conv_job *job, int64_t begin, int64_t end) {
    const fc_conv_plan *whole = job->plan;
    const fc_kernels *k = job->kernels;
    fc_conv_spec *s = &p->plan.spec;
    const int64_t in = fc_group_in(s), out = fc_group_out(s), n = in * fc_kernel_size(s);
    const int64_t biases = whole->algorithm->bias_elements(s, k);
    s->groups = end - begin;
    s->in_channels = s->groups * in;
    s->out_channels = s->groups * out;
    p->x = begin * in * job->x.channel;
    p->y = begin * out * job->y.channel;
    p->bias = fc_at(job->packed, begin * out, k);
    if (whole->as_given)
        p->plan.weights = fc_at(whole->weights, begin * out * n, k);
    else
        p->packed = fc_at(job->packed,
                          biases - whole->algorithm->bias_elements(s, k) +
                              begin * whole->algorithm->group_elements(s, k),
                          k);
}

static void cut_rows(fc_part *p, const fc_conv_job *job, int64_t begin, int64_t end) {
    fc_conv_spec *s = &p->plan.spec;
    const int64_t reach = fc_reach(s, FC_Y, end - begin);
    const int64_t first = begin * s->stride[FC_Y] - s->pad_lo[FC_Y];
    const int64_t top = fc_clamp(first, 0, s->in[FC_Y]);
    s->in[FC_Y] = fc_clamp(first + reach, top, s->in[FC_Y]) - top;
    s->out[FC_Y] = end - begin;
    s->pad_lo[FC_Y] = fc_clamp(-first, 0, reach);
    s->pad_hi[FC_Y] = reach - s->pad_lo[FC_Y] - s->in[FC_Y];
    p->x = top * job->x.axis[FC_Y];
    p->y = begin * job->y.axis[FC_Y];
}

fc_part fc_part_at(const fc_conv_job *job, int64_t parts, int64_t i) {
    fc_part p = {.plan = *job->plan, .packed = job->packed, .bias = job->packed};
    const fc_conv_spec *s = &job->plan->spec;
    if (parts == 1) return p;
    const int64_t all = by_groups(job->plan) ? s->groups : s->out[FC_Y];
    const int64_t begin = fc_share(all, parts, i), end = fc_share(all, parts, i + 1);
    p.plan.cost *= (double)(end - begin) / (double)all;
    if (by_groups(job->plan))
        cut_groups(&p, job, begin, end);
    else
        cut_rows(&p, job, begin, end);
    return p;
}
