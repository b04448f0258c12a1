/* im2col without the matrix: a strip of the input is copied once into padded,
 * channels-last scratch, where each row of the im2col matrix is a few contiguous
 * runs that a tap's offset finds. The product with the weights is an implicit
 * GEMM (`pixels`), output channels in vectors.
 *
 * Packed weights: [group][panel]{[block][z][r][s][c][NR]}, after the bias [group][panel][NR]. */
#include "../base/integers.h"
#include "algorithms.h"
#include "pixel_strip.h"

#include <math.h>
#include <string.h>

enum { STRIP_BYTES = 384 * 1024, OUT_BYTES = 384 * 1024, FAR_BYTES = 32 * 1024 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)s, (void)k;
    return NULL;
}

static int64_t panels(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_ceil_div(fc_group_out(s), k->pixel_channels);
}

static int64_t reduction(const fc_conv_spec *s) {
    return fc_group_in(s) * fc_kernel_size(s);
}

/* Input channels of one sum at a time. A panel of long sums would not stay in the second-level
 * cache beside the next one and the strip, and of a tap's part the first level holds most: 3x3
 * 512@14 1.18, 512@7 1.08, 2048-512@7 1.06, in float64 1.45. What is read in place, channels last,
 * gains nothing, and its unfinished sums would wait in the result, where threads are neighbours. */
static int64_t channels_together(const fc_conv_spec *s, const fc_kernels *k) {
    enum { LONG = 1000, LONG_IN_PLACE = 5000, TAP_BYTES = 32 * 1024 };
    const bool in_place = s->channels_last && fc_kernel_size(s) == 1;
    const bool cut = reduction(s) > (in_place ? LONG_IN_PLACE : LONG);
    int64_t most = cut ? TAP_BYTES / (k->pixel_channels * k->element) : INT64_MAX;
    /* Weights that stream past a strip of few pixels take longer than their sums. (Where taps are
     * so far apart that narrow strips leave out those in the padding, that gains more.) */
    enum { ROWS = 3, COLUMNS = 32, LEAST = 64 };
    const bool near = s->dilation[FC_X] <= (COLUMNS - 1) / fc_max(s->kernel[FC_X] - 1, 1);
    while (cut && !in_place && near && most > LEAST &&
           fc_pixel_strip_bytes(s, ROWS, COLUMNS, fc_min(most, fc_group_in(s)), k) > STRIP_BYTES)
        most /= 2;
    return fc_strips_channels(s, k, fc_pixel_strip_bytes, most);
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return s->groups * panels(s, k) * k->pixel_channels;
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k) {
    return bias_elements(s, k) * (1 + reduction(s));
}

static double cost(const fc_conv_spec *s, const fc_kernels *k) {
    const double pixels = (double)fc_out_pixels(s), groups = (double)s->groups;
    const double n = (double)reduction(s), vl = (double)k->vl;
    /* Vectors of output channels a group, of which half of the last one may be left out. */
    const double vectors = (double)fc_ceil_div(fc_group_out(s), k->vl);
    const int64_t rest = fc_group_out(s) % k->vl;
    const bool halved = rest > 0 && 2 * rest <= k->vl && k->vl * k->element == 64;
    const double busy = halved ? vectors - 0.37 : vectors;
    /* Channels-last rows are copied as they are, or pixel by pixel where a group has a part of
     * each; planes are transposed, and so are results. */
    const double in_pixels = (double)fc_in_pixels(s);
    const double in = in_pixels * (double)s->in_channels;
    double moved = in / vl;
    /* Results of large planes go to a page for each channel, at once. */
    const int64_t bytes = k->vl * k->element;
    const bool far = bytes == 64 && fc_out_pixels(s) * k->element >= FAR_BYTES;
    const double each = far ? 45 : bytes == 32 ? 7 : 20;
    if (s->channels_last && s->groups > 1)
        moved += in_pixels * groups * 8;
    else if (!s->channels_last)
        moved += in / vl * 4 + pixels * groups * vectors * each +
                 (fc_group_in(s) < k->vl ? in * 0.5 : 0) + fc_copy_by_element(s, k);
    /* A strip with its taps, which small images are made of. */
    const double strips = fc_kernel_size(s) == 1 ? 0 : 230 * groups;
    /* A tile begins and ends like 4 more terms of its sums, and costs a little by itself. */
    return pixels * groups * ((n + 4) * busy + 5) + moved + strips;
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const int64_t nr = k->pixel_channels, np = panels(s, k), kg = fc_group_out(s);
    const int64_t block = channels_together(s, k);
    char *biases = packed;
    char *weights = fc_at_mut(packed, bias_elements(s, k), k);
    memset(biases, 0, (size_t)(bias_elements(s, k) * k->element));
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t p = 0; p < np; p++) {
            const int64_t first = g * kg + p * nr, channels = fc_min(nr, kg - p * nr);
            if (bias)
                memcpy(fc_at_mut(biases, (g * np + p) * nr, k), fc_at(bias, first, k),
                       (size_t)(channels * k->element));
            for (int64_t c = 0; c < fc_group_in(s); c += block) {
                const int64_t end = fc_min(c + block, fc_group_in(s));
                const int64_t row = (g * np + p) * reduction(s) + c * fc_kernel_size(s);
                k->pack(&(fc_pack_args){
                    .w = fc_at(w, first * reduction(s), k),
                    .out = fc_at_mut(weights, row * nr, k),
                    .channels = channels,
                    .in_channels = fc_group_in(s),
                    .taps = fc_kernel_size(s),
                    .c_begin = c,
                    .c_end = end,
                });
            }
        }
}

