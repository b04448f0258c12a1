/* Depthwise convolution from a strip of padded planes: a block of output rows by one or two vectors
 * stays in registers, and each vector of the strip feeds every output row that it meets. Nothing
 * lies beyond the border, so that no load is masked; the taps of a column of the filter that meet
 * the same phase of the stride lie a row of the strip apart. */

/* As many sums, in rows of two vectors or of one, as hide the time of a multiply-add and leave
 * registers for a few weights. */
enum { FC_NAME(STRIP_ROWS) = 5, FC_NAME(STRIP_EDGE_ROWS) = 10, FC_NAME(STRIP_TAPS) = 4 };

/* TAPS of one column of the filter, each a row of the strip below the one before. */
FC_INLINE void FC_NAME(strip_taps)(const int TAPS, const int ROWS, const int XV, const real *x,
                                   int64_t pitch, int64_t second, const real *w, int64_t w_row,
                                   vec acc[FC_NAME(STRIP_EDGE_ROWS)][2]) {
    vec ws[FC_NAME(STRIP_TAPS)];
    FC_UNROLL for (int t = 0; t < TAPS; t++) ws[t] = v_set1(w[t * w_row]);
    FC_UNROLL for (int i = 0; i < ROWS + TAPS - 1; i++) {
        FC_UNROLL for (int v = 0; v < XV; v++) {
            vec xv = v_load(x + v * second);
            FC_PIN(xv); /* one at a time, or sums would be kept on the stack */
            FC_UNROLL for (int t = 0; t < TAPS; t++) if (i >= t && i - t < ROWS)
                acc[i - t][v] += ws[t] * xv;
        }
        x += pitch;
        FC_HOLD(x);
    }
}

/* A column of `n` taps, `w_row` weights apart. */
FC_INLINE void FC_NAME(strip_column)(const int ROWS, const int XV, const real *x, int64_t pitch,
                                     int64_t second, const real *w, int64_t w_row, int64_t n,
                                     vec acc[FC_NAME(STRIP_EDGE_ROWS)][2]) {
    for (; n >= 4; n -= 4) {
        FC_NAME(strip_taps)(4, ROWS, XV, x, pitch, second, w, w_row, acc);
        x += 4 * pitch;
        w += 4 * w_row;
    }
    if (n == 3)
        FC_NAME(strip_taps)(3, ROWS, XV, x, pitch, second, w, w_row, acc);
    else if (n == 2)
        FC_NAME(strip_taps)(2, ROWS, XV, x, pitch, second, w, w_row, acc);
    else if (n == 1)
        FC_NAME(strip_taps)(1, ROWS, XV, x, pitch, second, w, w_row, acc);
}

/* ROWS output rows by XV vectors, the second one `second` elements after the first; of a single one
 * no more than `n` elements are stored. Of a K x K filter with a row_step of S or, where K is 0, of
 * any. */
FC_INLINE void FC_NAME(strip_tile)(const int K, const int S, const int ROWS, const int XV,
                                   const fc_depthwise_strip_args *a, const real *x, const real *w,
                                   real bias, real *out, int64_t second, int64_t n) {
    const int64_t depth = K ? 1 : a->kernel[0], rows = K ? K : a->kernel[1];
    const int64_t columns = K ? K : a->kernel[2], step = K ? S : a->row_step;
    vec acc[FC_NAME(STRIP_EDGE_ROWS)][2];
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV; v++) acc[r][v] = v_set1(bias);
    }
    const int64_t *tap = a->tap;
    for (int64_t z = 0; z < depth; z++) {
        for (int64_t q = 0; q < step; q++) {
            const int64_t most = K ? (K + S - 1) / S : a->column_taps;
            const int64_t taps = q + (most - 1) * step < rows ? most : most - 1;
            for (int64_t s = 0; s < columns; s++) {
                const int64_t at = q * columns + s;
                if (!K && a->scattered) {
                    for (int64_t t = at; t < rows * columns; t += step * columns)
                        FC_NAME(strip_taps)
                    (1, ROWS, XV, x + tap[t], a->pitch, second, w + t, 0, acc);
                    continue;
                }
                FC_NAME(strip_column)
                (ROWS, XV, x + (K && S == 1 ? s : tap[at]), a->pitch, second, w + at,
                 step * columns, taps, acc);
            }
        }
        tap += rows * columns;
        w += rows * columns;
    }
    if (fc_clips(a->lo, a->hi)) {
        const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
        FC_UNROLL for (int r = 0; r < ROWS; r++) {
            FC_UNROLL for (int v = 0; v < XV; v++) acc[r][v] = v_min(hi, v_max(lo, acc[r][v]));
        }
    }
    const int64_t out_row = a->out_row;
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV; v++) {
            if (XV == 2 || n >= VL)
                v_store(out + v * second, acc[r][v]);
            else
                v_store_first(out, acc[r][v], n);
        }
        out += out_row;
        FC_HOLD(out);
    }
}

