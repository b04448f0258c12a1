/* Depthwise convolution with channels innermost, read in place where they are
 * contiguous, otherwise from strips that are transposed on the way in and out.
 * Channels go by blocks of vectors, balanced; to the strips a block is one "group". Where a vector
 * holds the channels of several pixels, it takes neighbours from a strip without gaps: a tap is as
 * far from each of them, so that to the kernel they are one pixel of as many channels.
 *
 * Packed weights: bias [vector][VL], then [vector][r][s][VL]; the last vector
 * holds the last VL channels and so may overlap the one before, and the only one
 * repeats its channels as often as they fit. */
#include "../base/cpu.h"
#include "../base/integers.h"
#include "algorithms.h"
#include "pixel_strip.h"

#include <math.h>
#include <string.h>

/* Where nothing is copied, strips are only items to share out among threads, and large ones load
 * fewer rows twice. */
enum { STRIP_BYTES = 256 * 1024, OUT_BYTES = 128 * 1024, DIRECT_BYTES = 256 * 1024 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    if (fc_group_in(s) != 1) return "groups differ from the input channels";
    if (fc_group_out(s) != 1) return "there are several filters for each channel";
    if (s->kernel[FC_Z] != 1) return "the kernel has a depth";
    return NULL;
}

static int64_t vectors(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_ceil_div(s->in_channels, k->vl);
}

/* Pixels of a row that share a vector: of neighbours in the result, the inputs are neighbours, too,
 * unless there is a stride. A single channel is a plane, for which `depthwise` has kernels. */
static int64_t together(const fc_conv_spec *s, const fc_kernels *k) {
    const bool apart = !s->channels_last || s->stride[FC_X] > 1;
    const bool few = s->in_channels > 1 && 2 * s->in_channels <= k->vl;
    return few && !apart ? k->vl / s->in_channels : 1;
}

/* The first channel of a vector, as the kernel has it. */
static int64_t first_channel(const fc_conv_spec *s, const fc_kernels *k, int64_t vector) {
    return fc_min(vector * k->vl, fc_max(s->in_channels - k->vl, 0));
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return vectors(s, k) * k->vl;
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return bias_elements(s, k) * (1 + fc_kernel_size(s));
}

/* Whether the kernel has unrolled tiles for it. */
static bool has_tiles(const fc_conv_spec *s) {
    const int64_t size = s->kernel[FC_Y], stride = s->stride[FC_Y];
    return s->kernel[FC_X] == size && s->stride[FC_X] == stride && stride <= 2 &&
           s->dilation[FC_Y] == 1 && s->dilation[FC_X] == 1 &&
           (size == 3 || size == 5 || (size == 7 && stride == 1));
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double n = (double)fc_kernel_size(s), pixels = (double)fc_out_pixels(s);
    const double in = (double)fc_in_pixels(s);
    const int64_t most = together(s, k);
    if (most > 1) {
        /* Rows are copied; lanes that no pixel fills are masked. */
        const double width = ceil((double)s->out[FC_X] / (double)most);
        const double each = k->vl % s->in_channels ? 1.7 : 1.05;
        const double at_once = (double)(s->out[FC_Y] * s->out[FC_Z]) * width;
        const double rows = (double)(s->in[FC_Z] * s->in[FC_Y]);
        return at_once * (n * each + 2) + rows * 40 + 2 * in / (double)most;
    }
    /* Other filters go tap by tap, each of which is found for every pixel of a tile. */
    const double tap = has_tiles(s) ? 1.05 : k->vl * k->element == 64 ? 2 : 4;
    /* Planes are transposed on the way in and back. */
    const double read = in * fc_share_read(s);
    const double moved = s->channels_last ? 2 * read : 9 * read + 8 * pixels;
    return (double)vectors(s, k) * (pixels * (n * tap + 2) + moved);
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const int64_t taps = fc_kernel_size(s), all = vectors(s, k), n = fc_min(k->vl, s->in_channels);
    memset(packed, 0, (size_t)(packed_elements(s, k) * k->element));
    for (int64_t lane = 0; lane + n <= all * k->vl; lane += n) {
        const int64_t v = lane / k->vl, first = first_channel(s, k, v), within = lane % k->vl;
        if (bias)
            memcpy(fc_at_mut(packed, lane, k), fc_at(bias, first, k), (size_t)(n * k->element));
        k->copy(&(fc_copy_args){
            .from = fc_at(w, first * taps, k),
            .to = fc_at_mut(packed, (all + v * taps) * k->vl + within, k),
            .rows = n,
            .columns = taps,
            .from_row = taps,
            .from_column = 1,
            .to_row = 1,
            .to_column = k->vl,
        });
    }
}

static int64_t together_in(const fc_conv_job *job) {
    return together(&job->plan->spec, job->kernels);
}

