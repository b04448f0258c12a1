/* Dilated convolution as ordinary ones: along each axis, outputs that are
 * `dilation` apart read inputs that are `dilation` apart, so a dilation of d is
 * d independent undilated convolutions on every d-th element (the algorithme a
 * trous read backwards; see Yu and Koltun 2016, arXiv:1511.07122). Each phase is
 * a strided view, served by an undilated algorithm: nothing is rearranged. */
#include "../base/integers.h"
#include "algorithms.h"

#include <stddef.h>

/* Each phase is visited even where it has next to nothing to do. */
enum { MOST_PHASES = 1 << 16 };

static int64_t gcd(int64_t a, int64_t b) {
    return b ? gcd(b, a % b) : a;
}

static int64_t phases(const fc_conv_spec *s, int axis) {
    return fc_min(s->dilation[axis] / gcd(s->stride[axis], s->dilation[axis]), s->out[axis]);
}

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    int64_t count = 1;
    bool dilated = false;
    for (int a = 0; a < FC_AXES; a++) {
        dilated |= s->dilation[a] > 1 && s->kernel[a] > 1;
        count = fc_min(count, MOST_PHASES + 1) * phases(s, a);
    }
    if (!dilated) return "no axis is dilated";
    return count > MOST_PHASES ? "the dilation has more than 65536 phases" : NULL;
}

/* Phase f of one axis, with g = gcd(stride, dilation): output o = o' * (d / g) + f
 * reads input o * stride + r * d - pad = d * (o' * (stride / g) + r) + f * stride - pad. */
static void axis_phase(const fc_conv_spec *s, int axis, int64_t f, fc_conv_spec *sub, fc_tensor *x,
                       fc_tensor *y, int64_t *x_at, int64_t *y_at) {
    const int64_t d = s->dilation[axis], g = gcd(s->stride[axis], d);
    const int64_t from = f * s->stride[axis] - s->pad_lo[axis];
    const int64_t offset = ((from % d) + d) % d;
    const int64_t skipped = (from - offset) / d; /* phase elements before tap 0 */
    const int64_t size = s->in[axis] > offset ? fc_ceil_div(s->in[axis] - offset, d) : 0;
    const int64_t first = fc_clamp(skipped, 0, size);
    sub->dilation[axis] = 1;
    sub->stride[axis] = s->stride[axis] / g;
    sub->in[axis] = size - first;
    sub->pad_lo[axis] = skipped < 0 ? -skipped : 0;
    sub->out[axis] = fc_ceil_div(s->out[axis] - f, d / g);
    sub->pad_hi[axis] =
        fc_max(0, fc_reach(sub, axis, sub->out[axis]) - sub->pad_lo[axis] - sub->in[axis]);
    *x_at += size ? (offset + first * d) * x->axis[axis] : 0;
    *y_at += f * y->axis[axis];
    x->axis[axis] *= d;
    y->axis[axis] *= d / g;
}

/* The undilated problem of the first phase, by which the inner algorithm is
 * chosen; all phases share it and its packed weights. */
static fc_conv_spec undilated(const fc_conv_spec *s) {
    fc_conv_spec sub = *s;
    fc_tensor x = {0}, y = {0};
    int64_t at = 0;
    for (int a = 0; a < FC_AXES; a++) axis_phase(s, a, 0, &sub, &x, &y, &at, &at);
    sub.phase = true;
    return sub;
}

static fc_conv_plan inner_plan(const fc_conv_plan *plan) {
    const fc_conv_spec sub = undilated(&plan->spec);
    fc_conv_plan inner = *plan;
    fc_conv_plan_make(&inner, &sub, plan->isa, NULL, false);
    inner.largest_weight = plan->largest_weight;
    return inner;
}

static fc_conv_plan inner_plan_for(const fc_conv_spec *s, const fc_kernels *k) {
    fc_isa isa = {.kernels = {k, k}};
    fc_conv_plan plan = {.spec = *s, .isa = &isa, .kernels = k};
    return inner_plan(&plan);
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const fc_conv_plan inner = inner_plan_for(s, k);
    double count = 1;
    for (int a = 0; a < FC_AXES; a++) count *= (double)phases(s, a);
    /* Only every other element has a fast gather, by long vectors; the rest go one by one. */
    const bool fast = s->channels_last || (s->dilation[FC_X] <= 2 && !fc_short_vectors(k));
    const double gather = fast ? 0.15 : fc_short_vectors(k) ? 4 : 1;
    const double in = (double)s->in_channels * (double)fc_in_pixels(s);
    const double out = (double)s->out_channels * (double)fc_out_pixels(s);
    return count * (inner.algorithm->cost(&inner.spec, k) + 2000) + gather * (in + out);
}

