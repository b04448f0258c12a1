/* Winograd's minimal filtering (Lavin and Gray 2015, arXiv:1509.09308), one row of the
 * table for each tile size: F(4 x 4, 3 x 3) needs 4 times fewer multiplications than a
 * direct sum, F(2 x 2, 5 x 5) 2.8 times, F(4, 3) of a kernel of one row 2 times.
 *
 * Packed weights: bias [group][panel][lanes], then [group][panel][block][f]{[c][lanes]}. */
#include "winograd.h"

#include "../base/cpu.h"
#include "../base/integers.h"
#include "algorithms.h"

#include <math.h>
#include <string.h>

enum { CHANNEL_BLOCK = 512 }; /* whole vectors of any width: more are not stored beyond a block */
/* Bytes of transformed input at a time, which the second-level cache keeps beside the products.
 * Filters beyond a share of the third level come from memory: more tiles use what was fetched.
 * So they do where L3 is far, and the second level large: 36 tiles instead of 17 are 1.3 times as
 * fast; more than that are not. And with short vectors, whose products go by six tiles: by four,
 * as of 7 or 14, they wait for each other. */
enum { V_BYTES = 640 * 1024, FAR_V_BYTES = 1344 * 1024, SHORT_V_BYTES = 2048 * 1024 };
enum { MORE_V_BYTES = 2560 * 1024 };
enum { FEWEST_TILES = 16, FEWEST_FAR_TILES = 36, FEWEST_SHORT_TILES = 42, MOST_TILES = 64 };
static const int64_t CACHED_FILTERS = 16 << 20;
/* The filters of one panel are transposed a few channels at a time, on the stack. */
enum { PLAIN_BYTES = 36 * 1024, TAPS = 144 };

/* To estimate the cost by: the share of the third-level cache that keeps filters from one call to
 * the next while others use it, too, and vectors that come from there and from memory in the time
 * of an operation on one. */
static const double L3_SHARE = 0.5, L3_RATE = 0.28, MEMORY_RATE = 0.11;
/* The same where L3 is far: 28 GB/s a core of Sapphire Rapids. */
static const double FAR_L3_RATE = 0.083;

static bool dilated(const fc_conv_spec *s, int axis) {
    return s->kernel[axis] > 1 && s->dilation[axis] > 1;
}

/* Distance of the taps that one phase sees. */
static int64_t tap_step(const fc_conv_spec *s, int axis) {
    return dilated(s, axis) ? 1 : s->stride[axis];
}

static int64_t taps(const fc_conv_spec *s, int axis) {
    return fc_ceil_div(s->kernel[axis], tap_step(s, axis));
}

/* Whether every plane is one tile of F(2, 3) whose first and last input are padding. */
static bool framed(const fc_conv_spec *s, int axis) {
    const int64_t d = dilated(s, axis) ? s->dilation[axis] : 1, in = s->in[axis];
    return taps(s, axis) == 3 && s->stride[axis] == 1 &&
           fc_min(d, s->out[axis]) <= s->pad_lo[axis] && s->pad_lo[axis] <= d &&
           in + s->pad_lo[axis] <= 3 * d && s->out[axis] <= 2 * d;
}

static const char *refuse(const fc_conv_spec *s, int64_t t) {
    if (s->exact) return "precision is exact";
    if (t == 3 && s->phase) return "other phases are not framed by padding alike";
    if (taps(s, FC_Y) == 1 && taps(s, FC_X) == 1) return "the kernel is no larger than the stride";
    for (int a = FC_Y; a <= FC_X; a++) {
        if (t > 3 && taps(s, a) > t - 1) return "the kernel is larger than 5 strides";
        if (t == 3 && taps(s, a) > 1 && !framed(s, a)) return "the image is more than one tile";
        if (dilated(s, a) && s->stride[a] > 1) return "it is both strided and dilated";
    }
    if (fc_kernel_size(s) > TAPS) return "the kernel has more than 144 taps";
    return NULL;
}

