/* Output channels in vectors, pixels broadcast: the tile that carries most of
 * the dense work. A tile is MR pixels by NV vectors, all accumulators in
 * registers for the whole reduction. */

enum { FC_NAME(pixels_narrow) = 2 * PIXEL_MR };
#define PIXEL_NARROW_MR FC_NAME(pixels_narrow)

/* NV whole vectors and, with NH, half of one; the last of them may be partly
 * wanted. */
FC_INLINE void FC_NAME(pixels_tile)(const int MR, const int NV, const int NH,
                                    const fc_pixels_args *a, const real *const *x,
                                    real *const *out) {
    enum { NR = PIXEL_NV * VL };
    const real *w = a->w;
    const int WHOLE = NH ? NV : NV - 1;            /* vectors before the last */
    const int64_t last = a->channels - WHOLE * VL; /* lanes of the last */
    vec acc[PIXEL_NARROW_MR][PIXEL_NV];
    half rest[PIXEL_NARROW_MR];

    if (a->bias) {
        FC_UNROLL for (int v = 0; v < NV; v++) {
            const vec b = v_load((const real *)a->bias + v * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) acc[m][v] = b;
        }
        if (NH) {
            const half b = h_load((const real *)a->bias + NV * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) rest[m] = b;
        }
    } else {
        FC_UNROLL for (int m = 0; m < MR; m++) {
            FC_UNROLL for (int v = 0; v < WHOLE; v++) acc[m][v] = v_load(out[m] + v * VL);
            if (NH)
                rest[m] = h_load_first(out[m] + WHOLE * VL, last);
            else
                acc[m][WHOLE] = v_load_first(out[m] + WHOLE * VL, last);
        }
    }

    for (int64_t t = 0; t < a->taps; t++) {
        const real *wt = w + a->tap[t].w * NR;
        const real *p[PIXEL_NARROW_MR];
        FC_UNROLL for (int m = 0; m < MR; m++) p[m] = x[m] + a->tap[t].x;
        for (int64_t i = 0; i < a->run; i++, wt += NR) {
            vec wv[PIXEL_NV];
            half wh;
            FC_UNROLL for (int v = 0; v < NV; v++) wv[v] = v_load(wt + v * VL);
            if (NH) wh = h_load(wt + NV * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) {
                const vec xm = v_set1(p[m][i]);
                FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] += xm * wv[v];
                if (NH) rest[m] += (NV ? h_of(xm) : h_set1(p[m][i])) * wh;
            }
        }
    }

    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int m = 0; m < MR; m++) {
        FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_min(hi, v_max(lo, acc[m][v]));
        FC_UNROLL for (int v = 0; v < WHOLE; v++) v_store(out[m] + v * VL, acc[m][v]);
        if (NH) h_store_first(out[m] + WHOLE * VL, h_min(h_of(hi), h_max(h_of(lo), rest[m])), last);
    }
    if (NH) return;
    if (last == VL) {
        FC_UNROLL for (int m = 0; m < MR; m++) v_store(out[m] + WHOLE * VL, acc[m][WHOLE]);
    } else {
        FC_UNROLL for (int m = 0; m < MR; m++)
            v_store_first(out[m] + WHOLE * VL, acc[m][WHOLE], last);
    }
}

/* The tile of each width in its own function: one call a tile, constants
 * inside. */
typedef void FC_NAME(pixels_fn)(const fc_pixels_args *, const real *const *, real *const *);
#define FC_TILE(MR, NV, NH) \
    static __attribute__((noinline)) void FC_NAME(pixels_##MR##x##NV##_##NH)( \
        const fc_pixels_args *a, const real *const *x, real *const *out) { \
        FC_NAME(pixels_tile)(MR, NV, NH, a, x, out); \
    }
/* A row of tiles by their width in (half) vectors. The narrowest goes on to twice
 * as many pixels: it has too few sums to hide the latency of an addition. */
