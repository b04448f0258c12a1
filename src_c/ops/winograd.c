/* Winograd's minimal filtering for 3 x 3, stride 1 (Lavin and Gray 2015,
 * arXiv:1509.09308): F(4 x 4) needs 4 times fewer multiplications, F(2 x 2) 2.25
 * times. The transforms are kernels of their own; the products of transformed
 * tiles and filters are `pixels`, one call for each transformed element.
 *
 * Packed weights: bias [group][panel][NR], then [group][panel][block][f][c][NR]. */
#include "../base/integers.h"
#include "algorithms.h"
#include "pixel_strip.h"

#include <math.h>
#include <string.h>

/* Strip, transformed input and products share the second-level cache. */
enum { TILE_BYTES = 896 * 1024, CHANNEL_BLOCK = 256 };
/* Channels packed at a time, and the most lanes that a panel can have. */
enum { PACK_CHANNELS = 4, PACK_LANES = 64 };

static const char *refuse(const fc_conv_spec *s, const fc_kernels *k) {
    (void)k;
    if (s->exact) return "precision is exact";
    for (int a = 0; a < FC_AXES; a++) {
        if (s->kernel[a] != (a == FC_Z ? 1 : 3)) return "the kernel is not 3 x 3";
        if (s->stride[a] != 1) return "the stride is not 1";
        if (s->dilation[a] != 1) return "the kernel is dilated";
    }
    return NULL;
}

static int64_t panels(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_ceil_div(fc_group_out(s), k->pixel_channels);
}

/* Input channels in whole vectors; those beyond the group are zeros. */
static int64_t padded_channels(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_round_up(fc_group_in(s), k->vl);
}

static int64_t block_channels(const fc_conv_spec *s, const fc_kernels *k) {
    return fc_min(padded_channels(s, k), CHANNEL_BLOCK);
}

static int64_t tiles(int64_t size, int64_t m) {
    return fc_ceil_div(size, m);
}

/* Steps between transformed elements, an odd number of cache lines, or all of
 * them would fall on the same L1 sets. */
static int64_t odd_lines(int64_t elements, const fc_kernels *k) {
    const int64_t line = FC_SCRATCH_ALIGNMENT / k->element;
    return (fc_ceil_div(elements, line) | 1) * line;
}

/* Elements of one panel of a block of `channels`: [f]{[c][NR]}. */
static int64_t u_step(int64_t channels, const fc_kernels *k) {
    return odd_lines(channels * k->pixel_channels, k);
}

/* Of all the blocks of one panel before input channel c. */
static int64_t panel_elements(const fc_conv_spec *s, const fc_kernels *k, int64_t m, int64_t c) {
    const int64_t f = (m + 2) * (m + 2), block = block_channels(s, k);
    return f * (c / block * u_step(block, k) + (c % block ? u_step(c % block, k) : 0));
}

static int64_t packed_elements(const fc_conv_spec *s, const fc_kernels *k, int64_t m) {
    return s->groups * panels(s, k) *
           (k->pixel_channels + panel_elements(s, k, m, padded_channels(s, k)));
}

typedef struct {
    int64_t rows, columns, count; /* tiles of the strip */
    int64_t v_step, z_step;       /* elements */
    int64_t input, v, z, out;     /* elements of each part of the scratch */
} tile_grid;

static tile_grid grid_of(int64_t rows, int64_t columns, int64_t channels, int64_t m,
                         const fc_kernels *k) {
    const int64_t f = (m + 2) * (m + 2), nr = k->pixel_channels;
    tile_grid t = {.rows = tiles(rows, m), .columns = tiles(columns, m)};
    t.count = t.rows * t.columns;
    t.v_step = odd_lines(t.count * channels, k);
    t.z_step = odd_lines(t.count * nr, k);
    t.input = odd_lines((t.rows * m + 2) * (t.columns * m + 2) * channels, k);
    t.v = f * t.v_step;
    t.z = f * t.z_step;
    t.out = rows * columns * (nr + k->vl);
    return t;
}

static int64_t bytes4(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                      const fc_kernels *k) {
    (void)s;
    const tile_grid t = grid_of(rows, columns, channels, 4, k);
    return (t.input + t.v) * k->element;
}

static int64_t bytes2(const fc_conv_spec *s, int64_t rows, int64_t columns, int64_t channels,
                      const fc_kernels *k) {
    (void)s;
    const tile_grid t = grid_of(rows, columns, channels, 2, k);
    return (t.input + t.v) * k->element;
}