/* Whole tiles of ROWS rows, the last one moved back to end with the row. */
FC_INLINE void FC_NAME(strip_band)(const int K, const int S, const int ROWS,
                                   const fc_depthwise_strip_args *a, const real *x, const real *w,
                                   real bias, real *out) {
    const int64_t second = a->width < 2 * VL ? a->width - VL : VL;
    for (int64_t left = a->width; left > VL; left -= 2 * VL) {
        const int64_t back = left < 2 * VL && a->width >= 2 * VL ? 2 * VL - left : 0;
        FC_NAME(strip_tile)(K, S, ROWS, 2, a, x - back, w, bias, out - back, second, 2 * VL);
        x += 2 * VL;
        out += 2 * VL;
    }
}

typedef void FC_NAME(strip_fn)(const fc_depthwise_strip_args *, const real *x, const real *w,
                               real bias, real *out);
#define FC_BAND(K, S, ROWS) \
    static __attribute__((noinline)) void FC_NAME(strip_band_##K##s##S##_##ROWS)( \
        const fc_depthwise_strip_args *a, const real *x, const real *w, real bias, real *out) { \
        FC_NAME(strip_band)(K, S, ROWS, a, x, w, bias, out); \
    }
/* The columns of one vector, at the end of the rows or all there are. */
#define FC_EDGE(K, S, ROWS) \
    static __attribute__((noinline)) void FC_NAME(strip_edge_##K##s##S##_##ROWS)( \
        const fc_depthwise_strip_args *a, const real *x, const real *w, real bias, real *out) { \
        FC_NAME(strip_tile)(K, S, ROWS, 1, a, x, w, bias, out, 0, a->width); \
    }
#define FC_STRIPS(K, S) \
    FC_BAND(K, S, 1) \
    FC_BAND(K, S, 2) \
    FC_BAND(K, S, 3) \
    FC_BAND(K, S, 4) \
    FC_BAND(K, S, 5) \
    FC_EDGE(K, S, 1) FC_EDGE(K, S, 2) FC_EDGE(K, S, 4) FC_EDGE(K, S, 7) FC_EDGE(K, S, 10)