static double pack_cost(const fc_conv_spec *s, const fc_kernels *k) {
    const fc_conv_plan inner = inner_plan_for(s, k);
    return inner.algorithm->pack_cost(&inner.spec, k);
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return inner_plan_for(s, k).packed_bytes / k->element;
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k) {
    const fc_conv_plan inner = inner_plan_for(s, k);
    return inner.algorithm->bias_elements(&inner.spec, k);
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_plan inner = inner_plan(plan);
    inner.algorithm->pack(&inner, w, bias, packed);
}

/* As the inner algorithm packs for itself, but for im2col, whose blocks of channels depend on the
 * stride and the dilation: undilated they may be others. */
static const fc_conv_algorithm *packs_for(const fc_conv_plan *plan) {
    const fc_conv_algorithm *inner = inner_plan(plan).algorithm;
    return inner == &fc_conv_im2col ? &fc_conv_dilated : inner;
}

static fc_conv_job phase_job(const fc_conv_job *job, const fc_conv_plan *inner,
                             const int64_t phase[FC_AXES]) {
    const fc_conv_spec *s = &job->plan->spec;
    fc_conv_job sub = *job;
    int64_t x_at = 0, y_at = 0;
    for (int a = 0; a < FC_AXES; a++)
        axis_phase(s, a, phase[a], &sub.spec, &sub.x, &sub.y, &x_at, &y_at);
    sub.plan = inner;
    sub.x.data = fc_at_mut(job->x.data, x_at, job->kernels);
    sub.y.data = fc_at_mut(job->y.data, y_at, job->kernels);
    sub.geometry = (fc_geometry){0};
    inner->algorithm->cut(&sub);
    return sub;
}

/* Every phase counts as many items as the largest has, so that an item tells its phase. */
static void cut(fc_conv_job *job) {
    const fc_conv_plan inner = inner_plan(job->plan);
    const fc_conv_spec *s = &job->plan->spec;
    fc_geometry *g = &job->geometry;
    int64_t most = 0, f[FC_AXES];
    for (f[0] = 0; f[0] < phases(s, 0); f[0]++)
        for (f[1] = 0; f[1] < phases(s, 1); f[1]++)
            for (f[2] = 0; f[2] < phases(s, 2); f[2]++) {
                const fc_conv_job sub = phase_job(job, &inner, f);
                most = fc_max(most, sub.geometry.items);
                g->visit = sub.geometry.visit;
                job->scratch_bytes = fc_max(job->scratch_bytes, sub.scratch_bytes);
            }
    g->items = most * phases(s, 0) * phases(s, 1) * phases(s, 2);
}

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    const fc_conv_plan inner = inner_plan(job->plan);
    const fc_conv_spec *s = &job->plan->spec;
    const int64_t most = job->geometry.items / (phases(s, 0) * phases(s, 1) * phases(s, 2));
    for (int64_t phase = begin / most; phase * most < end; phase++) {
        const int64_t f[FC_AXES] = {phase / phases(s, 2) / phases(s, 1),
                                    phase / phases(s, 2) % phases(s, 1), phase % phases(s, 2)};
        const fc_conv_job sub = phase_job(job, &inner, f);
        const int64_t lo = fc_max(begin - phase * most, 0);
        const int64_t hi = fc_min(end - phase * most, sub.geometry.items);
        if (lo < hi) inner.algorithm->run(&sub, lo, hi, scratch);
    }
}

const fc_conv_algorithm fc_conv_dilated = {
    .name = "dilated",
    .family = "dilated",
    .refuse = refuse,
    .cost = cost,
    .pack_cost = pack_cost,
    .packed_elements = packed_elements,
    .bias_elements = bias_elements,
    .pack = pack,
    .cut = cut,
    .run = run,
    .packs_for = packs_for,
    .needs_whole_images = true,
};