/* Of so many bytes each, where their filters are cached. */
static int64_t fewest_tiles(int64_t bytes, const fc_kernels *k) {
    const int64_t far = fc_cpu_has_far_l3() ? fc_min(FAR_V_BYTES / bytes, FEWEST_FAR_TILES) : 0;
    const int64_t few = fc_short_vectors(k) ? fc_min(SHORT_V_BYTES / bytes, FEWEST_SHORT_TILES) : 0;
    return fc_max(fc_max(far, few), FEWEST_TILES);
}

fc_winograd_form fc_winograd_form_of(const fc_conv_spec *s, const fc_kernels *k, int64_t t) {
    fc_winograd_form f = {
        .phases = {s->kernel[FC_Z]},
        .planes = {s->out[FC_Z]},
        .in_step = {s->stride[FC_Z]},
        .out_step = {1},
        .elements = 1,
        .channels = fc_group_in(s) * s->kernel[FC_Z],
        .panels = fc_ceil_div(fc_group_out(s), k->pixel_channels),
    };
    for (int i = 0; i < 2; i++) {
        const int a = FC_Y + i;
        const int64_t d = dilated(s, a) ? s->dilation[a] : 1;
        f.taps[i] = taps(s, a);
        f.tile[i] = f.taps[i] == 1 ? 1 : t;
        f.outputs[i] = f.tile[i] == 3 ? 2 : f.tile[i] - f.taps[i] + 1;
        f.elements *= f.tile[i];
        f.phases[a] = fc_min(tap_step(s, a), s->kernel[a]);
        f.planes[a] = fc_min(d, s->out[a]);
        f.in_step[a] = s->stride[a] * d;
        f.out_step[a] = d;
        f.tiles[i] = fc_ceil_div(fc_ceil_div(s->out[a], d), f.outputs[i]);
        f.channels *= f.phases[a];
    }
    f.block = fc_min(f.channels, CHANNEL_BLOCK);
    /* Groups of few channels have narrow panels. */
    f.lanes = fc_min(k->pixel_channels, fc_round_up(fc_group_out(s), k->vl));
    const int64_t bytes = f.elements * fc_round_up(f.block, k->vl) * k->element;
    const bool cached = fc_winograd_panel_elements(&f, k, f.channels) * k->element <=
                        CACHED_FILTERS / f.panels;
    f.together = cached ? fc_clamp(V_BYTES / bytes, fewest_tiles(bytes, k), MOST_TILES)
                        : fc_clamp(MORE_V_BYTES / bytes, 1, MOST_TILES);
    f.across = fc_ceil_div(f.planes[FC_X], fc_max(fc_ceil_div(f.planes[FC_X], f.together), 1));
    return f;
}

int64_t fc_winograd_lanes(const fc_conv_spec *s, const fc_kernels *k, const fc_winograd_form *f,
                          int64_t panel) {
    return fc_min(f->lanes, fc_round_up(fc_group_out(s) - panel * f->lanes, k->vl));
}

int64_t fc_winograd_odd_lines(int64_t elements, const fc_kernels *k) {
    const int64_t line = FC_SCRATCH_ALIGNMENT / k->element;
    return (fc_ceil_div(elements, line) | 1) * line;
}

int64_t fc_winograd_u_step(const fc_winograd_form *f, const fc_kernels *k, int64_t channels) {
    return fc_winograd_odd_lines(channels * f->lanes, k);
}

int64_t fc_winograd_panel_elements(const fc_winograd_form *f, const fc_kernels *k, int64_t c) {
    const int64_t whole = c / f->block, rest = c % f->block;
    return f->elements * (whole * fc_winograd_u_step(f, k, f->block) +
                          (rest ? fc_winograd_u_step(f, k, rest) : 0));
}

static int64_t bias_elements(const fc_conv_spec *s, const fc_kernels *k, int64_t t) {
    const fc_winograd_form f = fc_winograd_form_of(s, k, t);
    return s->groups * f.panels * f.lanes;
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k, int64_t t) {
    const fc_winograd_form f = fc_winograd_form_of(s, k, t);
    return bias_elements(s, k, t) +
           s->groups * f.panels * fc_winograd_panel_elements(&f, k, f.channels);
}

