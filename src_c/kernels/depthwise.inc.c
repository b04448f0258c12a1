/* Depthwise convolution, read in place: a block of output rows by one or two
 * vectors stays in registers; each input row is loaded once per column tap and
 * feeds every output row that is live for it. A stride of 2 takes two column taps
 * at a time and parts them by de-interleaving. */

/* Rows outside the image. A tile reads no further than this. */
enum { FC_NAME(DEPTHWISE_REACH) = 4 * VL + 7 };
static const real FC_NAME(depthwise_zeros)[FC_NAME(DEPTHWISE_REACH)];

/* VL elements from p; where MASKED, only those within columns [0, width) of the
 * image, `column` being the first. */
FC_INLINE vec FC_NAME(depthwise_load)(const bool MASKED, const real *p, int64_t column,
                                      int64_t width) {
    if (!MASKED) return v_load(p);
    const int64_t lo = column < 0 ? -column : 0, hi = width - column;
    return v_load_range(p, lo < VL ? lo : VL, hi < 0 ? 0 : hi < VL ? hi : VL);
}

/* Adds TAPS neighbouring columns s, s + 1 of the filter; p are the tile's input
 * rows from its first column on, which is `first` in the image. */
FC_INLINE void FC_NAME(depthwise_columns)(const int K, const int S, const int ROWS, const int XV,
                                          const int TAPS, const bool MASKED,
                                          const fc_depthwise_args *a, const real *const *p,
                                          int64_t first, int s, vec acc[DEPTHWISE_ROWS][2]) {
    vec ws[2][7];
    FC_UNROLL for (int r = 0; r < K; r++) {
        FC_UNROLL for (int t = 0; t < TAPS; t++)
            ws[t][r] = v_set1(((const real *)a->w)[r * K + s + t]);
    }
    FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++) {
        vec xv[2][2]; /* [tap][vector] */
        FC_UNROLL for (int v = 0; v < XV; v++) {
            const int64_t at = s + v * VL * S;
            xv[0][v] = FC_NAME(depthwise_load)(MASKED, p[i] + at, first + at, a->width);
            if (S == 2) {
                const vec near = xv[0][v];
                const vec far =
                    FC_NAME(depthwise_load)(MASKED, p[i] + at + VL, first + at + VL, a->width);
                xv[0][v] = v_evens(near, far);
                if (TAPS == 2) xv[1][v] = v_odds(near, far);
            }
            FC_PIN(xv[0][v]);
        }
        FC_UNROLL for (int t = 0; t < TAPS; t++) {
            FC_UNROLL for (int r = 0; r < K; r++) {
                if ((i - r) % S == 0 && i >= r && (i - r) / S < ROWS) {
                    FC_UNROLL for (int v = 0; v < XV; v++)
                        acc[(i - r) / S][v] += ws[t][r] * xv[t][v];
                }
            }
        }
    }
}

/* K x K filter, stride S, ROWS output rows from `y`, XV vectors from column `x`;
 * `row` are the input rows, NULL for those outside the image. */
FC_INLINE void FC_NAME(depthwise_tile)(const int K, const int S, const int ROWS, const int XV,
                                       const bool MASKED, const fc_depthwise_args *a,
                                       const real *const *row, int64_t y, int64_t x) {
    const int64_t n = a->out_width - x, first = x * S - a->pad_x;
    vec acc[DEPTHWISE_ROWS][2];
    const vec start = v_set1(*(const real *)a->bias);
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV; v++) acc[r][v] = start;
    }
    const real *p[(DEPTHWISE_ROWS - 1) * 2 + 7];
    for (int i = 0; i < (ROWS - 1) * S + K; i++)
        p[i] = !MASKED || row[i] ? row[i] + first : FC_NAME(depthwise_zeros);

    int s = 0;
    if (S == 2)
        for (; s + 2 <= K; s += 2)
            FC_NAME(depthwise_columns)(K, S, ROWS, XV, 2, MASKED, a, p, first, s, acc);
    for (; s < K; s++) FC_NAME(depthwise_columns)(K, S, ROWS, XV, 1, MASKED, a, p, first, s, acc);

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