/* Blocks of each number of rows that is offered. */
typedef struct {
    FC_NAME(strip_fn) * band[5], *edge[5];
} FC_NAME(strip_blocks);
#define FC_NAMES(K, S) \
    { \
        {FC_NAME(strip_band_##K##s##S##_1), FC_NAME(strip_band_##K##s##S##_2), \
         FC_NAME(strip_band_##K##s##S##_3), FC_NAME(strip_band_##K##s##S##_4), \
         FC_NAME(strip_band_##K##s##S##_5)}, \
        { \
            FC_NAME(strip_edge_##K##s##S##_1), FC_NAME(strip_edge_##K##s##S##_2), \
                FC_NAME(strip_edge_##K##s##S##_4), FC_NAME(strip_edge_##K##s##S##_7), \
                FC_NAME(strip_edge_##K##s##S##_10) \
        } \
    }
FC_STRIPS(0, 0)
#if FC_VECTOR_BYTES < 64
FC_STRIPS(3, 1)
FC_STRIPS(3, 2)
FC_STRIPS(4, 1)
FC_STRIPS(4, 2)
FC_STRIPS(5, 1)
FC_STRIPS(5, 2)
FC_STRIPS(7, 1)
FC_STRIPS(7, 2)
#endif

/* Those for a filter: its own, if it has some. */
static const FC_NAME(strip_blocks) * FC_NAME(strip_blocks_of)(const fc_depthwise_strip_args *a) {
    static const FC_NAME(strip_blocks) any = FC_NAMES(0, 0);
#if FC_VECTOR_BYTES < 64
    static const FC_NAME(strip_blocks) own[4][2] = {{FC_NAMES(3, 1), FC_NAMES(3, 2)},
                                                    {FC_NAMES(4, 1), FC_NAMES(4, 2)},
                                                    {FC_NAMES(5, 1), FC_NAMES(5, 2)},
                                                    {FC_NAMES(7, 1), FC_NAMES(7, 2)}};
    const int64_t k = a->kernel[1], step = a->row_step;
    /* Those of a row_step of 1 are for taps that are neighbours along a row, too. */
    if (!a->scattered && a->kernel[0] == 1 && a->kernel[2] == k && k >= 3 && k <= 7 && k != 6 &&
        (step == 2 || (step == 1 && a->tap[k - 1] == k - 1)))
        return &own[k < 7 ? k - 3 : 3][step - 1];
#else
    (void)a;
#endif
    return &any;
}

static void FC_NAME(depthwise_strip)(const fc_depthwise_strip_args *a) {
    static const int64_t heights[5] = {1, 2, 4, 7, 10};
    const FC_NAME(strip_blocks) *blocks = FC_NAME(strip_blocks_of)(a);
    const int64_t rows = a->rows, taps = a->kernel[0] * a->kernel[1] * a->kernel[2];
    const int64_t rest = a->width % (2 * VL);
    const bool bands = a->width > VL, edges = rest > 0 && rest <= VL;
    const int64_t at = bands ? a->width - VL : 0;
    /* The last block of an edge moves back to overlap the one before. Low blocks wait for their own
     * sums, and each costs as much as one more row. */
    enum { LEAST = 4, BLOCK = 1 };
    int height = 0;
    int64_t fewest = INT64_MAX;
    for (int i = 0; i < 5 && heights[i] <= rows; i++) {
        const int64_t high = heights[i] > LEAST ? heights[i] : LEAST;
        const int64_t computed = (rows + heights[i] - 1) / heights[i] * (high + BLOCK);
        if (computed <= fewest) {
            height = i;
            fewest = computed;
        }
    }
    const real *x = a->x, *w = a->w, *bias = a->bias;
    real *out = a->out;
    for (int64_t plane = 0; plane < a->planes; plane++) {
        /* Balanced: 14 rows are 5, 5 and 4. */
        for (int64_t y = 0, now; bands && y < rows; y += now) {
            const int64_t left = rows - y, most = FC_NAME(STRIP_ROWS);
            now = left > 2 * most ? most : left > most ? (left + 1) / 2 : left;
            blocks->band[now - 1](a, x + y * a->pitch, w, *bias, out + y * a->out_row);
        }
        for (int64_t y = 0; edges && y < rows; y += heights[height]) {
            const int64_t from = y + heights[height] > rows ? rows - heights[height] : y;
            blocks->edge[height](a, x + from * a->pitch + at, w, *bias,
                                 out + from * a->out_row + at);
        }
        x += a->x_plane;
        out += a->out_plane;
        w += taps;
        bias++;
    }
}
#undef FC_BAND
#undef FC_EDGE
#undef FC_STRIPS
#undef FC_NAMES