static double cost(const fc_conv_spec *s, const fc_kernels *k, int64_t t) {
    const fc_winograd_form f = fc_winograd_form_of(s, k, t);
    const double elements = (double)f.elements, n = (double)f.channels;
    const double planes = (double)(f.planes[FC_Z] * f.planes[FC_Y] * f.planes[FC_X]);
    const double count = planes * (double)(f.tiles[0] * f.tiles[1]);
    const double in = (double)fc_ceil_div(f.channels, k->vl);
    const double out = (double)fc_ceil_div(fc_group_out(s), k->vl);
    const double pixels = count * (double)(f.outputs[0] * f.outputs[1]);
    /* The transformed filters are streamed once for each chunk of tiles, from L3 behind the
     * products, and what L3 does not hold from memory, which nothing hides. */
    const double chunks = ceil(count / 48);
    const double vector = (double)(k->vl * k->element), times = chunks / (double)s->groups;
    const double filters = (double)packed_elements(s, k, t) * (double)k->element;
    /* SSE2, whose vectors are half as long as AVX2's and are multiplied and added apart, takes four
     * times as long for as many bytes. */
    const double slow = vector == 16 ? 4 : 1;
    const double stream = times * filters / vector / (slow * L3_RATE);
    const double beyond = fmax(filters - L3_SHARE * (double)fc_cpu_l3_bytes(), 0);
    const double memory = times * beyond / vector / (slow * MEMORY_RATE);
    /* A tile of products begins and ends like five more terms of its sums. */
    const double product = count * elements * (n + 5) * out;
    const double transforms = count * elements * (in * 7 + out * 5);
    const double copies = s->channels_last ? pixels * in * 5 : pixels * (in + out) * 10;
    /* A stride's phases reach for the whole image, every second element of it. */
    const bool strided = s->stride[FC_Y] > 1 || s->stride[FC_X] > 1;
    const bool far_l3 = vector == 64 && fc_cpu_has_far_l3();
    const double reached = strided ? count * elements * in * (far_l3 ? 25 : 10) : 0;
    if (far_l3) {
        /* Half of the shorter one hides behind the other. */
        const double passes = ceil(count / (double)f.together) / (double)s->groups;
        const double far = passes * filters / vector / FAR_L3_RATE;
        return (double)s->groups *
               (fmax(product, far) + 0.5 * fmin(product, far) + transforms + reached + copies);
    }
    return (double)s->groups *
           (fmax(product, stream) + 0.15 * stream + memory + transforms + reached + copies);
}

static double pack_cost(const fc_conv_spec *s, const fc_kernels *k, int64_t t) {
    const double vector = (double)(k->vl * k->element);
    const double packed = (double)(packed_elements(s, k, t) * k->element);
    /* The phases of a stride lack some taps, by which nothing gets shorter. */
    const bool strided = s->stride[FC_Y] > 1 || s->stride[FC_X] > 1;
    return fc_conv_transform_cost(s, k, packed, strided ? 1664 / vector : 4 + 680 / vector);
}