static double cost(const fc_conv_spec *s, const fc_kernels *k, int64_t m) {
    const double f = (double)((m + 2) * (m + 2)), vl = (double)k->vl;
    const double count = (double)(tiles(s->out[FC_Y], m) * tiles(s->out[FC_X], m) * s->out[FC_Z]);
    const double in = (double)padded_channels(s, k) / vl;
    const double out = (double)fc_ceil_div(fc_group_out(s), k->vl);
    const double n = (double)padded_channels(s, k);
    /* The transformed filters are streamed once for each strip of tiles, from L3
     * or, where they are too many for it, from memory; in bytes a vector operation. */
    const double tile_bytes = f * n * (double)k->element;
    const double strips = ceil(count / fmax(1, floor((double)TILE_BYTES / tile_bytes / 1.7)));
    const double filters = (double)packed_elements(s, k, m) * (double)k->element;
    const double stream = strips * filters / (double)s->groups / (filters > 2.4e7 ? 10 : 18);
    const double product = count * f * n * fmax(out, 1.5);
    return (double)s->groups *
           (fmax(product, stream) + 0.15 * stream + count * f * (in * 6.0 + out * 6.0));
}

static double pack_cost(const fc_conv_spec *s, const fc_kernels *k, int64_t m) {
    return (double)packed_elements(s, k, m) / (double)k->vl * 12;
}

static void pack(const fc_conv_plan *plan, const void *w, const void *bias, void *packed,
                 int64_t m) {
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = plan->kernels;
    const int64_t nr = k->pixel_channels, np = panels(s, k), kg = fc_group_out(s);
    const int64_t cg = fc_group_in(s), padded = padded_channels(s, k);
    const int64_t f = (m + 2) * (m + 2), panel_size = panel_elements(s, k, m, padded);
    const int64_t biases = s->groups * np * nr;
    memset(packed, 0, (size_t)(biases * k->element));
    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t p = 0; p < np; p++) {
            const int64_t first = g * kg + p * nr, channels = fc_min(nr, kg - p * nr);
            char *panel = fc_at_mut(packed, biases + (g * np + p) * panel_size, k);
            if (bias)
                memcpy(fc_at_mut(packed, (g * np + p) * nr, k), fc_at(bias, first, k),
                       (size_t)(channels * k->element));
            /* A few channels at a time, so that their plain panel stays on the stack. */
            for (int64_t c = 0; c < cg; c += block_channels(s, k)) {
                const int64_t block = fc_min(block_channels(s, k), padded - c);
                if (cg % k->vl)
                    memset(fc_at_mut(panel, panel_elements(s, k, m, c), k), 0,
                           (size_t)(f * u_step(block, k) * k->element));
                char *u = fc_at_mut(panel, panel_elements(s, k, m, c), k);
                for (int64_t part = 0; part < fc_min(block, cg - c); part += PACK_CHANNELS) {
                    double plain[9 * PACK_CHANNELS * PACK_LANES];
                    const int64_t n = fc_min(PACK_CHANNELS, fc_min(block, cg - c) - part);
                    k->pack(&(fc_pack_args){
                        .w = fc_at(w, first * cg * 9, k),
                        .out = plain,
                        .channels = channels,
                        .in_channels = cg,
                        .taps = 9,
                        .c_begin = c + part,
                        .c_end = c + part + n,
                    });
                    k->winograd_filter(&(fc_winograd_filter_args){
                        .w = plain,
                        .u = fc_at_mut(u, part * nr, k),
                        .m = m,
                        .channels = n,
                        .u_step = u_step(block, k),
                    });
                }
            }
        }
}

static void load(const fc_conv_job *job, const fc_strip *s, int64_t m) {
    const fc_kernels *k = job->kernels;
    fc_strip whole = *s; /* whole tiles: what they reach beyond the image is zeros */
    for (int a = FC_Y; a <= FC_X; a++) whole.size[a] = fc_round_up(s->size[a], m);
    const int64_t pitch = fc_round_up(s->c_size, k->vl);
    const tile_grid t = grid_of(s->size[FC_Y], s->size[FC_X], pitch, m, k);
    if (pitch != s->c_size) memset(s->strip, 0, (size_t)(t.input * k->element));
    fc_pixel_strip_load(job, &whole, s->c_size, pitch);
    k->winograd_input(&(fc_winograd_input_args){
        .x = s->strip,
        .v = fc_at_mut(s->strip, t.input, k),
        .m = m,
        .tiles_y = t.rows,
        .tiles_x = t.columns,
        .channels = pitch,
        .x_row = (t.columns * m + 2) * pitch,
        .x_column = pitch,
        .v_step = t.v_step,
    });
}

static void no_taps(const fc_conv_job *job, const fc_strip *s) {
    (void)job;
    *(fc_tap *)s->taps = (fc_tap){0, 0};
}

