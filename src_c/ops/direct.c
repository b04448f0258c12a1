/* Direct convolution: output pixels in vectors, weights broadcast (`planes`).
 * A strip holds the padded input planes, split by the phases of the stride, so
 * that every tap is an offset into contiguous memory. (A pointwise convolution of whole
 * planes needs none: plane_row.)
 *
 * Packed weights: [group][panel]{[c][z][r][s][m]}, after the bias [group][channel]. Those of a
 * single call stay where they are. */
#include "../base/integers.h"
#include "algorithms.h"
#include "plane_row.h"
#include "plane_strip.h"

#include <math.h>
#include <string.h>

enum { STRIP_BYTES = 384 * 1024, OUT_BYTES = 384 * 1024, TAP_BYTES = 256 * 1024 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)s, (void)k;
    return NULL;
}

static int64_t reduction(const fc_conv_spec *s) {
    return fc_group_in(s) * fc_kernel_size(s);
}

static int64_t panels(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_ceil_div(fc_group_out(s), k->plane_channels);
}

/* Panels are balanced: 8 channels are 4 + 4, not 6 + 2. */
static int64_t panel_begin(const fc_conv_spec *s, const fc_kernels *k, int64_t p) {
    return fc_share(fc_group_out(s), panels(s, k), p);
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return s->out_channels;
}

static int64_t group_elements(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return fc_group_out(s) * reduction(s);
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return bias_elements(s, k) + s->groups * group_elements(s, k);
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double n = (double)reduction(s), vl = (double)k->vl;
    const double width = (double)s->out[FC_X], height = (double)(s->out[FC_Y] * s->out[FC_Z]);
    const bool pointwise = fc_kernel_size(s) == 1 && s->stride[FC_X] == 1;
    const double junk = pointwise ? 0
                                  : (double)((s->kernel[FC_X] - 1) * s->dilation[FC_X]) /
                                        (double)s->stride[FC_X];
    const double vectors = fmin(ceil((width + junk) * height / vl), ceil(width / vl) * height);
    const double m = (double)fc_group_out(s) / (double)panels(s, k); /* channels of a tile */
    const double nv = (double)k->plane_vectors;
    /* A tile step takes m * nv multiplications and m + nv loads. */
    const double step = fmax(m * nv, m + 2 * nv) / (m * nv);
    /* Vectors that cross the end of a row go through a buffer, part by part. */
    const bool by_row = s->out[FC_X] % k->vl == 0 || width >= 4 * nv * vl;
    const double store = pointwise ? 1 : by_row ? 3 : 12;
    /* Rows are copied by vectors where their pixels are next to each other or every second one,
     * transposed where several channels are, and otherwise by element, in time that does not depend
     * on the vectors' length. */
    const double in = (double)s->in_channels * (double)fc_in_pixels(s);
    const double read = in * fc_share_read(s);
    const double rows = pointwise ? (double)s->in_channels
                                  : read / fmax((double)s->in[FC_X], 1) * (double)s->stride[FC_X];
    const double scalar = 64 / (vl * (double)k->element);
    const bool gathers = s->channels_last && s->in_channels > 1;
    const double element = gathers               ? fc_group_in(s) < 4 ? 1.8 * scalar : 0.5 * scalar
                           : s->stride[FC_X] > 2 ? 1.8 * scalar
                                                 : 2 / vl;
    const double load = rows * 20 * scalar + read * element;
    /* Channels-last results are scattered panel by panel, in parts of a vector where a panel is
     * narrower than one. */
    const bool scatters = s->channels_last && s->out_channels > 1;
    /* Pixels of two or four are put together by vectors. */
    const bool joined = (m == 2 || m == 4) && m == (double)s->out_channels;
    const double each = !scatters ? store
                        : joined  ? 15 * scalar
                                  : 10 * scalar * fmin(fmax(vl / m, 1), 4);
    const bool keeps = pointwise && !gathers && fc_plane_row_keeps(s, k);
    const bool in_place = pointwise && !gathers && !keeps;
    const double moved = (in_place ? 0 : load) + (double)s->out_channels * vectors * each;
    /* Weights are streamed for every few vectors: from L1, L2 or beyond. */
    const double weights = n * (double)fc_group_out(s);
    const bool close = keeps && fc_short_vectors(k); /* in L1 for many tiles */
    const double stream = weights < 32768    ? close ? 1.03 : 1.04
                          : weights < 131072 ? close ? 1.03 : 1.06
                          : close            ? 1.06
                                             : 1.10;
    /* A long vector that a tap shifts lies in two lines: two loads. */
    const double split = fc_kernel_size(s) > 1 && !fc_short_vectors(k) ? 1.06 : 1;
    /* The pixels of many planes are far apart, and short vectors need them soon. */
    const bool waiting = in_place && fc_short_vectors(k) && n >= 128;
    const bool transposed = pointwise && gathers && n >= 256;
    const double waits = waiting ? 1.25 : transposed ? 1.2 : 1;
    /* A strip with its taps, which small images are made of. */
    const double strips = fc_kernel_size(s) == 1 ? 0 : 230 * (double)s->groups;
    return (double)s->out_channels * vectors * n * step * stream * split * waits + moved + strips;
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const int64_t n = reduction(s);
    if (bias)
        memcpy(packed, bias, (size_t)(s->out_channels * k->element));
    else
        memset(packed, 0, (size_t)(s->out_channels * k->element));
    if (plan->as_given) return;
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t p = 0; p < panels(s, k); p++) {
            const int64_t first = g * fc_group_out(s) + panel_begin(s, k, p);
            const int64_t m = panel_begin(s, k, p + 1) - panel_begin(s, k, p);
            k->copy(&(fc_copy_args){
                .from = fc_at(w, first * n, k),
                .to = fc_at_mut(packed, s->out_channels + first * n, k),
                .rows = m,
                .columns = n,
                .from_row = n,
                .from_column = 1,
                .to_row = 1,
                .to_column = m,
            });
        }
}

