/* Output channels in vectors, pixels broadcast: the tile that carries most of
 * the dense work. A tile is MR pixels by NV vectors, all accumulators in
 * registers for the whole reduction. */

enum { FC_NAME(pixels_more) = PIXEL_MR * 3 / 2, FC_NAME(pixels_most) = 2 * PIXEL_MR };
#define PIXEL_MORE_MR FC_NAME(pixels_more)
#define PIXEL_MOST_MR FC_NAME(pixels_most)

/* Where a pixel's input and output begin, and its column. */
typedef struct {
    int64_t x, out, column;
} FC_NAME(pixels_at);

FC_INLINE FC_NAME(pixels_at) FC_NAME(pixels_next)(const fc_pixels_args *a, FC_NAME(pixels_at) at) {
    const bool turns = at.column + 1 == a->width;
    at.x += a->x_column + (turns ? a->x_row - a->width * a->x_column : 0);
    at.out += a->out_column + (turns ? a->out_row - a->width * a->out_column : 0);
    at.column = turns ? 0 : at.column + 1;
    return at;
}

/* One term of a tile's sums: MR pixels, `i` elements into their run, times a row of weights.
 * EVEN: of pixels `apart` elements from each other every third one's place is given. */
FC_INLINE void FC_NAME(pixels_term)(const int MR, const int NV, const bool HALF, const bool EVEN,
                                    const real *const *pixel, int64_t apart, int64_t i,
                                    const real *w, vec acc[PIXEL_MOST_MR][PIXEL_NV],
                                    half rest[PIXEL_MOST_MR]) {
    vec wv[PIXEL_NV];
    half wh;
    FC_UNROLL for (int v = 0; v < NV; v++) wv[v] = v_load(w + v * VL);
    if (HALF) wh = h_load(w + NV * VL);
    FC_UNROLL for (int m = 0; m < MR; m++) {
        const real *x = EVEN ? pixel[m / 3] + m % 3 * apart : pixel[m] + i;
        const vec xm = v_set1(*x);
        FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] += xm * wv[v];
        if (HALF) rest[m] += (NV ? h_of(xm) : h_set1(*x)) * wh;
    }
}

/* Whole tiles within one row of pixels, which begin with the bias. ONE: of one tap, found ahead of
 * them all: a tile ends sooner than the next one's taps are looked up.
 * `ahead`: each term fetches `step` bytes of the weights that are wanted later, from `next` on. */
FC_INLINE void FC_NAME(pixels_run)(const int MR, const int NV, const bool ahead, const bool ONE,
                                   const fc_pixels_args *a, const real *x, real *out, int64_t count,
                                   const char *next, const int64_t step) {
    enum { NR = PIXEL_NV * VL };
    /* A pointer each is more than there are registers for in a tile of 12. (With vectors of 64
     * bytes it has not been measured.) */
    const bool EVEN = FC_VECTOR_BYTES < 64, clips = fc_clips(a->lo, a->hi);
    const int POINTERS = EVEN ? (MR + 2) / 3 : MR;
    const int64_t apart = a->x_column, out_apart = a->out_column, run = a->run;
    const real *const bias = a->bias;
    const real *const first = ONE ? (const real *)a->w + a->tap[0].w * NR : NULL;
    if (ONE) x += a->tap[0].x;
    for (; count > 0; count--, x += MR * apart) {
        vec acc[PIXEL_MOST_MR][PIXEL_NV];
        half rest[PIXEL_MOST_MR];
        /* Lines of results that come from far are asked for as soon as can be: a store that waits
         * holds up those behind it. */
        if (EVEN) {
            const real *line = out;
            FC_UNROLL for (int m = 0; m < MR; m++, line += out_apart) __builtin_prefetch(line, 1);
        }
        FC_UNROLL for (int v = 0; v < NV; v++) {
            const vec b = v_load(bias + v * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) acc[m][v] = b;
        }
        for (int64_t t = 0; t < (ONE ? 1 : a->taps); t++) {
            const real *w = ONE ? first : (const real *)a->w + a->tap[t].w * NR;
            const real *p[PIXEL_MOST_MR];
            FC_UNROLL for (int m = 0; m < POINTERS; m++) {
                p[m] = m ? p[m - 1] + (EVEN ? 3 : 1) * apart : ONE ? x : x + a->tap[t].x;
                FC_HOLD(p[m]);
            }
            FC_UNROLL_TERMS
            for (int64_t i = 0; i < run; i++, w += NR, next += step) {
                if (ahead) FC_FETCH(next);
                FC_NAME(pixels_term)(MR, NV, false, EVEN, p, apart, i, w, acc, rest);
                if (EVEN) {
                    FC_UNROLL for (int m = 0; m < POINTERS; m++) {
                        p[m]++;
                        FC_HOLD(p[m]);
                    }
                }
            }
        }
        if (clips) {
            const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
            FC_UNROLL for (int m = 0; m < MR; m++) {
                FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_min(hi, v_max(lo, acc[m][v]));
            }
        }
        FC_UNROLL for (int m = 0; m < MR; m++, out += out_apart) {
            FC_UNROLL for (int v = 0; v < NV; v++) v_store(out + v * VL, acc[m][v]);
        }
    }
}

