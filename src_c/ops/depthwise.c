/* Depthwise convolution: each input channel meets only its own filters, so the
 * work is plane by plane. Planes are copied into strips, padded and split by the
 * phases of the stride. Some square filters have a kernel that reads contiguous rows
 * in place (other rows are gathered first).
 *
 * Packed weights: bias [channel], then the filters in C order. */
#include "../base/integers.h"
#include "algorithms.h"
#include "plane_strip.h"

#include <math.h>
#include <string.h>

/* Of rows in place; of a copied plane, which is copied at once if it can be; and of several small
 * ones, which the first-level cache keeps. */
enum { STRIP_BYTES = 128 * 1024, COPIED_BYTES = 64 * 1024, TOGETHER_BYTES = 16 * 1024 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return fc_group_in(s) == 1 ? NULL : "groups differ from the input channels";
}

/* Masked loads at the borders of planes cost vectors of 64 bytes nothing. */
static bool masks_freely(const fc_kernels *k) {
    return k->vl * k->element == 64;
}

static bool has_masked_kernel(const fc_conv_spec *s) {
    const int64_t size = s->kernel[FC_X];
    return size >= 2 && size <= 7 && size != 6;
}

/* Rows are long enough for a tile, and at most one column is missing at each end. Where many
 * filters meet one plane its copy serves them all. */
static bool has_unmasked_kernel(const fc_conv_spec *s, const fc_kernels *k) {
    enum { MANY = 8 };
    const int64_t stride = s->stride[FC_X], left = s->pad_lo[FC_X];
    const int64_t right = fc_reach(s, FC_X, s->out[FC_X]) - left - s->in[FC_X];
    const int64_t tile = stride == 1 ? 2 * k->vl : left > 0 && right > 0 ? k->vl + 1 : k->vl;
    return s->kernel[FC_X] == 3 && left <= 1 && right <= 1 && s->out[FC_X] >= tile &&
           fc_group_out(s) < MANY;
}

/* Planes are read in place where there is a kernel for it. It depends on nothing that a part of the
 * image changes, whose sums go in the same order. */
static bool in_place(const fc_conv_spec *s, const fc_kernels *k) {
    const int64_t size = s->kernel[FC_X], stride = s->stride[FC_X];
    const bool square = s->kernel[FC_Y] == size && s->stride[FC_Y] == stride;
    return square && stride <= 2 && s->kernel[FC_Z] == 1 && s->dilation[FC_Y] == 1 &&
           s->dilation[FC_X] == 1 &&
           (masks_freely(k) ? has_masked_kernel(s) : has_unmasked_kernel(s, k));
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return s->out_channels;
}

static int64_t group_elements(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    return fc_group_out(s) * fc_kernel_size(s);
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return bias_elements(s, k) + s->groups * group_elements(s, k);
}

/* Vectors of results. */
static double vectors(const fc_conv_spec *s, const fc_kernels *k) {
    const double rows = (double)(s->out[FC_Y] * s->out[FC_Z]);
    return (double)s->out_channels * rows * ceil((double)s->out[FC_X] / (double)k->vl);
}

static double cost_in_place(const fc_conv_spec *s, const fc_kernels *k) {
    const double n = (double)fc_kernel_size(s);
    const bool strided = s->stride[FC_X] == 2;
    if (masks_freely(k)) return vectors(s, k) * n * (strided ? 2.1 : 1.2);
    const double rows = (double)(s->out_channels * s->out[FC_Y]);
    return vectors(s, k) * n * (strided ? 1.5 : 0.8) + rows * 8;
}