/* Nothing beyond the pixels is read, where that takes no longer. */
static bool reads_exactly(const fc_conv_job *job) {
    return fc_is_pointwise(&job->spec) && !fc_short_vectors(job->kernels);
}

static void load(const fc_conv_job *job, const fc_strip *s) {
    if (fc_plane_row_is(job))
        fc_plane_row_load(job, s);
    else
        fc_plane_strip_load(job, s, !reads_exactly(job));
}

static void make_taps(const fc_conv_job *job, const fc_strip *s) {
    if (fc_plane_row_is(job))
        fc_plane_row_taps(job, s);
    else
        fc_plane_strip_taps(job, s);
}

static bool stores_directly(const fc_conv_job *job) {
    return job->y.axis[FC_X] == 1;
}

/* Weights of a panel of `m` output channels, from its first and from an input channel on. */
static const void *weights_of(const fc_conv_job *job, int64_t channel, int64_t m, int64_t c) {
    const fc_conv_spec *s = &job->spec;
    const int64_t row = channel * reduction(s), at = c * fc_kernel_size(s);
    return job->plan->as_given ? fc_at(job->plan->weights, row + at, job->kernels)
                               : fc_at(job->packed, s->out_channels + row + at * m, job->kernels);
}

static void panel(const fc_conv_job *job, const fc_strip *s, int64_t p, int64_t slot) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t first = panel_begin(spec, k, p), m = panel_begin(spec, k, p + 1) - first;
    const int64_t channel = s->group * fc_group_out(spec) + first;
    const bool direct = stores_directly(job), row = fc_plane_row_is(job);
    const int64_t width = s->size[FC_X], out_row = direct ? job->y.axis[FC_Y] : width;
    /* Without junk between rows and results between them they are one. */
    const int64_t joined = fc_is_pointwise(spec) && out_row == width ? s->size[FC_Y] : 1;
    char *out = direct ? fc_at_mut(fc_strip_out(job, s), first * job->y.channel, k)
                       : (char *)s->out + slot * job->geometry.out_bytes;
    fc_planes_args args = {
        .x = s->strip,
        .w = weights_of(job, channel, m, s->c_begin),
        .bias = s->first ? fc_conv_bias_at(job, channel) : NULL,
        .out = out,
        .tap = s->taps,
        .taps = s->c_size * fc_kernel_size(spec),
        .channels = m,
        .w_channel = job->plan->as_given ? reduction(spec) : 1,
        .rows = s->size[FC_Y] / joined,
        .width = width * joined,
        .pitch = fc_is_pointwise(spec) ? width * joined : fc_plane_shape_of(job, s).pitch,
        .out_channel = direct ? job->y.channel : s->size[FC_Y] * width,
        .out_row = out_row,
        .exact = reads_exactly(job),
        .lo = s->last ? spec->clip_lo : -INFINITY,
        .hi = s->last ? spec->clip_hi : INFINITY,
    };
    if (row)
        fc_plane_row_run(job, s, &args);
    else
        k->planes(&args);
    if (s->last && !direct) fc_plane_strip_store(job, s, first, m, out);
}

static void cut(fc_conv_job *job) {
    const fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    const int64_t tap_bytes = fc_kernel_size(s) * (int64_t)sizeof(int64_t);
    /* Beyond it, a strip of all channels and one panel's weights no longer stay in cache together.
     */
    enum { LONG_REDUCTION = 5000, BLOCK = 128 };
    const bool streams = fc_plane_row_is(job) && fc_plane_row_streams(s, k);
    const int64_t most = streams                         ? FC_ROW_PLANES
                         : reduction(s) > LONG_REDUCTION ? BLOCK
                                                         : INT64_MAX;
    const int64_t channels = fc_min(fc_strips_channels(s, k, fc_plane_strip_bytes, most),
                                    fc_max(TAP_BYTES / tap_bytes, 1));
    g->panels = panels(s, k);
    fc_strips_cut(job, fc_plane_strip_bytes, channels, STRIP_BYTES,
                  stores_directly(job) ? INT64_MAX : OUT_BYTES / (k->plane_channels * k->element));
    if (fc_plane_row_is(job)) fc_plane_row_cut(job);
    g->tap_bytes = g->channels * tap_bytes;
    if (!stores_directly(job))
        g->out_bytes = k->plane_channels * g->out[FC_Y] * g->out[FC_X] * k->element;
    fc_strips_finish(job);
}

static const fc_strip_steps steps = {load, make_taps, panel};

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    fc_strips_run(job, begin, end, scratch, &steps);
}

const fc_conv_algorithm fc_conv_direct = {
    .name = "direct",
    .family = "direct",
    .refuse = refuse,
    .cost = cost,
    .pack_cost = fc_conv_read_cost, /* weights that come with a call are looked through */
    .packed_elements = packed_elements,
    .bias_elements = bias_elements,
    .pack = pack,
    .cut = cut,
    .run = run,
    .takes_as_given = true,
    .group_elements = group_elements,
};