/* How far apart taps and output pixels are, in the strip or in the input where
 * that is read in place. */
typedef struct {
    fc_tap *tap;
    int64_t count, run;
    int64_t tap_apart[FC_AXES], pixel_apart[FC_AXES];
} tap_list;

static tap_list taps_of(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    tap_list t = {.tap = (fc_tap *)s->taps + 1};
    if (job->geometry.in_place) {
        for (int a = 0; a < FC_AXES; a++) {
            t.tap_apart[a] = spec->dilation[a] * job->x.axis[a];
            t.pixel_apart[a] = spec->stride[a] * job->x.axis[a];
        }
    } else {
        const fc_strip_axis y = fc_strip_axis_of(spec, FC_Y, s->size[FC_Y]);
        const fc_strip_axis x = fc_strip_axis_of(spec, FC_X, s->size[FC_X]);
        const int64_t row = fc_pixel_strip_row(job, s, s->c_size);
        t.tap_apart[FC_Z] = y.size * row;
        t.tap_apart[FC_Y] = y.apart * row;
        t.tap_apart[FC_X] = x.apart * s->c_size;
        t.pixel_apart[FC_Y] = y.step * row;
        t.pixel_apart[FC_X] = x.step * s->c_size;
    }
    /* Neighbouring columns of the kernel are one run where nothing lies between. */
    const bool merged = t.tap_apart[FC_X] == s->c_size;
    t.run = merged ? s->c_size * spec->kernel[FC_X] : s->c_size;
    return t;
}

static void make_taps(const fc_conv_job *job, const fc_strip *s) {
    const fc_conv_spec *spec = &job->spec;
    tap_list t = taps_of(job, s);
    const bool merged = t.run == s->c_size * spec->kernel[FC_X];
    int64_t row = 0;
    for (int64_t q = 0; q < spec->kernel[FC_Z]; q++)
        for (int64_t r = 0; r < spec->kernel[FC_Y]; r++) {
            const bool skip = fc_strip_skips(job, s, FC_Z, q) || fc_strip_skips(job, s, FC_Y, r);
            for (int64_t x = 0; x < (merged ? 1 : spec->kernel[FC_X]); x++, row += t.run) {
                if (skip || (!merged && fc_strip_skips(job, s, FC_X, x))) continue;
                t.tap[t.count++] = (fc_tap){.x = q * t.tap_apart[FC_Z] + r * t.tap_apart[FC_Y] +
                                                 x * t.tap_apart[FC_X],
                                            .w = row};
            }
        }
    ((fc_tap *)s->taps)->x = t.count;
}

static void load(const fc_conv_job *job, const fc_strip *s) {
    fc_pixel_strip_load(job, s, s->c_size, s->c_size);
}

/* Past NR by a vector: a power of two would fall on the same L1 sets. */
static int64_t out_pitch(const fc_kernels *k) {
    return k->pixel_channels + k->vl;
}

/* Weights that come from the third-level cache, in parts of panels of which the second holds two.
 */
static bool fetches_ahead(const fc_conv_spec *s, const fc_kernels *k, int64_t channels) {
    enum { LEAST_BYTES = 1024 * 1024, PANEL_BYTES = 512 * 1024 };
    const int64_t row = k->pixel_channels * k->element;
    return channels * fc_kernel_size(s) * row <= PANEL_BYTES &&
           reduction(s) * row * panels(s, k) >= LEAST_BYTES;
}

/* Of a single pixel several panels go together, whose sums are then as many as a tile's. */
enum { TOGETHER = 8 };

static bool is_lone(const fc_conv_job *job) {
    const fc_geometry *g = &job->geometry;
    return g->out[FC_Y] * g->out[FC_X] == 1 && fc_pixel_strip_stores_directly(job);
}