/* One tile of NV whole vectors and, with HALF, half of one; the last may be partly wanted. Returns
 * where the next one begins. */
FC_INLINE FC_NAME(pixels_at)
    FC_NAME(pixels_tile)(const int MR, const int NV, const bool HALF, const fc_pixels_args *a,
                         const FC_NAME(pixels_at) begin) {
    enum { NR = PIXEL_NV * VL, HL = VL / FC_HALVES };
    const real *w = a->w;
    const int WHOLE = HALF ? NV : NV - 1;    /* whole vectors before the last, */
    const int LAST = WHOLE * VL;             /* where that begins, */
    const int64_t last = a->channels - LAST; /* and its lanes */
    vec acc[PIXEL_MOST_MR][PIXEL_NV];
    half rest[PIXEL_MOST_MR];

    FC_NAME(pixels_at) at = begin;
    if (a->bias) {
        FC_UNROLL for (int v = 0; v < NV; v++) {
            const vec b = v_load((const real *)a->bias + v * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) acc[m][v] = b;
        }
        if (HALF) {
            const half b = h_load((const real *)a->bias + LAST);
            FC_UNROLL for (int m = 0; m < MR; m++) rest[m] = b;
        }
    } else {
        FC_UNROLL for (int m = 0; m < MR; m++, at = FC_NAME(pixels_next)(a, at)) {
            const real *out = (const real *)a->out + at.out;
            FC_UNROLL for (int v = 0; v < WHOLE; v++) acc[m][v] = v_load(out + v * VL);
            if (HALF)
                rest[m] = h_load_first(out + LAST, last);
            else
                acc[m][WHOLE] = v_load_first(out + LAST, last);
        }
    }

    /* Most tiles lie in one row. */
    const bool straight = begin.column + MR <= a->width;
    const real *x[PIXEL_MOST_MR];
    at = begin;
    if (straight) {
        FC_UNROLL for (int m = 0; m < MR; m++)
            x[m] = (const real *)a->x + begin.x + m * a->x_column;
    } else {
        FC_UNROLL for (int m = 0; m < MR; m++, at = FC_NAME(pixels_next)(a, at))
            x[m] = (const real *)a->x + at.x;
    }
    for (int64_t t = 0; t < a->taps; t++) {
        const real *wt = w + a->tap[t].w * NR;
        const real *p[PIXEL_MOST_MR];
        FC_UNROLL for (int m = 0; m < MR; m++) {
            p[m] = x[m] + a->tap[t].x;
            FC_HOLD(p[m]);
        }
        /* Narrow tiles that cross rows or end within a vector are few: not worth four times their
         * code. */
        if (NV == PIXEL_NV) {
            FC_UNROLL_TERMS
            for (int64_t i = 0; i < a->run; i++, wt += NR)
                FC_NAME(pixels_term)(MR, NV, HALF, false, p, 0, i, wt, acc, rest);
        } else {
            for (int64_t i = 0; i < a->run; i++, wt += NR)
                FC_NAME(pixels_term)(MR, NV, HALF, false, p, 0, i, wt, acc, rest);
        }
    }

    if (fc_clips(a->lo, a->hi)) {
        const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
        FC_UNROLL for (int m = 0; m < MR; m++) {
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_min(hi, v_max(lo, acc[m][v]));
            if (HALF) rest[m] = h_min(h_of(hi), h_max(h_of(lo), rest[m]));
        }
    }
    at = begin;
    if (last == (HALF ? HL : VL)) {
        FC_UNROLL for (int m = 0; m < MR; m++, at = FC_NAME(pixels_next)(a, at)) {
            real *out = (real *)a->out + at.out;
            FC_UNROLL for (int v = 0; v < NV; v++) v_store(out + v * VL, acc[m][v]);
            if (HALF) h_store(out + LAST, rest[m]);
        }
        return at;
    }
    FC_UNROLL for (int m = 0; m < MR; m++, at = FC_NAME(pixels_next)(a, at)) {
        real *out = (real *)a->out + at.out;
        FC_UNROLL for (int v = 0; v < WHOLE; v++) v_store(out + v * VL, acc[m][v]);
        if (HALF)
            h_store_first(out + LAST, rest[m], last);
        else
            v_store_first(out + LAST, acc[m][WHOLE], last);
    }
    return at;
}

