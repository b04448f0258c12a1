/* Small groups: a vector of channels holds several whole groups (`grouped`), so
 * that groups of 2 to VL channels fill it. Channels go by blocks of VL; to the
 * strips a block is one "group" of VL channels in and out.
 *
 * Packed weights: bias [block][VL], then [block][z][r][s][c][VL]. */
#include "../base/integers.h"
#include "algorithms.h"
#include "pixel_strip.h"

#include <string.h>

enum { STRIP_BYTES = 256 * 1024, OUT_BYTES = 128 * 1024 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    const int64_t size = fc_group_in(s);
    if (s->groups == 1) return "there is one group only";
    if (fc_group_out(s) != size) return "groups differ in input and output channels";
    if (size > k->vl || (size != 2 && size != 4 && size != 8 && size != 16))
        return "the group size is not 2, 4, 8 or 16 within a vector";
    return NULL;
}

static int64_t blocks(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_ceil_div(s->out_channels, k->vl);
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return blocks(s, k) * k->vl * (fc_kernel_size(s) * fc_group_in(s) + 1);
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double pixels = (double)fc_out_pixels(s), vectors = (double)blocks(s, k);
    const double n = (double)(fc_group_in(s) * fc_kernel_size(s));
    const double in = (double)(s->in[FC_Z] * s->in[FC_Y] * s->in[FC_X]);
    /* A shuffle and a multiplication for each of the group's channels. */
    return vectors * (pixels * n * 1.6 + (s->channels_last ? in : 3.0 * in + 4.0 * pixels));
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const int64_t size = fc_group_in(s), taps = fc_kernel_size(s), n = size * taps;
    memset(packed, 0, (size_t)(packed_elements(s, k) * k->element));
    if (bias) memcpy(packed, bias, (size_t)(s->out_channels * k->element));
    void *out = fc_at_mut(packed, blocks(s, k) * k->vl, k);
    for (int64_t channel = 0; channel < s->out_channels; channel += k->vl)
        for (int64_t c = 0; c < size; c++)
            k->copy(&(fc_copy_args){
                .from = fc_at(w, channel * n + c * taps, k),
                .to = fc_at_mut(out, channel * n + c * k->vl, k),
                .rows = fc_min(k->vl, s->out_channels - channel),
                .columns = taps,
                .from_row = n,
                .from_column = 1,
                .to_row = 1,
                .to_column = size * k->vl,
            });
}

static int64_t block_channels(const fc_conv_job *job, const fc_strip *s) {
    const int64_t vl = job->kernels->vl;
    return fc_min(vl, job->plan->spec.out_channels - s->group * vl);
}

static void load(const fc_conv_job *job, const fc_strip *s) {
    fc_pixel_strip_load(job, s, block_channels(job, s), job->kernels->vl);
}

static void make_taps(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t pitch = job->kernels->vl, row = fc_pixel_strip_row(job, s, pitch);
    const fc_strip_axis y = fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]);
    const fc_strip_axis x = fc_strip_axis_of(spec, FC_X, s->size[FC_X]);
    int64_t *tap = s->taps;
    for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
        for (int64_t r = 0; r < spec->kernel[FC_Y]; r++)
            for (int64_t t = 0; t < spec->kernel[FC_X]; t++)
                *tap++ = (q * y.size + r * y.apart) * row + t * x.apart * pitch;
}

static void panel(const fc_conv_job *job, const fc_strip *s, int64_t p, int64_t slot) {
    (void)p, (void)slot;
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t vl = k->vl, row = fc_pixel_strip_row(job, s, vl);
    const int64_t channels = block_channels(job, s), size = fc_group_in(&job->plan->spec);
    const bool direct = fc_pixel_strip_stores_directly(job);
    void *out = direct ? fc_strip_out(job, s) : s->out;
    k->grouped(&(fc_grouped_args){
        .x = s->strip,
        .w = fc_at(job->packed, (spec->groups + s->group * size * fc_kernel_size(spec)) * vl, k),
        .bias = fc_at(job->packed, s->group * vl, k),
        .out = out,
        .tap = s->taps,
        .taps = fc_kernel_size(spec),
        .group_size = size,
        .end = s->size[FC_Y] * s->size[FC_X],
        .width = s->size[FC_X],
        .x_row = fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]).step * row,
        .x_column = fc_strip_axis_of(spec, FC_X, s->size[FC_X]).step * vl,
        .out_row = direct ? job->y.axis[FC_Y] : s->size[FC_X] * vl,
        .out_column = direct ? job->y.axis[FC_X] : vl,
        .channels = channels,
        .lo = spec->clip_lo,
        .hi = spec->clip_hi,
    });
    if (!direct) fc_pixel_strip_store(job, s, 0, channels, out, vl);
}

static void cut(fc_conv_job *job) {
    fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    const bool direct = fc_pixel_strip_stores_directly(job);
    s->groups = blocks(s, k);
    s->in_channels = s->out_channels = s->groups * k->vl;
    g->panels = 1;
    fc_strips_cut(job, fc_pixel_strip_bytes, k->vl, STRIP_BYTES,
                  direct ? INT64_MAX : OUT_BYTES / (k->vl * k->element));
    g->tap_bytes = fc_kernel_size(s) * (int64_t)sizeof(int64_t);
    if (!direct) g->out_bytes = g->out[FC_Y] * g->out[FC_X] * k->vl * k->element;
    fc_strips_finish(job);
}

static const fc_strip_steps steps = {load, make_taps, panel};

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    fc_strips_run(job, begin, end, scratch, &steps);
}

const fc_conv_algorithm fc_conv_grouped = {
    "grouped", "grouped", refuse, cost, fc_conv_copy_cost, packed_elements, pack, cut, run, NULL,
};