#if FC_HALVES == 2
#define FC_NARROW(F, MR) F(MR, 0, 1)
#define FC_WIDTHS(F, MR) \
    FC_NARROW(F, MR) \
    F(MR, 1, 0) F(MR, 1, 1) F(MR, 2, 0) F(MR, 2, 1) F(MR, 3, 0) F(MR, 3, 1) F(MR, 4, 0)
#elif PIXEL_NV == 4
#define FC_NARROW(F, MR) F(MR, 1, 0)
#define FC_WIDTHS(F, MR) FC_NARROW(F, MR) F(MR, 2, 0) F(MR, 3, 0) F(MR, 4, 0)
#else
#define FC_NARROW(F, MR) F(MR, 1, 0)
#define FC_WIDTHS(F, MR) FC_NARROW(F, MR) F(MR, 2, 0)
#endif
#define FC_TILE_NAME(MR, NV, NH) FC_NAME(pixels_##MR##x##NV##_##NH),
FC_WIDTHS(FC_TILE, 1)
FC_WIDTHS(FC_TILE, 2)
FC_WIDTHS(FC_TILE, 3)
FC_WIDTHS(FC_TILE, 4)
FC_WIDTHS(FC_TILE, 5)
FC_WIDTHS(FC_TILE, 6)
FC_NARROW(FC_TILE, 7)
FC_NARROW(FC_TILE, 8)
FC_NARROW(FC_TILE, 9)
FC_NARROW(FC_TILE, 10)
FC_NARROW(FC_TILE, 11)
FC_NARROW(FC_TILE, 12)

static void FC_NAME(pixels)(const fc_pixels_args *a) {
    enum { WIDTHS = FC_HALVES * PIXEL_NV };
    static FC_NAME(pixels_fn) *const tiles[PIXEL_NARROW_MR][WIDTHS] = {
        {FC_WIDTHS(FC_TILE_NAME, 1)},  {FC_WIDTHS(FC_TILE_NAME, 2)},
        {FC_WIDTHS(FC_TILE_NAME, 3)},  {FC_WIDTHS(FC_TILE_NAME, 4)},
        {FC_WIDTHS(FC_TILE_NAME, 5)},  {FC_WIDTHS(FC_TILE_NAME, 6)},
        {FC_NARROW(FC_TILE_NAME, 7)},  {FC_NARROW(FC_TILE_NAME, 8)},
        {FC_NARROW(FC_TILE_NAME, 9)},  {FC_NARROW(FC_TILE_NAME, 10)},
        {FC_NARROW(FC_TILE_NAME, 11)}, {FC_NARROW(FC_TILE_NAME, 12)}};
    const int64_t width = (a->channels + VL / FC_HALVES - 1) / (VL / FC_HALVES);
    const int64_t rows = width == 1 ? PIXEL_NARROW_MR : PIXEL_MR;
    const int64_t pixels = a->end - a->begin, parts = (pixels + rows - 1) / rows;
    int64_t y = a->begin / a->width, column = a->begin % a->width;
    for (int64_t part = 0; part < parts; part++) {
        /* Balanced: 49 pixels are tiles of 5 and 6, never a lone one. */
        const int64_t n = pixels * (part + 1) / parts - pixels * part / parts;
        const real *x[PIXEL_NARROW_MR];
        real *out[PIXEL_NARROW_MR];
        for (int64_t m = 0; m < n; m++) {
            x[m] = (const real *)a->x + y * a->x_row + column * a->x_column;
            out[m] = (real *)a->out + y * a->out_row + column * a->out_column;
            if (++column == a->width) {
                column = 0;
                y++;
            }
        }
        tiles[n - 1][width - 1](a, x, out);
    }
}
#undef FC_TILE
#undef FC_NARROW
#undef FC_WIDTHS
#undef FC_TILE_NAME
#undef PIXEL_NARROW_MR
