#include "plane_row.h"

#include "../base/integers.h"

/* Of the pixels that are kept at a time. Longer vectors take so little time for a tile that the
 * weights of all panels pass by a few of them. */
enum { SHORT_STRIP_BYTES = 256 * 1024, LONG_STRIP_BYTES = 16 * 1024 };

static int64_t tile_of(const fc_kernels *k) {
    return k->plane_vectors * k->vl;
}

/* fc_conv_job_make flattens what can be. */
bool fc_plane_row_is(const fc_conv_job *job) {
    const fc_conv_spec *s = &job->spec;
    bool row = fc_is_pointwise(s) && job->x.axis[FC_X] == 1 && s->in[FC_Y] == 1;
    for (int a = 0; a < FC_AXES; a++) row = row && s->stride[a] == 1;
    return row;
}

/* Planes a multiple of a large power of two apart meet in a few sets of the first-level cache. */
static bool crowded(const fc_conv_spec *s, const fc_kernels *k) {
    enum { WAYS = 8, WAY = 4096, LINE = 64 };
    const int64_t bytes = fc_in_pixels(s) * k->element;
    const int64_t apart = fc_clamp(bytes & -bytes, LINE, WAY);
    return fc_group_in(s) >= WAYS * (WAY / apart);
}

/* What few results are made of arrives no sooner than memory brings it. A tile reads all planes,
 * more than the processor reads ahead of: from large images a few planes at a time are quicker
 * (64-3@200 7, 64-1@128 3, 32-4@256 3, 64-2@256 1.5). From smaller ones, or fewer planes, the sums
 * would only wait in the result (64-4@130 0.7, 64-2@64 0.8, 16-3@512 0.6). */
bool fc_plane_row_streams(const fc_conv_spec *s, const fc_kernels *k) {
    enum { FEW = 4, MANY = 32, PAGE = 4096, LARGE = 4 << 20 };
    const int64_t plane = fc_in_pixels(s) * k->element, bytes = fc_group_in(s) * plane;
    const bool large = bytes >= 2 * LARGE || (bytes >= LARGE && plane % PAGE == 0);
    return large && fc_short_vectors(k) && fc_group_out(s) <= FEW && fc_group_in(s) >= MANY;
}

/* In place each plane begins anywhere, so that a tile reads lines, mostly two, of as many planes as
 * there are channels: more than the first-level cache holds, or on more pages than it translates.
 * Keeping them costs about as much as 24 output channels gain. */
bool fc_plane_row_keeps(const fc_conv_spec *s, const fc_kernels *k) {
    enum { PAGE = 4096, PAGES = 64, LINES = 200, CHANNELS = 24 };
    const int64_t in = fc_group_in(s), out = fc_group_out(s);
    if (fc_plane_row_streams(s, k)) return false;
    if (!fc_short_vectors(k)) return out >= 64 || (out >= 32 && in >= 128);
    const int64_t page = fc_min(fc_in_pixels(s) * k->element, PAGE);
    return crowded(s, k) || (out >= CHANNELS && (in >= LINES || in * page >= PAGES * PAGE));
}

void fc_plane_row_cut(fc_conv_job *job) {
    const fc_kernels *k = job->kernels;
    fc_geometry *g = &job->geometry;
    const int64_t tile = tile_of(k), all = job->spec.out[FC_X];
    const int64_t most = fc_short_vectors(k) ? SHORT_STRIP_BYTES : LONG_STRIP_BYTES;
    g->in_place = !fc_plane_row_keeps(&job->spec, k);
    if (fc_plane_row_streams(&job->spec, k)) {
        enum { CLOSE = 2048 }; /* results that wait in the first-level cache */
        g->grain = tile;
        g->strips[FC_X] = fc_ceil_div(all, CLOSE);
    } else if (g->in_place) {
        g->grain = tile;
        g->strips[FC_X] = fc_min(g->strips[FC_X], fc_ceil_div(all, tile));
    } else {
        /* Of strips of a tile or two some are a vector shorter, rather than one much shorter. */
        const int64_t pixels = fc_round_up(fc_max(most / (g->channels * k->element), 1), tile);
        g->grain = fc_short_vectors(k) ? tile : k->vl;
        g->strips[FC_X] = fc_ceil_div(all, pixels);
    }
    const int64_t grains = fc_ceil_div(all, g->grain);
    g->out[FC_X] = fc_min(fc_ceil_div(grains, g->strips[FC_X]) * g->grain, all);
    g->strip_bytes = g->in_place ? 0 : fc_round_up(g->out[FC_X], tile) * g->channels * k->element;
}

static const void *planes_of(const fc_conv_job *job, const fc_strip *s, int64_t x) {
    return fc_strip_in(job, s, s->begin[FC_Z], s->begin[FC_Y], s->begin[FC_X] + x);
}

void fc_plane_row_load(const fc_conv_job *job, const fc_strip *s) {
    const fc_kernels *k = job->kernels;
    const int64_t tile = tile_of(k), rest = s->size[FC_X] % tile, whole = s->size[FC_X] - rest;
    if (!rest) return;
    k->copy(&(fc_copy_args){
        .from = planes_of(job, s, whole),
        .to = fc_at_mut(s->strip, whole * s->c_size, k),
        .rows = s->c_size,
        .columns = rest,
        .from_row = job->x.channel,
        .from_column = 1,
        .to_row = tile,
        .to_column = 1,
    });
}

static void set_taps(const fc_strip *s, int64_t apart) {
    for (int64_t c = 0; c < s->c_size; c++) ((int64_t *)s->taps)[c] = c * apart;
}

void fc_plane_row_taps(const fc_conv_job *job, const fc_strip *s) {
    set_taps(s, job->x.channel);
}

void fc_plane_row_run(const fc_conv_job *job, const fc_strip *s, fc_planes_args *a) {
    const fc_kernels *k = job->kernels;
    const int64_t tile = tile_of(k), tiles = a->width / tile, whole = tiles * tile;
    const int64_t rest = a->width - whole;
    a->exact = true;
    a->step = job->geometry.in_place || s->fresh ? job->x.channel : tile;
    if (job->geometry.in_place) {
        a->x = planes_of(job, s, 0);
        k->planes(a);
        return;
    }
    if (s->fresh) {
        a->x = planes_of(job, s, 0);
        a->keep = s->strip;
        a->width = a->pitch = whole;
    } else {
        a->rows = tiles;
        a->width = a->out_row = tile;
        a->pitch = s->c_size * tile;
    }
    if (tiles) k->planes(a);
    if (s->fresh) set_taps(s, tile);
    if (!rest) return;
    a->step = tile;
    a->x = fc_at(s->strip, whole * s->c_size, k);
    a->out = fc_at_mut(a->out, whole, k);
    a->keep = NULL;
    a->rows = 1;
    a->width = a->pitch = rest;
    k->planes(a);
}
