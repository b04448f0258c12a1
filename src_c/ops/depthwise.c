/* Depthwise convolution: each input channel meets only its own filters, so the
 * work is plane by plane. Square 3, 5 and 7 filters of stride 1 and 2 have a
 * kernel of their own; any other shape goes through `planes`, one channel wide.
 *
 * Packed weights: bias [channel], then the filters in C order. */
#include "../base/integers.h"
#include "algorithms.h"
#include "plane_strip.h"

#include <math.h>
#include <string.h>

enum { STRIP_BYTES = 128 * 1024 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return fc_group_in(s) == 1 && s->groups > 1 ? NULL : "groups differ from the input channels";
}

static bool has_own_kernel(const fc_conv_spec *s) {
    const int64_t size = s->kernel[FC_X], stride = s->stride[FC_X];
    return (size == 3 || size == 5 || size == 7) && s->kernel[FC_Y] == size &&
           s->kernel[FC_Z] == 1 && stride <= 2 && s->stride[FC_Y] == stride &&
           s->dilation[FC_Y] == 1 && s->dilation[FC_X] == 1;
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return s->out_channels * (fc_kernel_size(s) + 1);
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double n = (double)fc_kernel_size(s), vl = (double)k->vl;
    const double rows = (double)(s->out[FC_Y] * s->out[FC_Z]);
    const double vectors = ceil((double)s->out[FC_X] / vl) * rows;
    const double in = (double)s->in_channels * (double)(s->in[FC_Z] * s->in[FC_Y] * s->in[FC_X]);
    const double step = has_own_kernel(s) ? 1.2 : 2.5;
    return (double)s->out_channels * vectors * n * step + in / vl * (s->channels_last ? 4.0 : 2.0);
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const size_t biases = (size_t)(s->out_channels * k->element);
    if (bias)
        memcpy(packed, bias, biases);
    else
        memset(packed, 0, biases);
    memcpy((char *)packed + biases, w,
           (size_t)(s->out_channels * fc_kernel_size(s) * k->element));
}

/* One output channel from the strip that holds its input. */
static void filter(const fc_conv_job *job, const fc_strip *s, const fc_plane_shape *p,
                   int64_t multiplier) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t channel = s->group * fc_group_out(spec) + multiplier;
    const bool direct = job->y.axis[FC_X] == 1;
    const void *bias = fc_at(job->packed, channel, k);
    const void *w = fc_at(job->packed, spec->out_channels + channel * fc_kernel_size(spec), k);
    void *out = direct ? fc_at_mut(fc_strip_out(job, s), multiplier * job->y.channel, k) : s->out;
    const int64_t out_row = direct ? job->y.axis[FC_Y] : s->size[FC_X];
    if (has_own_kernel(spec))
        k->depthwise(&(fc_depthwise_args){
            .x = s->strip, .w = w, .bias = bias, .out = out,
            .kernel = spec->kernel[FC_X], .stride = spec->stride[FC_X],
            .phase = p->plane, .pitch = p->pitch,
            .rows = s->size[FC_Y], .width = s->size[FC_X], .out_row = out_row,
            .lo = spec->clip_lo, .hi = spec->clip_hi,
        });
    else
        k->planes(&(fc_planes_args){
            .x = s->strip, .w = w, .bias = bias, .out = out,
            .tap = s->taps, .taps = fc_kernel_size(spec), .channels = 1,
            .rows = s->size[FC_Y], .width = s->size[FC_X], .pitch = p->pitch,
            .out_row = out_row,
            .lo = spec->clip_lo, .hi = spec->clip_hi,
        });
    if (!direct) fc_plane_strip_store(job, s, multiplier, 1, out);
}

static void cut(fc_conv_job *job) {
    fc_geometry *g = &job->geometry;
    g->panels = 1;
    fc_strips_cut(job, fc_plane_strip_bytes, 1, STRIP_BYTES, INT64_MAX);
    /* The kernel's last vectors read on beyond the last row. */
    g->strip_bytes += 2 * job->kernels->vl * job->kernels->element;
    g->tap_bytes = fc_kernel_size(&job->spec) * (int64_t)sizeof(int64_t);
    if (job->y.axis[FC_X] != 1) g->out_bytes = g->out[FC_Y] * g->out[FC_X] * job->kernels->element;
    fc_strips_finish(job);
}

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    const fc_geometry *g = &job->geometry;
    fc_strip s = fc_strips_scratch(job, scratch);
    while (begin < end) {
        fc_strips_locate(job, begin, &s);
        const fc_plane_shape p =
            fc_plane_shape_of(&job->spec, s.size[FC_Y], s.size[FC_X], job->kernels);
        const int64_t stop = fc_min(job->spec.groups, s.group + (end - begin));
        begin += stop - s.group;
        s.c_size = g->channels;
        fc_plane_strip_taps(job, &s);
        for (bool borders = true; s.group < stop; s.group++, borders = false) {
            fc_plane_strip_load(job, &s, borders);
            for (int64_t m = 0; m < fc_group_out(&job->spec); m++) filter(job, &s, &p, m);
        }
    }
}

const fc_conv_algorithm fc_conv_depthwise = {
    "depthwise", "depthwise", refuse, cost, packed_elements, pack, cut, run,
};