/* The products of one panel, then, after the last block, its outputs. */
static void panel(const fc_conv_job *job, const fc_strip *s, int64_t p, int64_t slot, int64_t m) {
    const fc_conv_spec *spec = &job->spec;
    const fc_kernels *k = job->kernels;
    const int64_t nr = k->pixel_channels, np = job->geometry.panels, f = (m + 2) * (m + 2);
    const int64_t pitch = fc_round_up(s->c_size, k->vl), padded = padded_channels(spec, k);
    const int64_t index = s->group * np + p, channels = fc_min(nr, fc_group_out(spec) - p * nr);
    const tile_grid t = grid_of(s->size[FC_Y], s->size[FC_X], pitch, m, k);
    const char *u = fc_at(job->packed,
                          spec->groups * np * nr + index * panel_elements(spec, k, m, padded) +
                              panel_elements(spec, k, m, s->c_begin),
                          k);
    char *z = (char *)s->out + slot * job->geometry.out_bytes;
    char *zero = fc_at_mut(s->taps, FC_SCRATCH_ALIGNMENT / k->element, k);
    memset(zero, 0, (size_t)(nr * k->element));
    for (int64_t e = 0; e < f; e++)
        k->pixels(&(fc_pixels_args){
            .x = fc_at(s->strip, t.input + e * t.v_step, k),
            .w = fc_at(u, e * u_step(pitch, k), k),
            .bias = s->first ? zero : NULL,
            .out = fc_at_mut(z, e * t.z_step, k),
            .tap = s->taps,
            .taps = 1,
            .run = pitch,
            .end = t.count,
            .width = t.count,
            .x_column = pitch,
            .out_column = nr,
            .channels = fc_round_up(channels, k->vl),
            .lo = -INFINITY,
            .hi = INFINITY,
        });
    if (!s->last) return;
    const int64_t out_pitch = nr + k->vl;
    char *out = fc_at_mut(z, t.z, k);
    k->winograd_output(&(fc_winograd_output_args){
        .z = z,
        .bias = fc_at(job->packed, index * nr, k),
        .out = out,
        .m = m,
        .tiles_x = t.columns,
        .rows = s->size[FC_Y],
        .columns = s->size[FC_X],
        .vectors = fc_ceil_div(channels, k->vl),
        .z_step = t.z_step,
        .out_row = s->size[FC_X] * out_pitch,
        .out_column = out_pitch,
        .lo = spec->clip_lo,
        .hi = spec->clip_hi,
    });
    fc_pixel_strip_store(job, s, p * nr, channels, out, out_pitch);
}

static void cut(fc_conv_job *job, int64_t m, fc_strip_bytes *bytes) {
    const fc_conv_spec *s = &job->spec;
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    g->grain = m;
    g->panels = panels(s, k);
    fc_strips_cut(job, bytes, block_channels(s, k), TILE_BYTES, INT64_MAX);
    const tile_grid t = grid_of(g->out[FC_Y], g->out[FC_X], g->channels, m, k);
    g->out_bytes = (t.z + t.out) * k->element;
    /* One tap at offset zero, and a panel of zeros to start the products from. */
    g->tap_bytes = FC_SCRATCH_ALIGNMENT + k->pixel_channels * k->element;
    fc_strips_finish(job);
}

/* The two rows differ in m alone. */
#define FC_ROW(M) \
    static double cost##M(const fc_conv_spec *s, const fc_kernels *k) { \
        return cost(s, k, M); \
    } \
    static double pack_cost##M(const fc_conv_spec *s, const fc_kernels *k) { \
        return pack_cost(s, k, M); \
    } \
    static int64_t packed_elements##M(const fc_conv_spec *s, const fc_kernels *k) { \
        return packed_elements(s, k, M); \
    } \
    static void pack##M(const fc_conv_plan *plan, const void *w, const void *bias, void *packed) { \
        pack(plan, w, bias, packed, M); \
    } \
    static void cut##M(fc_conv_job *job) { \
        cut(job, M, bytes##M); \
    } \
    static void load##M(const fc_conv_job *job, const fc_strip *s) { \
        load(job, s, M); \
    } \
    static void panel##M(const fc_conv_job *job, const fc_strip *s, int64_t p, int64_t slot) { \
        panel(job, s, p, slot, M); \
    } \
    static void run##M(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch) { \
        static const fc_strip_steps steps = {load##M, no_taps, panel##M}; \
        fc_strips_run(job, begin, end, scratch, &steps); \
    } \
    const fc_conv_algorithm fc_conv_winograd##M = { \
        "winograd" #M,      "winograd", refuse, cost##M, pack_cost##M, \
        packed_elements##M, pack##M,    cut##M, run##M, \
    };
FC_ROW(4)
FC_ROW(2)
