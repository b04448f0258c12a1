/* Depthwise 3 x 3, channels innermost: the tile of a few columns and one vector of channels
 * slides down the image. Its filter stays in registers and each input row of it is loaded
 * once, so that far fewer lines are read for a result than by the tiles of
 * `depthwise_pixels`, whose order of summation this is. */

#if DEPTHWISE_PIXEL_ROWS == 4
enum {
    FC_NAME(SLIDE_TAPS) = 3,
    FC_NAME(SLIDE_COLUMNS) = 7, /* at most, with 21 sums and 9 weights in 32 registers */
    /* Of the output, by a stride of 1; half as many by 2. Higher tiles load fewer rows twice, and
     * leave to no prefetcher what comes from beyond the second-level cache (34 -> 45 GFLOP/s). */
    FC_NAME(SLIDE_ROWS) = 8,
    FC_NAME(SLIDE_WINDOW) = (FC_NAME(SLIDE_ROWS) + 2) * (2 * FC_NAME(SLIDE_COLUMNS) + 1)
};

/* The sums that an input row adds to by its taps r = 0, 1, 2: rows of `acc`, or NONE. */
#define NONE (-1)
FC_INLINE void FC_NAME(slide_row)(const int S, const int COLUMNS, const int FIRST, const int SECOND,
                                  const int THIRD, const real *const *pixel, int64_t c,
                                  const real *bias, vec ws[3][3],
                                  vec acc[3][FC_NAME(SLIDE_COLUMNS)]) {
    enum { K = FC_NAME(SLIDE_TAPS) };
    const int AT[K] = {FIRST, SECOND, THIRD};
    if (FIRST != NONE) {
        FC_UNROLL for (int q = 0; q < COLUMNS; q++) acc[FIRST][q] = v_load(bias);
    }
    FC_UNROLL for (int j = 0; j < (COLUMNS - 1) * S + K; j++) {
        vec x = v_load(pixel[j] + c);
        FC_PIN(x);
        FC_UNROLL for (int s = j % S; s < K; s += S) {
            const int q = (j - s) / S;
            if (j >= s && q < COLUMNS) {
                FC_UNROLL for (int r = 0; r < K; r++) if (AT[r] != NONE)
                    acc[AT[r]][q] += ws[r][s] * x;
            }
        }
    }
}

FC_INLINE void FC_NAME(slide_store)(const int COLUMNS, real *out, int64_t column, const vec *clip,
                                    vec acc[FC_NAME(SLIDE_COLUMNS)]) {
    FC_HOLD(clip); /* kept in registers the two would displace weights */
    FC_UNROLL for (int q = 0; q < COLUMNS; q++)
        v_store(out + q * column, v_min(clip[1], v_max(clip[0], acc[q])));
}

/* `rows` output rows of one vector of channels; `pixel` are the tile's input pixels, row by row.
 * A result takes its row of `acc` in turn; which one must be constants, hence the loops' form. */
FC_INLINE void FC_NAME(slide)(const int S, const int COLUMNS, const fc_depthwise_slides_args *a,
                              int64_t rows, const real *const *pixel, int64_t v, const vec *clip,
                              real *out) {
    enum { K = FC_NAME(SLIDE_TAPS) };
    const int64_t c = FC_NAME(depthwise_channel)(a, v);
    const real *w = (const real *)a->w + v * K * K * VL, *bias = (const real *)a->bias + v * VL;
    const int64_t row = a->out_row, column = a->out_column;
    out += c;
    vec ws[K][K], acc[3][FC_NAME(SLIDE_COLUMNS)];
    FC_UNROLL for (int i = 0; i < K * K; i++) {
        ws[i / K][i % K] = v_load(w + i * VL);
        FC_PIN(ws[i / K][i % K]);
    }
#define ROW(FIRST, SECOND, THIRD) \
    FC_NAME(slide_row)(S, COLUMNS, FIRST, SECOND, THIRD, pixel, c, bias, ws, acc); \
    pixel += (COLUMNS - 1) * S + K; \
    FC_HOLD(pixel)
#define STORE(AT) \
    FC_NAME(slide_store)(COLUMNS, out, column, clip, acc[AT]); \
    out += row; \
    FC_HOLD(out)
    ROW(0, NONE, NONE);
    if (S == 2) {
        while (true) {
            ROW(NONE, 0, NONE);
            if (!--rows) {
                ROW(NONE, NONE, 0);
                STORE(0);
                return;
            }
            ROW(1, NONE, 0);
            STORE(0);
            ROW(NONE, 1, NONE);
            if (!--rows) {
                ROW(NONE, NONE, 1);
                STORE(1);
                return;
            }
            ROW(0, NONE, 1);
            STORE(1);
        }
    }
    if (rows == 1) {
        ROW(NONE, 0, NONE);
        ROW(NONE, NONE, 0);
        STORE(0);
        return;
    }
    ROW(1, 0, NONE);
    /* The next row begins sums THIS and goes on with those of the two before it. */
#define NEXT(THIS, BEFORE, OLDEST) \
    if (--rows == 1) { \
        ROW(NONE, BEFORE, OLDEST); \
        STORE(OLDEST); \
        ROW(NONE, NONE, BEFORE); \
        STORE(BEFORE); \
        return; \
    } \
    ROW(THIS, BEFORE, OLDEST); \
    STORE(OLDEST)
    while (true) {
        NEXT(2, 1, 0);
        NEXT(0, 2, 1);
        NEXT(1, 0, 2);
    }
#undef NEXT
#undef ROW
#undef STORE
}
#undef NONE