/* Row by row, and both columns of a stride of 2 at once. */
static double cost_copied(const fc_conv_spec *s, const fc_kernels *k) {
    const double n = (double)fc_kernel_size(s), vl = (double)k->vl;
    const double read = (double)s->in_channels * (double)fc_in_pixels(s) * fc_share_read(s);
    const double rows = read / fmax((double)s->in[FC_X], 1);
    const double element = s->stride[FC_X] == 1 ? 3.2 / vl : s->stride[FC_X] == 2 ? 5.8 / vl : 3;
    const int64_t size = s->kernel[FC_Y];
    const bool own = s->kernel[FC_Z] == 1 && s->kernel[FC_X] == size && size > 2 && size < 8 &&
                     size != 6 && s->stride[FC_Y] <= 2 && s->dilation[FC_Y] == 1;
    /* Many filters of one plane leave more results than stay close, one plane after the other
     * (1-64@224 5x5 takes 1.7 times as long as in `direct`, 1-16@224 1.2, 1-64@56 0.8). */
    static const double close = 2e6;
    const double bytes = vectors(s, k) * vl * (double)k->element;
    const bool far = fc_group_out(s) > 1 && !masks_freely(k) && bytes > close;
    const double results = far ? (bytes - close) / (vl * (double)k->element) * 14 : 0;
    return vectors(s, k) * (own ? n * 0.88 + 4 : n * 1.25 + 8) + read * element + rows * 7 +
           (double)s->in_channels * 100 + (double)s->out_channels * 80 + results;
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double vl = (double)k->vl;
    const double in = (double)s->in_channels * (double)fc_in_pixels(s);
    /* Planes of channels-last images are gathered element by element, and results scattered. */
    const bool gathers = s->channels_last && s->in_channels > 1 && fc_group_out(s) == 1;
    const bool scatters = s->channels_last && fc_group_out(s) > 1;
    const double strided = scatters ? 80 : gathers ? 3.1 * vl : 0;
    return (in_place(s, k) ? cost_in_place(s, k) : cost_copied(s, k)) + vectors(s, k) * strided +
           in / vl * (s->channels_last ? 4.0 : 0.0);
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const size_t biases = (size_t)(s->out_channels * k->element);
    if (bias)
        memcpy(packed, bias, biases);
    else
        memset(packed, 0, biases);
    memcpy((char *)packed + biases, w, (size_t)(s->out_channels * fc_kernel_size(s) * k->element));
}

static bool stores_directly(const fc_conv_job *job) {
    return job->y.axis[FC_X] == 1;
}

/* Whether the kernel may go through groups by itself, in the arrays as they are. */
static bool planes_together(const fc_conv_job *job) {
    return job->geometry.in_place && stores_directly(job) && fc_group_out(&job->spec) == 1;
}

/* The strip's own kernel reads the image itself or, where its columns are not
 * contiguous, a copy of the rows that the strip needs. */
static void load_rows(const fc_conv_job *job, const fc_strip *s, fc_depthwise_args *a) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t y0 = fc_strip_origin(job, s, FC_Y);
    const int64_t top = fc_clamp(y0, 0, a->height);
    const int64_t bottom = fc_clamp(y0 + fc_reach(spec, FC_Y, s->size[FC_Y]), top, a->height);
    k->copy(&(fc_copy_args){
        .from = fc_at(a->x, top * a->x_row, k),
        .to = s->strip,
        .rows = bottom - top,
        .columns = spec->in[FC_X],
        .from_row = job->x.axis[FC_Y],
        .from_column = job->x.axis[FC_X],
        .to_row = spec->in[FC_X],
        .to_column = 1,
    });
    a->x = s->strip;
    a->x_row = spec->in[FC_X];
    a->height = bottom - top;
    a->pad_y = top - y0;
}