/* The transformed filters of `n` channels from c on, of which `plain` has [tap][n][NR]. */
static void pack_channels(const fc_conv_spec *s, const fc_kernels *k, const fc_winograd_form *f,
                          const void *plain, int64_t c, int64_t n, int64_t lanes, void *panel) {
    const int64_t tap = n * k->pixel_channels;
    int64_t q[FC_AXES], phase = 0;
    for (q[0] = 0; q[0] < f->phases[0]; q[0]++)
        for (q[1] = 0; q[1] < f->phases[1]; q[1]++)
            for (q[2] = 0; q[2] < f->phases[2]; q[2]++, phase++)
                for (int64_t done = 0, now; done < n; done += now) {
                    const int64_t at = phase * fc_group_in(s) + c + done;
                    const int64_t first = at / f->block * f->block;
                    const int64_t block = fc_min(f->block, f->channels - first);
                    now = fc_min(n - done, first + block - at);
                    const int64_t from = (q[0] * s->kernel[FC_Y] + q[1]) * s->kernel[FC_X] + q[2];
                    k->winograd_filter(&(fc_winograd_filter_args){
                        .w = fc_at(plain, from * tap + done * k->pixel_channels, k),
                        .u = fc_at_mut(
                            panel, fc_winograd_panel_elements(f, k, first) + (at - first) * lanes,
                            k),
                        .tile = {f->tile[0], f->tile[1]},
                        .taps = {f->taps[0], f->taps[1]},
                        .present = {fc_ceil_div(s->kernel[FC_Y] - q[1], tap_step(s, FC_Y)),
                                    fc_ceil_div(s->kernel[FC_X] - q[2], tap_step(s, FC_X))},
                        .channels = now,
                        .lanes = lanes,
                        .w_row = tap_step(s, FC_Y) * s->kernel[FC_X] * tap,
                        .w_column = tap_step(s, FC_X) * tap,
                        .u_step = fc_winograd_u_step(f, k, block),
                    });
                }
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed,
                 int64_t t) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const fc_winograd_form f = fc_winograd_form_of(s, k, t);
    const int64_t nr = k->pixel_channels, kg = fc_group_out(s), cg = fc_group_in(s);
    const int64_t size = fc_kernel_size(s),
                  panel_size = fc_winograd_panel_elements(&f, k, f.channels);
    const int64_t biases = bias_elements(s, k, t);
    const int64_t step = fc_max(1, PLAIN_BYTES / (size * nr * k->element));
    double plain[PLAIN_BYTES / sizeof(double)];
    memset(packed, 0, (size_t)(biases * k->element));
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t p = 0; p < f.panels; p++) {
            const int64_t first = g * kg + p * nr, channels = fc_min(nr, kg - p * nr);
            const int64_t index = g * f.panels + p;
            if (bias)
                memcpy(fc_at_mut(packed, index * f.lanes, k), fc_at(bias, first, k),
                       (size_t)(channels * k->element));
            for (int64_t c = 0; c < cg; c += step) {
                const int64_t n = fc_min(step, cg - c);
                k->pack(&(fc_pack_args){
                    .w = fc_at(w, first * cg * size, k),
                    .out = plain,
                    .channels = channels,
                    .in_channels = cg,
                    .taps = size,
                    .c_begin = c,
                    .c_end = c + n,
                });
                pack_channels(s, k, &f, plain, c, n, fc_winograd_lanes(s, k, &f, p),
                              fc_at_mut(packed, biases + index * panel_size, k));
            }
        }
}

/* The rows differ in the tile alone. */
#define FC_ROW(T) \
    static const char *refuse##T(const fc_conv_spec *s, const fc_kernels *k) { \
        (void)k; \
        return refuse(s, T); \
    } \
    static double cost##T(const fc_conv_spec *s, const fc_kernels *k) { \
        return cost(s, k, T); \
    } \
    static double pack_cost##T(const fc_conv_spec *s, const fc_kernels *k) { \
        return pack_cost(s, k, T); \
    } \
    static int64_t packed_elements##T(const fc_conv_spec *s, const fc_kernels *k) { \
        return packed_elements(s, k, T); \
    } \
    static int64_t bias_elements##T(const fc_conv_spec *s, const fc_kernels *k) { \
        return bias_elements(s, k, T); \
    } \
    static void pack##T(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) { \
        pack(plan, w, bias, packed, T); \
    } \
    static void cut##T(fc_conv_job *job) { \
        fc_winograd_cut(job, T); \
    } \
    static void run##T(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) { \
        fc_winograd_run(job, begin, end, scratch, T); \
    } \
    const fc_conv_algorithm fc_conv_winograd##T = { \
        .name = "winograd" #T, \
        .family = "winograd", \
        .refuse = refuse##T, \
        .cost = cost##T, \
        .pack_cost = pack_cost##T, \
        .packed_elements = packed_elements##T, \
        .bias_elements = bias_elements##T, \
        .pack = pack##T, \
        .cut = cut##T, \
        .run = run##T, \
        .needs_whole_images = true, \
    };
FC_ROW(6)
FC_ROW(5)
FC_ROW(4)
FC_ROW(3)