/* The first pixel after `pixels` of one row. */
FC_INLINE FC_NAME(pixels_at)
    FC_NAME(pixels_after)(const fc_pixels_args *a, FC_NAME(pixels_at) at, int64_t pixels) {
    at.x += (pixels - 1) * a->x_column;
    at.out += (pixels - 1) * a->out_column;
    at.column += pixels - 1;
    return FC_NAME(pixels_next)(a, at);
}

FC_INLINE FC_NAME(pixels_at)
    FC_NAME(pixels_tiles)(const int MR, const int NV, const bool HALF, const fc_pixels_args *a,
                          FC_NAME(pixels_at) at, int64_t count, const char *next, int64_t step) {
    const bool full = !HALF && a->bias && a->channels == VL * NV;
    const bool ahead = FC_VECTOR_BYTES == 64 && NV == PIXEL_NV && full && step;
    for (int64_t now; count > 0; count -= now, next += now * a->taps * a->run * step) {
        const int64_t within = full ? (a->width - at.column) / MR : 0;
        now = !within ? 1 : within < count ? within : count;
        if (!within) {
            at = FC_NAME(pixels_tile)(MR, NV, HALF, a, at);
            continue;
        }
        const real *x = (const real *)a->x + at.x;
        real *out = (real *)a->out + at.out;
        if (ahead)
            FC_NAME(pixels_run)(MR, NV, true, false, a, x, out, now, next, step);
        else if (a->taps == 1)
            FC_NAME(pixels_run)(MR, NV, false, true, a, x, out, now, next, step);
        else
            FC_NAME(pixels_run)(MR, NV, false, false, a, x, out, now, next, step);
        at = FC_NAME(pixels_after)(a, at, now * MR);
    }
    return at;
}

/* `count` tiles of each width in a function of its own. Without a call and arrays of
 * pointers for each tile: 24 stores of results leave no place for more in the queue. */
typedef FC_NAME(pixels_at) FC_NAME(pixels_fn)(const fc_pixels_args *, FC_NAME(pixels_at),
                                              int64_t count, const char *next, int64_t step);
#define FC_TILE(MR, NV, H) \
    static FC_TUNED FC_NAME(pixels_at) \
        FC_NAME(pixels_##MR##x##NV##_##H)(const fc_pixels_args *a, FC_NAME(pixels_at) at, \
                                          int64_t count, const char *next, int64_t step) { \
        return FC_NAME(pixels_tiles)(MR, NV, H, a, at, count, next, step); \
    }
/* A row of tiles by their width in vectors or halves. Narrower ones are higher, for as many sums
 * under way: with too few of them, or more loads for each, the multipliers wait. */