/* Groups from the strip's own on, `groups` of them. */
static void filter_rows(const fc_conv_job *job, const fc_strip *s, int64_t groups) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t multiplier = fc_group_out(spec), channel = s->group * multiplier;
    const bool direct = stores_directly(job);
    const int64_t z = fc_strip_origin(job, s, FC_Z);
    const bool inside = z >= 0 && z < spec->in[FC_Z];
    fc_depthwise_args a = {
        .kernel = spec->kernel[FC_X],
        .stride = spec->stride[FC_X],
        .x = fc_strip_in(job, s, inside ? z : 0, 0, 0),
        .w = fc_at(job->packed, spec->out_channels + channel * fc_kernel_size(spec), k),
        .bias = fc_conv_bias_at(job, channel),
        .out = direct ? fc_strip_out(job, s) : s->out,
        .x_row = job->x.axis[FC_Y],
        .height = inside ? spec->in[FC_Y] : 0,
        .width = spec->in[FC_X],
        .pad_y = -fc_strip_origin(job, s, FC_Y),
        .pad_x = spec->pad_lo[FC_X],
        .row_end = s->size[FC_Y],
        .out_width = s->size[FC_X],
        .out_row = direct ? job->y.axis[FC_Y] : s->size[FC_X],
        .planes = groups * multiplier,
        .x_plane = multiplier == 1 ? job->x.channel : 0,
        .out_plane = job->y.channel,
        .lo = spec->clip_lo,
        .hi = spec->clip_hi,
    };
    if (job->x.axis[FC_X] != 1) load_rows(job, s, &a);
    if (direct) {
        k->depthwise(&a);
        return;
    }
    a.planes = 1;
    for (int64_t m = 0; m < multiplier; m++) {
        a.w = fc_at(job->packed, spec->out_channels + (channel + m) * fc_kernel_size(spec), k);
        a.bias = fc_conv_bias_at(job, channel + m);
        k->depthwise(&a);
        fc_plane_strip_store(job, s, m, 1, s->out);
    }
}

/* Rows of the filter from one tap to that which meets the next row of the same phase; of a dilated
 * filter, the next row a dilation further on. The order of the sums depends on it, so it must not
 * depend on the size of the image. */
static int64_t row_step(const fc_conv_spec *s) {
    const int64_t stride = s->stride[FC_Y], dilation = s->dilation[FC_Y], rows = s->kernel[FC_Y];
    if (stride == 1) return 1;
    return stride % dilation == 0 ? fc_min(stride / dilation, rows) : rows;
}

/* Rows of the result that take turns: those a dilation apart meet the same rows of the strip, which
 * pays where there are several of each. */
static int64_t row_phases(const fc_conv_spec *s, int64_t rows, bool scattered) {
    enum { SEVERAL = 4 };
    const int64_t dilation = s->dilation[FC_Y];
    return s->stride[FC_Y] == 1 && !scattered && rows / SEVERAL >= dilation ? dilation : 1;
}

/* The strip's planes, of `s->c_size` groups from its own on. */
static void filter_planes(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const fc_plane_shape p = fc_plane_shape_of(job, s);
    const int64_t multiplier = fc_group_out(spec), first = s->group * multiplier;
    const int64_t apart = spec->kernel[FC_Z] * p.planes_y * p.planes_x * p.plane;
    const int64_t step = row_step(spec), rows = s->size[FC_Y];
    const int64_t phases = row_phases(spec, rows, p.by_tap_y);
    const bool direct = stores_directly(job);
    const int64_t out_row = direct ? job->y.axis[FC_Y] : s->size[FC_X];
    /* Several planes at a time: of as many inputs, or of the one that they share. */
    const int64_t together = !direct ? 1 : multiplier == 1 ? s->c_size : multiplier;
    for (int64_t i = 0; i < s->c_size * multiplier; i += together) {
        void *out = direct ? fc_at_mut(fc_strip_out(job, s), i * job->y.channel, k) : s->out;
        for (int64_t f = 0; f < phases; f++)
            k->depthwise_strip(&(fc_depthwise_strip_args){
                .x = fc_at(s->strip, i / multiplier * apart + f * p.pitch, k),
                .w = fc_at(job->packed, spec->out_channels + (first + i) * fc_kernel_size(spec), k),
                .bias = fc_conv_bias_at(job, first + i),
                .out = fc_at_mut(out, f * out_row, k),
                .tap = s->taps,
                .kernel = {spec->kernel[FC_Z], spec->kernel[FC_Y], spec->kernel[FC_X]},
                .row_step = step,
                .column_taps = fc_ceil_div(spec->kernel[FC_Y], step),
                .scattered = p.by_tap_y || (step == 1 && phases < spec->dilation[FC_Y]),
                .rows = fc_ceil_div(rows - f, phases),
                .width = s->size[FC_X],
                .pitch = phases * p.pitch,
                .out_row = phases * out_row,
                .planes = together,
                .x_plane = multiplier == 1 ? apart : 0,
                .out_plane = job->y.channel,
                .lo = spec->clip_lo,
                .hi = spec->clip_hi,
            });
        if (!direct) fc_plane_strip_store(job, s, i, 1, out);
    }
}

