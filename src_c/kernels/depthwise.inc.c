/* Depthwise convolution: a block of output rows by one or two vectors stays in
 * registers; each input row is loaded once per column tap and feeds every
 * output row that is live for it. */

/* K x K filter, stride S, ROWS output rows, XV vectors at column `x`, of which
 * `n` columns are wanted. */
FC_INLINE void FC_NAME(depthwise_tile)(const int K, const int S, const int ROWS, const int XV,
                                       const fc_depthwise_args *a, int64_t y, int64_t x,
                                       int64_t n) {
    const real *w = a->w;
    vec acc[DEPTHWISE_ROWS][2];
    const vec start = v_set1(a->bias ? *(const real *)a->bias : 0);
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV; v++) acc[r][v] = start;
    }

    FC_UNROLL for (int s = 0; s < K; s++) {
        vec ws[7];
        FC_UNROLL for (int r = 0; r < K; r++) ws[r] = v_set1(w[r * K + s]);
        const real *column = (const real *)a->x + s % S * a->phase + s / S + x;
        FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++) {
            const real *p = column + i % S * S * a->phase + (y + i / S) * a->pitch;
            vec xv[2];
            FC_UNROLL for (int v = 0; v < XV; v++) {
                xv[v] = v_load(p + v * VL);
                FC_PIN(xv[v]);
            }
            FC_UNROLL for (int r = 0; r < K; r++) {
                if ((i - r) % S == 0 && i >= r && (i - r) / S < ROWS) {
                    FC_UNROLL for (int v = 0; v < XV; v++) acc[(i - r) / S][v] += ws[r] * xv[v];
                }
            }
        }
    }

    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        real *out = (real *)a->out + (y + r) * a->out_row + x;
        FC_UNROLL for (int v = 0; v < XV; v++) {
            const vec result = v_min(hi, v_max(lo, acc[r][v]));
            if (n >= (v + 1) * VL)
                v_store(out + v * VL, result);
            else
                v_store_first(out + v * VL, result, n - v * VL);
        }
    }
}

#define FC_BAND(K, S, ROWS)                                                    \
    static __attribute__((noinline)) void                                      \
    FC_NAME(depthwise_##K##s##S##_##ROWS)(const fc_depthwise_args *a, int64_t y) { \
        int64_t x = 0;                                                         \
        for (; a->width - x > VL; x += 2 * VL)                                 \
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, a, y, x, a->width - x);     \
        if (x < a->width)                                                      \
            FC_NAME(depthwise_tile)(K, S, ROWS, 1, a, y, x, a->width - x);     \
    }
/* Row blocks offered: the full one, one less (14 rows are 7 + 7), half, one. */
#if DEPTHWISE_ROWS == 8
#define FC_BANDS(K, S) FC_BAND(K, S, 8) FC_BAND(K, S, 7) FC_BAND(K, S, 4) FC_BAND(K, S, 1)
#define FC_BAND_NAMES(K, S) {FC_NAME(depthwise_##K##s##S##_8), FC_NAME(depthwise_##K##s##S##_7), \
                             FC_NAME(depthwise_##K##s##S##_4), FC_NAME(depthwise_##K##s##S##_1)}
#else
#define FC_BANDS(K, S) FC_BAND(K, S, 4) FC_BAND(K, S, 3) FC_BAND(K, S, 2) FC_BAND(K, S, 1)
#define FC_BAND_NAMES(K, S) {FC_NAME(depthwise_##K##s##S##_4), FC_NAME(depthwise_##K##s##S##_3), \
                             FC_NAME(depthwise_##K##s##S##_2), FC_NAME(depthwise_##K##s##S##_1)}
#endif
FC_BANDS(3, 1)
FC_BANDS(3, 2)
FC_BANDS(5, 1)
FC_BANDS(5, 2)
FC_BANDS(7, 1)
FC_BANDS(7, 2)

static void FC_NAME(depthwise)(const fc_depthwise_args *a) {
    typedef void band_fn(const fc_depthwise_args *, int64_t y);
    static band_fn *const bands[3][2][4] = {
        {FC_BAND_NAMES(3, 1), FC_BAND_NAMES(3, 2)},
        {FC_BAND_NAMES(5, 1), FC_BAND_NAMES(5, 2)},
        {FC_BAND_NAMES(7, 1), FC_BAND_NAMES(7, 2)}};
    static const int64_t rows[4] = {DEPTHWISE_ROWS, DEPTHWISE_ROWS - 1, DEPTHWISE_ROWS / 2, 1};
    band_fn *const *const band = bands[a->kernel / 2 - 1][a->stride - 1];
    /* The last block moves back to overlap the one before: computing a row
     * twice is cheaper than a ragged remainder. Fewest computed rows win. */
    int best = 3;
    for (int i = 2; i >= 0; i--)
        if (rows[i] <= a->rows && (a->rows + rows[i] - 1) / rows[i] * rows[i] <=
                                      (a->rows + rows[best] - 1) / rows[best] * rows[best] +
                                          (best == 3 ? a->rows : 0))
            best = i;
    for (int64_t y = 0; y < a->rows; y += rows[best])
        band[best](a, y + rows[best] <= a->rows ? y : a->rows - rows[best]);
}
#undef FC_BAND
#undef FC_BANDS
#undef FC_BAND_NAMES