static bool reads_in_place(const fc_conv_job *job) {
    return job->x.channel == 1 && together_in(job) == 1;
}

static bool stores_directly(const fc_conv_job *job) {
    const bool dense = job->y.axis[FC_X] == job->plan->spec.in_channels;
    return fc_pixel_strip_stores_directly(job) && (dense || together_in(job) == 1);
}

/* Vectors of a block. Where nothing is copied memory is best read on and on, and the lines of
 * pixels that are a power of two apart fall on few places of a cache unless they are many. (With
 * vectors of 64 bytes it has not been measured.) */
static int64_t most_vectors(const fc_conv_job *job) {
    enum { COPIED = 16 };
    const bool many = reads_in_place(job) && stores_directly(job) && fc_short_vectors(job->kernels);
    return many ? FC_DEPTHWISE_VECTORS : COPIED;
}

static int64_t blocks(const fc_conv_job *job) {
    return fc_ceil_div(vectors(&job->plan->spec, job->kernels), most_vectors(job));
}

/* Elements of scratch from one pixel to the next. */
static int64_t pitch_of(const fc_conv_job *job) {
    const fc_conv_spec *whole = &job->plan->spec;
    const fc_kernels *k = job->kernels;
    if (together_in(job) > 1) return whole->in_channels;
    return fc_min(vectors(whole, k), most_vectors(job)) * k->vl;
}

static void point_to_image(const fc_conv_job *job, const fc_strip *s, fc_depthwise_pixels_args *a) {
    const fc_conv_spec *spec = &job->spec;
    const int64_t z = fc_strip_origin(job, s, FC_Z);
    const bool inside = z >= 0 && z < spec->in[FC_Z];
    a->x = fc_strip_in(job, s, inside ? z : 0, 0, 0);
    a->height = inside ? spec->in[FC_Y] : 0;
    a->width = spec->in[FC_X];
    a->x_row = job->x.axis[FC_Y];
    a->x_column = job->x.axis[FC_X];
    a->stride[1] = spec->stride[FC_X];
    a->pad[0] = -fc_strip_origin(job, s, FC_Y);
    a->pad[1] = -fc_strip_origin(job, s, FC_X);
}

static void point_to_strip(const fc_conv_job *job, const fc_strip *s, fc_depthwise_pixels_args *a) {
    const int64_t pitch = job->geometry.channels;
    fc_pixel_strip_load(job, s, s->c_size, pitch);
    a->x = s->strip;
    const fc_strip_axis y = fc_strip_axis_of(&job->spec, FC_Y, s->size[FC_Y]);
    const fc_strip_axis x = fc_strip_axis_of(&job->spec, FC_X, s->size[FC_X]);
    a->height = y.size;
    a->x_row = fc_pixel_strip_row(job, s, pitch);
    a->x_column = pitch;
    a->width = x.size;
    a->stride[0] = y.step;
    a->stride[1] = x.step;
    a->dilation[0] = y.apart;
    a->dilation[1] = x.apart;
}

static bool can_slide(const fc_depthwise_slides_args *a, const fc_kernels *k) {
    return a->kernel[0] == 3 && a->kernel[1] == 3 && a->dilation[0] == 1 && a->dilation[1] == 1 &&
           a->stride[0] == a->stride[1] && a->stride[0] <= 2 && a->channels >= k->vl &&
           a->columns >= FC_SLIDE_COLUMNS;
}

/* Whether `depthwise_slides` is the quicker one, of the same bits. Its tiles have more loads and
 * stores under way: where pixels lie 1024 bytes or more apart, and so in few places of a page,
 * loads wait for stores of the same place on another page (0.75 to 0.85), unless results lie a line
 * off. And its tiles are too high for rows that lie in the same places (0.8 to 0.95), except where
 * places are so few that no tile's lines stay in the first-level cache, which a stride of 2 meets
 * with four lines for each result. Nor is it for images that come from an L3 that is far: lower
 * tiles have fewer rows for the prefetchers to follow (1.05 to 1.2). */
static bool slides(const fc_depthwise_slides_args *a, const fc_kernels *k) {
    enum { PAGE = 4096, FEW = 1024, LINE = 64, FAR_BYTES = 1024 * 1024 };
    const int64_t n = k->element, places = (a->x_row | a->x_column) * n | PAGE;
    const int64_t apart = places & -places;
    const int64_t behind = (int64_t)((uintptr_t)a->out - (uintptr_t)a->x);
    const bool far = a->height * a->x_row * n >= FAR_BYTES / a->stride[0] && fc_cpu_has_far_l3();
    if (!can_slide(a, k) || far) return false;
    if (apart < FEW) return a->stride[0] == 2 || apart < FEW / 2 || a->x_row * n % PAGE;
    return ((behind + LINE - 1) & (apart - 1)) >= 2 * LINE - 1 &&
           (a->stride[0] == 1 || apart == FEW);
}