/* Whole rows: the kernel handles both borders itself. */
static int64_t row_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                         const fc_kernels *k) {
    (void)columns, (void)channels;
    return fc_reach(s, FC_Y, rows) * s->in[FC_X] * k->element;
}

/* Strips of more rows than their halo has, even if they take more, and several planes where those
 * are small. */
static void cut_copies(fc_conv_job *job) {
    enum { HALOS = 4 };
    const fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    const int64_t reach = fc_reach(s, FC_Y, 1), all = s->out[FC_Y];
    const int64_t rows = reach > all / HALOS ? all : HALOS * reach; /* reach may be any size */
    const int64_t least = fc_plane_strip_bytes(s, rows, s->out[FC_X], 1, k);
    fc_strips_cut(job, fc_plane_strip_bytes, 1, fc_clamp(least, COPIED_BYTES, STRIP_BYTES),
                  INT64_MAX);
    g->tap_bytes = fc_kernel_size(s) * (int64_t)sizeof(int64_t);
    g->channels = fc_clamp(TOGETHER_BYTES / g->strip_bytes, 1, s->groups);
    g->strip_bytes = fc_plane_strip_bytes(s, g->out[FC_Y], g->out[FC_X], g->channels, k);
}

static void cut(fc_conv_job *job) {
    const fc_conv_spec *s = &job->spec;
    fc_geometry *g = &job->geometry;
    g->panels = 1;
    if (in_place(s, job->kernels)) {
        fc_strips_cut_rows(job, row_bytes, STRIP_BYTES);
        g->in_place = job->x.axis[FC_X] == 1;
        if (g->in_place) g->strip_bytes = 0;
    } else {
        cut_copies(job);
    }
    if (!stores_directly(job)) g->out_bytes = g->out[FC_Y] * g->out[FC_X] * job->kernels->element;
    fc_strips_finish(job);
}

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    const bool own = in_place(&job->spec, job->kernels);
    const fc_geometry *g = &job->geometry;
    /* Whether the next item is the next channel of the strip (fc_by_group). */
    const bool neighbours = job->y.channel == 1 ||
                            g->strips[FC_Z] * g->strips[FC_Y] * g->strips[FC_X] == 1;
    fc_strip s = fc_strips_scratch(job, scratch);
    while (begin < end) {
        fc_strips_locate(job, begin, &s);
        const int64_t stop = neighbours ? fc_min(job->spec.groups, s.group + (end - begin))
                                        : s.group + 1;
        begin += stop - s.group;
        s.c_size = 1;
        if (own) {
            const int64_t together = planes_together(job) ? stop - s.group : 1;
            for (; s.group < stop; s.group += together) filter_rows(job, &s, together);
            continue;
        }
        fc_plane_strip_taps(job, &s);
        for (bool borders = true; s.group < stop; s.group += s.c_size, borders = false) {
            s.c_size = fc_min(g->channels, stop - s.group);
            fc_plane_strip_load(job, &s, borders);
            filter_planes(job, &s);
        }
    }
}

const fc_conv_algorithm fc_conv_depthwise = {
    .name = "depthwise",
    .family = "depthwise",
    .refuse = refuse,
    .cost = cost,
    .pack_cost = fc_conv_copy_cost,
    .packed_elements = packed_elements,
    .bias_elements = bias_elements,
    .pack = pack,
    .cut = cut,
    .run = run,
    .group_elements = group_elements,
};