/* ROWS output rows, all columns. Tiles at a border take masked loads. */
FC_INLINE void FC_NAME(depthwise_band)(const int K, const int S, const int ROWS,
                                       const fc_depthwise_args *a, int64_t y) {
    const real *row[(DEPTHWISE_ROWS - 1) * 2 + 7];
    bool inside = true;
    for (int i = 0; i < (ROWS - 1) * S + K; i++) {
        const int64_t at = y * S + i - a->pad_y;
        row[i] = at < 0 || at >= a->height ? NULL : (const real *)a->x + at * a->x_row;
        inside = inside && row[i];
    }
    for (int64_t x = 0; x < a->out_width;) {
        const int64_t first = x * S - a->pad_x, left = a->out_width - x;
        if (left <= VL) {
            FC_NAME(depthwise_tile)(K, S, ROWS, 1, true, a, row, y, x);
            x += VL;
        } else {
            /* The last element that two whole vectors may load lies inside, too. */
            if (inside && first >= 0 && first + K - 1 + 2 * VL * S <= a->width && left >= 2 * VL)
                FC_NAME(depthwise_tile)(K, S, ROWS, 2, false, a, row, y, x);
            else
                FC_NAME(depthwise_tile)(K, S, ROWS, 2, true, a, row, y, x);
            x += 2 * VL;
        }
    }
}

#define FC_BAND(K, S, ROWS) \
    static __attribute__((noinline)) void FC_NAME(depthwise_##K##s##S##_##ROWS)( \
        const fc_depthwise_args *a, int64_t y) { \
        FC_NAME(depthwise_band)(K, S, ROWS, a, y); \
    }
/* Row blocks offered: the full one, one less (14 rows are 7 + 7), half, one. */
#if DEPTHWISE_ROWS == 8
#define FC_BANDS(K, S) FC_BAND(K, S, 8) FC_BAND(K, S, 7) FC_BAND(K, S, 4) FC_BAND(K, S, 1)
#define FC_BAND_NAMES(K, S) \
    { \
        FC_NAME(depthwise_##K##s##S##_8), FC_NAME(depthwise_##K##s##S##_7), \
            FC_NAME(depthwise_##K##s##S##_4), FC_NAME(depthwise_##K##s##S##_1) \
    }
#else
#define FC_BANDS(K, S) FC_BAND(K, S, 4) FC_BAND(K, S, 3) FC_BAND(K, S, 2) FC_BAND(K, S, 1)
#define FC_BAND_NAMES(K, S) \
    { \
        FC_NAME(depthwise_##K##s##S##_4), FC_NAME(depthwise_##K##s##S##_3), \
            FC_NAME(depthwise_##K##s##S##_2), FC_NAME(depthwise_##K##s##S##_1) \
    }
#endif
FC_BANDS(3, 1)
FC_BANDS(3, 2)
FC_BANDS(5, 1)
FC_BANDS(5, 2)
FC_BANDS(7, 1)
FC_BANDS(7, 2)

static void FC_NAME(depthwise)(const fc_depthwise_args *a) {
    typedef void band_fn(const fc_depthwise_args *, int64_t y);
    static band_fn *const bands[3][2][4] = {{FC_BAND_NAMES(3, 1), FC_BAND_NAMES(3, 2)},
                                            {FC_BAND_NAMES(5, 1), FC_BAND_NAMES(5, 2)},
                                            {FC_BAND_NAMES(7, 1), FC_BAND_NAMES(7, 2)}};
    static const int64_t rows[4] = {DEPTHWISE_ROWS, DEPTHWISE_ROWS - 1, DEPTHWISE_ROWS / 2, 1};
    band_fn *const *const band = bands[a->kernel / 2 - 1][a->stride - 1];
    /* The last block moves back to overlap the one before: computing a row
     * twice is cheaper than a ragged remainder. Fewest computed rows win. */
    const int64_t wanted = a->row_end - a->row_begin;
    int best = 3;
    int64_t fewest = 2 * wanted; /* single rows reload everything */
    for (int i = 2; i >= 0; i--) {
        const int64_t computed = (wanted + rows[i] - 1) / rows[i] * rows[i];
        if (rows[i] <= wanted && computed <= fewest) {
            best = i;
            fewest = computed;
        }
    }
    for (int64_t y = a->row_begin; y < a->row_end; y += rows[best])
        band[best](a, y + rows[best] <= a->row_end ? y : a->row_end - rows[best]);
}
#undef FC_BAND
#undef FC_BANDS
#undef FC_BAND_NAMES