/* `count` panels from p on: whole ones, unless it is one. */
static void filter(const fc_conv_job *job, const fc_strip *s, int64_t p, int64_t count,
                   int64_t slot) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t nr = k->pixel_channels, np = panels(spec, k);
    const int64_t channels = fc_min(nr, fc_group_out(spec) - p * nr);
    const int64_t weights = spec->groups * np * nr;
    const int64_t row = (s->group * np + p) * reduction(spec) + s->c_begin * fc_kernel_size(spec);
    const bool direct = fc_pixel_strip_stores_directly(job);
    const tap_list t = taps_of(job, s);
    char *out = direct ? fc_at_mut(fc_strip_out(job, s), p * nr, k)
                       : (char *)s->out + slot * job->geometry.out_bytes;
    const int64_t pixels = s->size[FC_Y] * s->size[FC_X];
    const bool ahead = fetches_ahead(spec, k, s->c_size) && p + 1 < np && count == 1;
    fc_pixels_args args = {
        .x = job->geometry.in_place
                 ? fc_strip_in(job, s, fc_strip_origin(job, s, FC_Z), fc_strip_origin(job, s, FC_Y),
                               fc_strip_origin(job, s, FC_X))
                 : s->strip,
        .w = fc_at(job->packed, weights + row * nr, k),
        .bias = s->first ? fc_conv_bias_at(job, (s->group * np + p) * nr) : NULL,
        .out = out,
        .tap = t.tap,
        .taps = ((const fc_tap *)s->taps)->x,
        .run = t.run,
        .ahead = ahead ? reduction(spec) * nr : 0,
        .panels = count,
        .panel = reduction(spec) * nr,
        .end = pixels,
        .width = s->size[FC_X],
        .x_row = t.pixel_apart[FC_Y],
        .x_column = t.pixel_apart[FC_X],
        .out_row = direct ? job->y.axis[FC_Y] : s->size[FC_X] * out_pitch(k),
        .out_column = direct ? job->y.axis[FC_X] : out_pitch(k),
        .channels = channels,
        .lo = s->last ? spec->clip_lo : -INFINITY,
        .hi = s->last ? spec->clip_hi : INFINITY,
    };
    /* As one row where nothing lies between: a tile within a row is quicker. */
    if (args.x_row == args.width * args.x_column && args.out_row == args.width * args.out_column)
        args.width = pixels;
    k->pixels(&args);
    if (s->last && !direct) fc_pixel_strip_store(job, s, p * nr, channels, out, out_pitch(k));
}

static void panel(const fc_conv_job *job, const fc_strip *s, int64_t p, int64_t slot) {
    if (!is_lone(job)) {
        filter(job, s, p, 1, slot);
        return;
    }
    const int64_t whole = fc_group_out(&job->spec) / job->kernels->pixel_channels;
    const int64_t end = fc_min((p + 1) * TOGETHER, panels(&job->spec, job->kernels));
    const int64_t first = p * TOGETHER, together = fc_min(end, whole) - first;
    if (together > 0) filter(job, s, first, together, slot);
    if (end > whole) filter(job, s, whole, 1, slot);
}

static void cut(fc_conv_job *job) {
    const fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    g->panels = panels(s, k);
    fc_strips_cut(job, fc_pixel_strip_bytes, channels_together(s, k), STRIP_BYTES,
                  fc_pixel_strip_stores_directly(job) ? INT64_MAX
                                                      : OUT_BYTES / (out_pitch(k) * k->element));
    g->in_place = !fc_is_padded(s) && job->x.channel == 1 && g->blocks == 1;
    if (g->in_place) g->strip_bytes = 0;
    g->tap_bytes = (fc_kernel_size(s) + 1) * (int64_t)sizeof(fc_tap);
    if (!fc_pixel_strip_stores_directly(job))
        g->out_bytes = g->out[FC_Y] * g->out[FC_X] * out_pitch(k) * k->element;
    if (is_lone(job)) g->panels = fc_ceil_div(g->panels, TOGETHER);
    fc_strips_finish(job);
}

static const fc_strip_steps steps = {load, make_taps, panel};

static void run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) {
    fc_strips_run(job, begin, end, scratch, &steps);
}

const fc_conv_algorithm fc_conv_im2col = {
    .name = "im2col",
    .family = "im2col",
    .refuse = refuse,
    .cost = cost,
    .pack_cost = fc_conv_copy_cost,
    .packed_elements = packed_elements,
    .bias_elements = bias_elements,
    .pack = pack,
    .cut = cut,
    .run = run,
};