/* All channels of a tile: what follows in memory follows in time. */
FC_INLINE void FC_NAME(slide_tile)(const int S, const int COLUMNS,
                                   const fc_depthwise_slides_args *a, int64_t rows,
                                   const real *const *pixel, real *out) {
    const int64_t vectors = (a->channels + VL - 1) / VL;
    const vec clip[2] = {v_set1((real)a->lo), v_set1((real)a->hi)};
    for (int64_t v = 0; v < vectors; v++) FC_NAME(slide)(S, COLUMNS, a, rows, pixel, v, clip, out);
}

#define FC_SLIDE(S, COLUMNS) \
    static __attribute__((noinline)) void FC_NAME(slide_##S##_##COLUMNS)( \
        const fc_depthwise_slides_args *a, int64_t rows, const real *const *pixel, real *out) { \
        FC_NAME(slide_tile)(S, COLUMNS, a, rows, pixel, out); \
    }
#define FC_SLIDES(S) FC_SLIDE(S, 5) FC_SLIDE(S, 6) FC_SLIDE(S, 7)
#define FC_SLIDE_NAMES(S) \
    { FC_NAME(slide_##S##_5), FC_NAME(slide_##S##_6), FC_NAME(slide_##S##_7) }
FC_SLIDES(1)
FC_SLIDES(2)

static void FC_NAME(depthwise_slides)(const fc_depthwise_slides_args *a) {
    typedef void tile_fn(const fc_depthwise_slides_args *, int64_t, const real *const *, real *);
    static tile_fn *const tiles[2][3] = {FC_SLIDE_NAMES(1), FC_SLIDE_NAMES(2)};
    enum { K = FC_NAME(SLIDE_TAPS), LEAST = FC_SLIDE_COLUMNS, MOST = FC_NAME(SLIDE_COLUMNS) };
    const int64_t stride = a->stride[0], most = FC_NAME(SLIDE_ROWS) / stride;
    const real *window[FC_NAME(SLIDE_WINDOW)];
    for (int64_t y = 0, rows; y < a->rows; y += rows) {
        const int64_t below = a->rows - y, bands = (below + most - 1) / most;
        rows = (below + bands - 1) / bands;
        for (int64_t x = 0, columns; x < a->columns; x += columns) {
            const int64_t left = a->columns - x, parts = (left + MOST - 1) / MOST;
            columns = (left + parts - 1) / parts;
            if (columns < LEAST) columns = LEAST;
            if (columns > left) x = a->columns - columns; /* some twice */
            FC_NAME(depthwise_point)
            (a, y * stride - a->pad[0], x * stride - a->pad[1], (rows - 1) * stride + K,
             (columns - 1) * stride + K, window);
            tiles[stride - 1][columns - LEAST](a, rows, window,
                                               (real *)a->out + y * a->out_row + x * a->out_column);
        }
    }
}
#undef FC_SLIDE
#undef FC_SLIDES
#undef FC_SLIDE_NAMES
#else
/* Too few registers. */
static void FC_NAME(depthwise_slides)(const fc_depthwise_slides_args *a) {
    FC_NAME(depthwise_pixels)(a);
}
#endif
