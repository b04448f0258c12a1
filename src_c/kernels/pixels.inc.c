/* Output channels in vectors, pixels broadcast: the tile that carries most of
 * the dense work. A tile is MR pixels by NV vectors, all accumulators in
 * registers for the whole reduction. */

FC_INLINE void FC_NAME(pixels_tile)(const int MR, const int NV, const fc_pixels_args *a,
                                    const real *const *x, real *const *out) {
    enum { NR = PIXEL_NV * VL };
    const real *w = a->w;
    const int64_t last = a->channels - (NV - 1) * VL; /* lanes of the last vector */
    vec acc[PIXEL_MR][PIXEL_NV];

    if (a->bias) {
        FC_UNROLL for (int v = 0; v < NV; v++) {
            const vec b = v_load((const real *)a->bias + v * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) acc[m][v] = b;
        }
    } else {
        FC_UNROLL for (int m = 0; m < MR; m++) {
            FC_UNROLL for (int v = 0; v < NV - 1; v++) acc[m][v] = v_load(out[m] + v * VL);
            acc[m][NV - 1] = v_load_first(out[m] + (NV - 1) * VL, last);
        }
    }

    for (int64_t t = 0; t < a->taps; t++) {
        const real *wt = w + a->tap[t].w * NR;
        const real *p[PIXEL_MR];
        FC_UNROLL for (int m = 0; m < MR; m++) p[m] = x[m] + a->tap[t].x;
        for (int64_t i = 0; i < a->run; i++, wt += NR) {
            vec wv[PIXEL_NV];
            FC_UNROLL for (int v = 0; v < NV; v++) wv[v] = v_load(wt + v * VL);
            FC_UNROLL for (int m = 0; m < MR; m++) {
                const vec xm = v_set1(p[m][i]);
                FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] += xm * wv[v];
            }
        }
    }

    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int m = 0; m < MR; m++) {
        FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_min(hi, v_max(lo, acc[m][v]));
        FC_UNROLL for (int v = 0; v < NV - 1; v++) v_store(out[m] + v * VL, acc[m][v]);
    }
    if (last == VL) {
        FC_UNROLL for (int m = 0; m < MR; m++) v_store(out[m] + (NV - 1) * VL, acc[m][NV - 1]);
    } else {
        FC_UNROLL for (int m = 0; m < MR; m++)
            v_store_first(out[m] + (NV - 1) * VL, acc[m][NV - 1], last);
    }
}

/* The tile of each width in its own function: one call a tile, constants inside. */
typedef void FC_NAME(pixels_fn)(const fc_pixels_args *, const real *const *, real *const *);
#define FC_TILE(MR, NV) \
    static __attribute__((noinline)) void FC_NAME(pixels_##MR##x##NV)( \
        const fc_pixels_args *a, const real *const *x, real *const *out) { \
        FC_NAME(pixels_tile)(MR, NV, a, x, out); \
    }
#if PIXEL_NV == 4
#define FC_TILE_ROW(MR) FC_TILE(MR, 1) FC_TILE(MR, 2) FC_TILE(MR, 3) FC_TILE(MR, 4)
#define FC_TILE_NAMES(MR) \
    { \
        FC_NAME(pixels_##MR##x1), FC_NAME(pixels_##MR##x2), FC_NAME(pixels_##MR##x3), \
            FC_NAME(pixels_##MR##x4) \
    }
#else
#define FC_TILE_ROW(MR) FC_TILE(MR, 1) FC_TILE(MR, 2)
#define FC_TILE_NAMES(MR) \
    { FC_NAME(pixels_##MR##x1), FC_NAME(pixels_##MR##x2) }
#endif
FC_TILE_ROW(1)
FC_TILE_ROW(2)
FC_TILE_ROW(3)
FC_TILE_ROW(4)
FC_TILE_ROW(5)
FC_TILE_ROW(6)

static void FC_NAME(pixels)(const fc_pixels_args *a) {
    static FC_NAME(pixels_fn) *const tiles[PIXEL_MR][PIXEL_NV] = {
        FC_TILE_NAMES(1), FC_TILE_NAMES(2), FC_TILE_NAMES(3),
        FC_TILE_NAMES(4), FC_TILE_NAMES(5), FC_TILE_NAMES(6)};
    const int64_t vectors = (a->channels + VL - 1) / VL;
    const int64_t pixels = a->end - a->begin, parts = (pixels + PIXEL_MR - 1) / PIXEL_MR;
    int64_t y = a->begin / a->width, column = a->begin % a->width;
    for (int64_t part = 0; part < parts; part++) {
        /* Balanced: 49 pixels are tiles of 5 and 6, never a lone one. */
        const int64_t n = pixels * (part + 1) / parts - pixels * part / parts;
        const real *x[PIXEL_MR];
        real *out[PIXEL_MR];
        for (int64_t m = 0; m < n; m++) {
            x[m] = (const real *)a->x + y * a->x_row + column * a->x_column;
            out[m] = (real *)a->out + y * a->out_row + column * a->out_column;
            if (++column == a->width) {
                column = 0;
                y++;
            }
        }
        tiles[n - 1][vectors - 1](a, x, out);
    }
}
#undef FC_TILE
#undef FC_TILE_ROW
#undef FC_TILE_NAMES
