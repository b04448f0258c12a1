/* Input of the Winograd family: B^T d B of every tile. */

/* One axis of one tile. */
FC_INLINE void FC_NAME(winograd_input_line)(const int T, const real *x, int64_t x_step, real *v,
                                            int64_t v_step) {
    vec d[FC_NAME(WINOGRAD_TILE)], o[FC_NAME(WINOGRAD_TILE)];
    FC_UNROLL for (int i = 0; i < T; i++) d[i] = v_load(x + i * x_step);
    FC_NAME(winograd_bt)(T, d, o);
    FC_UNROLL for (int i = 0; i < T; i++) v_store(v + i * v_step, o[i]);
}

/* The same where of the T rows only [begin, end) exist: the others are read from zeros. */
FC_INLINE void FC_NAME(winograd_input_clipped)(const int T, const real *x, int64_t x_step, real *v,
                                               int64_t v_step, int64_t begin, int64_t end,
                                               int64_t lanes) {
    vec d[FC_NAME(WINOGRAD_TILE)], o[FC_NAME(WINOGRAD_TILE)];
    if (lanes == VL) {
        const vec zero = {0};
        FC_UNROLL for (int i = 0; i < T; i++)
            d[i] = v_load(i >= begin && i < end ? x + i * x_step : (const real *)&zero);
    } else {
        FC_UNROLL for (int i = 0; i < T; i++) {
            d[i] = (vec){0};
            if (i >= begin && i < end) d[i] = v_load_first(x + i * x_step, lanes);
        }
    }
    FC_NAME(winograd_bt)(T, d, o);
    FC_UNROLL for (int i = 0; i < T; i++) v_store(v + i * v_step, o[i]);
}

/* Tiles of one row of tiles at (y, x), one vector of channels: the columns of the whole
 * run first, so that those which neighbours share are done once. */
FC_INLINE void FC_NAME(winograd_input_run)(const int TY, const int TX,
                                           const fc_winograd_input_args *a, int64_t y, int64_t x,
                                           int64_t tiles, int64_t lanes, const real *from,
                                           real *v) {
    enum { T = FC_NAME(WINOGRAD_TILE), COLUMNS = (FC_NAME(WINOGRAD_RUN) + 1) * T };
    const int64_t m = a->outputs[1], columns = (tiles - 1) * m + TX;
    const int64_t begin = a->begin[0] - y, end = a->end[0] - y;
    const bool whole = begin <= 0 && end >= TY && lanes == VL;
    real half[COLUMNS * T * VL];
    real *to = TX == 1 ? v : half;
    const int64_t to_step = TX == 1 ? a->v_step : VL, to_column = TX == 1 ? a->v_column : TY * VL;
    for (int64_t j = 0; j < columns; j++, to += to_column) {
        const real *p = from + j * a->x_column;
        if (x + j < a->begin[1] || x + j >= a->end[1])
            FC_UNROLL for (int i = 0; i < TY; i++) v_store(to + i * to_step, (vec){0});
        else if (whole)
            FC_NAME(winograd_input_line)(TY, p, a->x_row, to, to_step);
        else
            FC_NAME(winograd_input_clipped)(TY, p, a->x_row, to, to_step, begin, end, lanes);
    }
    if (TX == 1) return;
    for (int64_t tile = 0; tile < tiles; tile++, v += a->v_column)
        FC_UNROLL for (int i = 0; i < TY; i++) FC_NAME(winograd_input_line)(
            TX, half + (tile * m * TY + i) * VL, TY * VL, v + i * TX * a->v_step, a->v_step);
}

/* Pairs of rows of a transformed tile that share terms: the k-th of pair g. */
FC_INLINE int FC_NAME(winograd_pair)(const int T, const int g, const int k) {
    if (T == 6) return g == 0 ? 1 + k : g == 1 ? 3 + k : 5 * k;
    if (T == 5) return g == 0 ? 1 + k : g == 1 ? 4 * k : 3;
    return T == 4 ? (g == 0 ? 1 + k : 3 * k) : 2 * g + k;
}

/* Column x, if it exists, through the transform of one axis. */
FC_INLINE void FC_NAME(winograd_input_column)(const int T, const real *x, int64_t x_row,
                                              bool exists, vec *o) {
    const vec zero = {0};
    const real *p = exists ? x : (const real *)&zero;
    int64_t step = exists ? x_row : 0;
    FC_HOLD(p); /* or there would be a transform for each case */
    FC_HOLD(step);
    vec d[FC_NAME(WINOGRAD_TILE)];
    FC_UNROLL for (int i = 0; i < T; i++) d[i] = v_load(p + i * step);
    FC_NAME(winograd_bt)(T, d, o);
}

/* A run of F(M, T - M + 1) on both axes whose pixels are near each other: pair by pair of rows,
 * which stay in registers from one axis to the other, because a store costs more than the loads
 * that this repeats. What neighbours share is kept from tile to tile. Columns [begin, end) exist.
 */
