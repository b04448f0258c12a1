/* Small matrix products by the batch, as Winograd's transformed elements need
 * them: rows of `a` broadcast, columns of `b` in vectors. Where a panel has
 * fewer vectors its tiles are higher, so that sums enough are under way. */
#define GEMM_MR(NV) ((NV) == 1 ? 2 * PIXEL_MR : PIXEL_MR * PIXEL_NV / (NV))
enum { FC_NAME(GEMM_ROWS) = 2 * PIXEL_MR };

/* `next`: where the next matrix of `b` goes on, of which each term, if it FETCHES, fetches `step`
 * bytes. */
FC_INLINE void FC_NAME(gemm_tile)(const int MR, const int NV, const bool FETCHES,
                                  const fc_gemm_args *g, const real *a, const real *b,
                                  const char *next, int64_t step, real *out) {
    const int ROW = NV * VL;
    vec acc[FC_NAME(GEMM_ROWS)][PIXEL_NV];
    FC_UNROLL for (int m = 0; m < MR; m++) {
        FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = (vec){0};
    }
    if (g->accumulate) {
        FC_UNROLL for (int m = 0; m < MR; m++) {
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_load(out + m * ROW + v * VL);
        }
    }
    /* Rows by threes, so that a pointer to the first of them is all that moves. */
    const real *three[(FC_NAME(GEMM_ROWS) + 2) / 3];
    const int64_t row = g->a_row;
    FC_UNROLL for (int t = 0; 3 * t < MR; t++) {
        three[t] = a + 3 * t * row;
        FC_HOLD(three[t]);
    }
    FC_UNROLL_TERMS
    for (int64_t c = 0; c < g->depth; c++, b += ROW, next += step) {
        vec bv[PIXEL_NV];
        if (FETCHES) FC_FETCH(next);
        FC_UNROLL for (int v = 0; v < NV; v++) bv[v] = v_load(b + v * VL);
        FC_UNROLL for (int m = 0; m < MR; m++) {
            const vec am = v_set1(three[m / 3][m % 3 * row]);
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] += am * bv[v];
        }
        FC_UNROLL for (int t = 0; 3 * t < MR; t++) three[t]++;
    }
    FC_UNROLL for (int m = 0; m < MR; m++) {
        FC_UNROLL for (int v = 0; v < NV; v++) v_store(out + m * ROW + v * VL, acc[m][v]);
    }
}

/* `count` tiles below each other. */
typedef void FC_NAME(gemm_fn)(const fc_gemm_args *, int64_t count, const real *, const real *,
                              const char *, int64_t, real *);
#define FC_TILE(MR, NV) \
    static __attribute__((noinline)) void FC_NAME(gemm_##MR##x##NV)( \
        const fc_gemm_args *g, int64_t count, const real *a, const real *b, const char *next, \
        int64_t step, real *out) { \
        const int ROWS = (MR) <= GEMM_MR(NV) ? (MR) : 1; \
        for (; count > 0; count--) { \
            if (FC_VECTOR_BYTES == 64 || step) \
                FC_NAME(gemm_tile)(ROWS, NV, true, g, a, b, next, step, out); \
            else \
                FC_NAME(gemm_tile)(ROWS, NV, false, g, a, b, next, step, out); \
            a += ROWS * g->a_row; \
            out += ROWS * (NV)*VL; \
            next += g->depth * step; \
        } \
    }
#if PIXEL_NV == 4
#define FC_TILES(MR) FC_TILE(MR, 1) FC_TILE(MR, 2) FC_TILE(MR, 3) FC_TILE(MR, 4)
#define FC_TILE_NAMES(MR) \
    { \
        FC_NAME(gemm_##MR##x1), FC_NAME(gemm_##MR##x2), FC_NAME(gemm_##MR##x3), \
            FC_NAME(gemm_##MR##x4) \
    }
#else
#define FC_TILES(MR) FC_TILE(MR, 1) FC_TILE(MR, 2)
#define FC_TILE_NAMES(MR) \
    { FC_NAME(gemm_##MR##x1), FC_NAME(gemm_##MR##x2) }
#endif
FC_TILES(1)
FC_TILES(2)
FC_TILES(3)
FC_TILES(4)
FC_TILES(5)
FC_TILES(6)
FC_TILES(7)
FC_TILES(8)
FC_TILES(9)
FC_TILES(10)
FC_TILES(11)
FC_TILES(12)

static void FC_NAME(gemm)(const fc_gemm_args *g) {
    static FC_NAME(gemm_fn) *const tiles[FC_NAME(GEMM_ROWS)][PIXEL_NV] = {
        FC_TILE_NAMES(1), FC_TILE_NAMES(2),  FC_TILE_NAMES(3),  FC_TILE_NAMES(4),
        FC_TILE_NAMES(5), FC_TILE_NAMES(6),  FC_TILE_NAMES(7),  FC_TILE_NAMES(8),
        FC_TILE_NAMES(9), FC_TILE_NAMES(10), FC_TILE_NAMES(11), FC_TILE_NAMES(12)};
    const int64_t most = g->vectors == 1 ? GEMM_MR(1) : PIXEL_MR * PIXEL_NV / g->vectors;
    /* Balanced: 16 rows are tiles of 6 and 5, never a lone one. */
    const int64_t parts = (g->rows + most - 1) / most;
    if (!parts) return;
    const int64_t n = g->rows / parts, larger = g->rows % parts, row = g->vectors * VL;
    /* The third-level cache is far: all tiles together fetch the next matrix, at most a line a
     * term, or the loads of this one would wait for a place among the fetches. Shorter vectors take
     * so long for small matrices that the processor's own prefetchers keep up with them. */
    enum { LINE = 64, LARGE = 16 * 1024 };
    const int64_t share = row * (int64_t)sizeof(real) / parts;
    const bool fetches = FC_VECTOR_BYTES == 64 ||
                         (FC_VECTOR_BYTES == 32 && g->depth * row * (int64_t)sizeof(real) >= LARGE);
    const int64_t step = !fetches ? 0 : share < LINE ? share : LINE;
    for (int64_t f = 0; f < g->batch; f++) {
        const real *a = (const real *)g->a + f * g->a_step, *b = (const real *)g->b + f * g->b_step;
        real *out = (real *)g->out + f * g->out_step;
        const char *next = (const char *)(b + g->b_step);
        if (larger) tiles[n][g->vectors - 1](g, larger, a, b, next, step, out);
        const int64_t done = larger * (n + 1);
        tiles[n - 1][g->vectors - 1](g, parts - larger, a + done * g->a_row, b,
                                     next + larger * g->depth * step, step, out + done * row);
    }
}
#undef FC_TILE
#undef FC_TILES
#undef FC_TILE_NAMES
#undef GEMM_MR