static void filter_pixels(const fc_depthwise_pixels_args *a, const fc_kernels *k) {
    if (slides(a, k))
        k->depthwise_slides(a);
    else
        k->depthwise_pixels(a);
}

/* `n` neighbours at a time; the last of a row move back rather than be fewer. */
static void filter_together(fc_depthwise_pixels_args a, int64_t n, const fc_kernels *k) {
    const int64_t width = a.columns, last = width - n;
    a.channels *= n;
    a.stride[1] *= n;
    a.columns = width / n;
    const int64_t out_column = a.out_column;
    a.out_column *= n;
    filter_pixels(&a, k);
    if (width % n == 0) return;
    a.x = fc_at(a.x, last * a.x_column, k);
    a.out = fc_at_mut(a.out, last * out_column, k);
    a.columns = 1;
    filter_pixels(&a, k);
}

/* One strip of the channels [c_begin, c_begin + c_size), the vectors from `vector` on of all. */
static void filter(const fc_conv_job *job, const fc_strip *s, int64_t vector, int64_t all) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const bool direct = stores_directly(job);
    const int64_t pitch = job->geometry.channels, width = s->size[FC_X];
    const int64_t w = (all + vector * fc_kernel_size(spec)) * k->vl;
    fc_depthwise_pixels_args a = {
        .w = fc_at(job->packed, w, k),
        .bias = fc_conv_bias_at(job, vector * k->vl),
        .out = direct ? fc_at_mut(fc_strip_out(job, s), s->c_begin, k) : s->out,
        .channels = s->c_size,
        .kernel = {spec->kernel[FC_Y], spec->kernel[FC_X]},
        .stride = {spec->stride[FC_Y], 1},
        .dilation = {spec->dilation[FC_Y], spec->dilation[FC_X]},
        .rows = s->size[FC_Y],
        .columns = width,
        .out_row = direct ? job->y.axis[FC_Y] : width * pitch,
        .out_column = direct ? job->y.axis[FC_X] : pitch,
        .lo = spec->clip_lo,
        .hi = spec->clip_hi,
        /* Set below; but what an initialiser leaves out is cleared, as slowly as a pixel takes. */
        .x = NULL,
        .pad = {0, 0},
        .height = 0,
        .width = 0,
        .x_row = 0,
        .x_column = 0,
    };
    if (job->geometry.in_place)
        point_to_image(job, s, &a);
    else
        point_to_strip(job, s, &a);
    if (together_in(job) > 1)
        filter_together(a, fc_min(together_in(job), width), k);
    else
        filter_pixels(&a, k);
    if (!direct) fc_pixel_strip_store(job, s, s->c_begin, s->c_size, s->out, pitch);
}

static int64_t no_bytes(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                        const fc_kernels *k) {
    (void)s, (void)rows, (void)columns, (void)channels, (void)k;
    return 0;
}

static void cut(fc_conv_job *job) {
    fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    const int64_t pitch = pitch_of(job);
    const bool direct = stores_directly(job);
    s->groups = s->in_channels = s->out_channels = blocks(job);
    g->panels = 1;
    g->grain = 4;
    fc_strips_cut(job, reads_in_place(job) ? no_bytes : fc_pixel_strip_bytes, pitch, STRIP_BYTES,
                  (direct ? DIRECT_BYTES : OUT_BYTES) / (pitch * k->element));
    g->in_place = reads_in_place(job);
    if (!direct) g->out_bytes = g->out[FC_Y] * g->out[FC_X] * pitch * k->element;
    fc_strips_finish(job);
}

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    const fc_conv_spec *whole = &job->plan->spec;
    const fc_kernels *k = job->kernels;
    const int64_t all = vectors(whole, k), blocks = job->spec.groups;
    fc_strip s = fc_strips_scratch(job, scratch);
    for (; begin < end; begin++) {
        fc_strips_locate(job, begin, &s);
        const int64_t vector = fc_share(all, blocks, s.group);
        const int64_t last = fc_share(all, blocks, s.group + 1) - 1;
        s.c_begin = first_channel(whole, k, vector);
        s.c_size = fc_min(first_channel(whole, k, last) + k->vl, whole->in_channels) - s.c_begin;
        s.group = 0; /* channels count from c_begin */
        filter(job, &s, vector, all);
    }
}

const fc_conv_algorithm fc_conv_depthwise_pixels = {
    .name = "depthwise_pixels",
    .family = "depthwise",
    .refuse = refuse,
    .cost = cost,
    .pack_cost = fc_conv_copy_cost,
    .packed_elements = packed_elements,
    .bias_elements = bias_elements,
    .pack = pack,
    .cut = cut,
    .run = run,
};