FC_INLINE void FC_NAME(winograd_input_near)(const int T, const int M, const real *x, int64_t x_row,
                                            int64_t x_column, int64_t begin, int64_t end,
                                            int64_t tiles, real *v, int64_t v_step,
                                            int64_t v_column) {
    enum { MOST = FC_NAME(WINOGRAD_TILE) };
    const int SHARED = T - M;
    vec kept[MOST][MOST], o[MOST];
    FC_UNROLL for (int j = 0; j < SHARED; j++) {
        FC_NAME(winograd_input_column)(T, x + j * x_column, x_row, j >= begin && j < end, o);
        FC_UNROLL for (int i = 0; i < T; i++) kept[i][j] = o[i];
    }
    x += SHARED * x_column, begin -= SHARED, end -= SHARED;
    for (int64_t tile = 0; tile < tiles; tile++) {
        FC_UNROLL for (int g = 0; g < (T + 1) / 2; g++) {
            const int COUNT = 2 * g + 1 < T ? 2 : 1;
            vec rows[2][MOST];
            FC_UNROLL for (int j = 0; j < M; j++) {
                FC_NAME(winograd_input_column)
                (T, x + j * x_column, x_row, j >= begin && j < end, o);
                FC_UNROLL for (int k = 0; k < COUNT; k++)
                    rows[k][SHARED + j] = o[FC_NAME(winograd_pair)(T, g, k)];
            }
            FC_UNROLL for (int k = 0; k < COUNT; k++) {
                const int row = FC_NAME(winograd_pair)(T, g, k);
                FC_UNROLL for (int j = 0; j < SHARED; j++) rows[k][j] = kept[row][j];
                FC_UNROLL for (int j = 0; j < SHARED; j++) kept[row][j] = rows[k][M + j];
                FC_NAME(winograd_bt)(T, rows[k], o);
                FC_UNROLL for (int j = 0; j < T; j++) v_store(v + (row * T + j) * v_step, o[j]);
            }
        }
        v += v_column, x += M * x_column, begin -= M, end -= M;
    }
}

typedef void FC_NAME(winograd_near_fn)(const real *, int64_t, int64_t, int64_t, int64_t, int64_t,
                                       real *, int64_t, int64_t);
#define FC_NEAR(T, M) \
    static __attribute__((noinline)) void FC_NAME(winograd_near_##T##_##M)( \
        const real *x, int64_t x_row, int64_t x_column, int64_t begin, int64_t end, int64_t tiles, \
        real *v, int64_t v_step, int64_t v_column) { \
        FC_NAME(winograd_input_near) \
        (T, M, x, x_row, x_column, begin, end, tiles, v, v_step, v_column); \
    }
WINOGRAD_FORMS(FC_NEAR)
#undef FC_NEAR

static FC_NAME(winograd_near_fn) * FC_NAME(winograd_near_of)(int64_t t, int64_t m) {
#define FC_ENTRY(T, M) [T][M] = FC_NAME(winograd_near_##T##_##M),
    static FC_NAME(winograd_near_fn) *const near WINOGRAD_BY_FORM = {WINOGRAD_FORMS(FC_ENTRY)};
#undef FC_ENTRY
    return near[t][m];
}

FC_INLINE void FC_NAME(winograd_input_tiles)(const int TY, const int TX,
                                             const fc_winograd_input_args *a) {
    /* Pixels further apart share few sets of the first-level cache, and are read once; sixteen
     * registers are too few (AVX2: 82 -> 105 cycles). */
    FC_NAME(winograd_near_fn) *near = NULL;
    if (PIXEL_NV == 4 && TY > 1 && TX > 1 && a->x_column * (int64_t)sizeof(real) <= 128)
        near = FC_NAME(winograd_near_of)(TX, a->outputs[1]);
    for (int64_t ty = 0; ty < a->tiles_y; ty++)
        for (int64_t tx = 0; tx < a->tiles_x; tx += FC_NAME(WINOGRAD_RUN)) {
            const int64_t left = a->tiles_x - tx, y = ty * a->outputs[0], x = tx * a->outputs[1];
            const int64_t tiles = left < FC_NAME(WINOGRAD_RUN) ? left : FC_NAME(WINOGRAD_RUN);
            const real *from = (const real *)a->x + y * a->x_row + x * a->x_column;
            real *v = (real *)a->v + (ty * a->tiles_x + tx) * a->v_column;
            for (int64_t c = 0; c < a->channels; c += VL) {
                const int64_t lanes = a->channels - c < VL ? a->channels - c : VL;
                if (near && lanes == VL && y >= a->begin[0] && y + TY <= a->end[0]) {
                    near(from + c, a->x_row, a->x_column, a->begin[1] - x, a->end[1] - x, tiles,
                         v + c, a->v_step, a->v_column);
                    continue;
                }
                FC_NAME(winograd_input_run)(TY, TX, a, y, x, tiles, lanes, from + c, v + c);
            }
        }
}

#define FC_TILES(T) \
    static void FC_NAME(winograd_input_##T)(const fc_winograd_input_args *a) { \
        if (a->tile[0] == 1) \
            FC_NAME(winograd_input_tiles)(1, T, a); \
        else if (a->tile[1] == 1) \
            FC_NAME(winograd_input_tiles)(T, 1, a); \
        else \
            FC_NAME(winograd_input_tiles)(T, T, a); \
    }
FC_TILES(3)
FC_TILES(4)
FC_TILES(5)
FC_TILES(6)
#undef FC_TILES

static void FC_NAME(winograd_input)(const fc_winograd_input_args *a) {
    const int64_t t = a->tile[0] > 1 ? a->tile[0] : a->tile[1];
    if (t == 6)
        FC_NAME(winograd_input_6)(a);
    else if (t == 5)
        FC_NAME(winograd_input_5)(a);
    else if (t == 4)
        FC_NAME(winograd_input_4)(a);
    else
        FC_NAME(winograd_input_3)(a);
}