#if FC_HALVES == 2
#define FC_MOST(F, MR) F(MR, 0, 1) F(MR, 1, 0) F(MR, 1, 1) F(MR, 2, 0)
#define FC_MORE(F, MR) FC_MOST(F, MR) F(MR, 2, 1) F(MR, 3, 0)
#define FC_WIDTHS(F, MR) FC_MORE(F, MR) F(MR, 3, 1) F(MR, 4, 0)
#elif PIXEL_NV == 4
#define FC_MOST(F, MR) F(MR, 1, 0) F(MR, 2, 0)
#define FC_MORE(F, MR) FC_MOST(F, MR) F(MR, 3, 0)
#define FC_WIDTHS(F, MR) FC_MORE(F, MR) F(MR, 4, 0)
#else
#define FC_MOST(F, MR) F(MR, 1, 0)
#define FC_MORE(F, MR) FC_MOST(F, MR)
#define FC_WIDTHS(F, MR) FC_MORE(F, MR) F(MR, 2, 0)
#endif
#define FC_TILE_NAME(MR, NV, H) FC_NAME(pixels_##MR##x##NV##_##H),
FC_WIDTHS(FC_TILE, 1)
FC_WIDTHS(FC_TILE, 2)
FC_WIDTHS(FC_TILE, 3)
FC_WIDTHS(FC_TILE, 4)
FC_WIDTHS(FC_TILE, 5)
FC_WIDTHS(FC_TILE, 6)
FC_MORE(FC_TILE, 7)
FC_MORE(FC_TILE, 8)
FC_MORE(FC_TILE, 9)
FC_MOST(FC_TILE, 10)
FC_MOST(FC_TILE, 11)
FC_MOST(FC_TILE, 12)

#include "pixels_lone.inc.c"

/* Pixels of a tile whose width is in (half) vectors. */
FC_INLINE int64_t FC_NAME(pixels_height)(int64_t width) {
    const int64_t vectors = (width + FC_HALVES - 1) / FC_HALVES;
    if (2 * vectors <= PIXEL_NV) return PIXEL_MOST_MR;
    return vectors < PIXEL_NV ? PIXEL_MORE_MR : PIXEL_MR;
}

static void FC_NAME(pixels)(const fc_pixels_args *a) {
    enum { WIDTHS = FC_HALVES * PIXEL_NV };
    static FC_NAME(pixels_fn) *const tiles[PIXEL_MOST_MR][WIDTHS] = {
        {FC_WIDTHS(FC_TILE_NAME, 1)}, {FC_WIDTHS(FC_TILE_NAME, 2)}, {FC_WIDTHS(FC_TILE_NAME, 3)},
        {FC_WIDTHS(FC_TILE_NAME, 4)}, {FC_WIDTHS(FC_TILE_NAME, 5)}, {FC_WIDTHS(FC_TILE_NAME, 6)},
        {FC_MORE(FC_TILE_NAME, 7)},   {FC_MORE(FC_TILE_NAME, 8)},   {FC_MORE(FC_TILE_NAME, 9)},
        {FC_MOST(FC_TILE_NAME, 10)},  {FC_MOST(FC_TILE_NAME, 11)},  {FC_MOST(FC_TILE_NAME, 12)}};
    if (a->panels > 1) {
        FC_NAME(pixels_lone)(a);
        return;
    }
    const int64_t width = (a->channels + VL / FC_HALVES - 1) / (VL / FC_HALVES);
    const int64_t rows = FC_NAME(pixels_height)(width);
    const int64_t pixels = a->end - a->begin, parts = (pixels + rows - 1) / rows;
    if (!parts) return;
    const int64_t y = a->begin / a->width, column = a->begin % a->width;
    FC_NAME(pixels_at) at = {.column = column};
    at.x = y * a->x_row + column * a->x_column;
    at.out = y * a->out_row + column * a->out_column;
    /* As in gemm: the tiles together fetch what the next panel begins with. */
    const char *next = (const char *)((const real *)a->w + a->ahead);
    const int64_t share = a->ahead ? PIXEL_NV * FC_VECTOR_BYTES / parts : 0;
    const int64_t step = share < FC_VECTOR_BYTES ? share : FC_VECTOR_BYTES;
    /* Balanced: 49 pixels are tiles of 6 and 5, never a lone one. */
    const int64_t n = pixels / parts, larger = pixels % parts;
    if (larger) at = tiles[n][width - 1](a, at, larger, next, step);
    next += larger * a->taps * a->run * step;
    tiles[n - 1][width - 1](a, at, parts - larger, next, step);
}
#undef FC_TILE
#undef FC_MOST
#undef FC_MORE
#undef FC_WIDTHS
#undef FC_TILE_NAME
#undef PIXEL_MORE_MR
#undef PIXEL_MOST_MR
