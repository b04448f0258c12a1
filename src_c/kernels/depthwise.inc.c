/* Depthwise convolution, read in place: a block of output rows by one or two
 * vectors stays in registers, and every input row of it feeds each output row that
 * is live for it. A stride of 2 parts even from odd columns. Filters of 3 x 3 go row
 * by row, larger ones, whose weights would not stay in registers, column by column.
 * Filters beyond 3 x 3 are there for vectors of 64 bytes only. */

/* Rows outside the image. A tile reads no further than this. */
enum { FC_NAME(DEPTHWISE_REACH) = 4 * VL + 7 };
static const real FC_NAME(depthwise_zeros)[FC_NAME(DEPTHWISE_REACH)];

/* Where a tile lies: its first input element, the image's column of that, and which
 * of the tile's input rows lie in the image, `rows` from `top` on. */
typedef struct {
    const real *x;
    int64_t column, top;
    uint64_t rows;
} FC_NAME(depthwise_place);

/* VL elements from p; where MASKED, only those within columns [0, width) of the
 * image, `column` being the first. */
FC_INLINE vec FC_NAME(depthwise_load)(const bool MASKED, const real *p, int64_t column,
                                      int64_t width) {
    if (!MASKED) return v_load(p);
    const int64_t lo = column < 0 ? -column : 0, hi = width - column;
    return v_load_range(p, lo < VL ? lo : VL, hi < 0 ? 0 : hi < VL ? hi : VL);
}

/* The tile's input row `i`, which begins at `row` if it exists. */
FC_INLINE const real *FC_NAME(depthwise_row)(const bool MASKED, FC_NAME(depthwise_place) at,
                                             const real *row, int i) {
    if (!MASKED) return row;
    const real *p = (uint64_t)(i - at.top) < at.rows ? row : FC_NAME(depthwise_zeros);
    FC_HOLD(p);
    return p;
}

/* A 3 x 3 filter: each element is loaded once, later taps come by sliding. */
FC_INLINE void FC_NAME(depthwise_rows)(const int S, const int ROWS, const int XV, const bool HALF,
                                       const bool MASKED, const fc_depthwise_args *a, const real *w,
                                       FC_NAME(depthwise_place) at, vec acc[DEPTHWISE_ROWS][2],
                                       half last[DEPTHWISE_ROWS]) {
    enum { K = 3 };
    /* Of what the last vector slides in: padding wider than the tile lies before it, too. */
    const int64_t next = at.column + XV * VL * S, past = a->width - next;
    const int64_t head = !MASKED || next >= 0 ? 0 : -next < K - S ? -next : K - S;
    const int64_t tail = !MASKED || past > K - S ? K - S : past < 0 ? 0 : past;
    const real *row = at.x;
    vec ws[K][K];
    FC_UNROLL for (int r = 0; r < K; r++) {
        FC_UNROLL for (int s = 0; s < K; s++) {
            ws[r][s] = v_set1(w[r * K + s]);
            FC_PIN(ws[r][s]);
        }
    }
    FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++) {
        const real *p = FC_NAME(depthwise_row)(MASKED, at, row, i);
        vec part[2][3], x[K][2]; /* [phase][vector], [tap][vector] */
        FC_UNROLL for (int v = 0; v < XV; v++) {
            const int64_t to = v * VL * S;
            part[0][v] = FC_NAME(depthwise_load)(MASKED, p + to, at.column + to, a->width);
            if (S == 2) {
                const vec near = part[0][v];
                vec far =
                    FC_NAME(depthwise_load)(MASKED, p + to + VL, at.column + to + VL, a->width);
                FC_PIN(far);
                part[0][v] = v_evens(near, far);
                part[1][v] = v_odds(near, far);
            }
        }
        /* Half a vector slides in its own other half. */
        part[0][XV] = HALF     ? part[0][XV - 1]
                      : MASKED ? v_load_range(p + XV * VL * S, head, tail)
                               : v_load_first(p + XV * VL * S, K - S);
        FC_UNROLL for (int v = 0; v < XV; v++) {
            x[0][v] = part[0][v];
            x[1][v] = S == 2 ? part[1][v] : v_slide(part[0][v], part[0][v + 1], 1);
            x[2][v] = v_slide(part[0][v], part[0][v + 1], K - S);
        }
        FC_UNROLL for (int s = 0; s < K; s++) {
            FC_UNROLL for (int r = 0; r < K; r++) {
                if ((i - r) % S == 0 && i >= r && (i - r) / S < ROWS) {
                    FC_UNROLL for (int v = 0; v < XV - HALF; v++)
                        acc[(i - r) / S][v] += ws[r][s] * x[s][v];
                    if (HALF) last[(i - r) / S] += h_of(ws[r][s]) * h_of(x[s][XV - 1]);
                }
            }
        }
        row += a->x_row;
        FC_HOLD(row);
    }
}

/* Adds columns s .. s + TAPS - 1 of a K x K filter. A stride of 2 leaves the vectors
 * in the order of v_evens_mixed. */
FC_INLINE void FC_NAME(depthwise_columns)(const int K, const int S, const int ROWS, const int XV,
                                          const bool HALF, const int TAPS, const bool MASKED,
                                          const fc_depthwise_args *a, const real *w,
                                          FC_NAME(depthwise_place) at, int s,
                                          vec acc[DEPTHWISE_ROWS][2], half last[DEPTHWISE_ROWS]) {
    const real *row = at.x;
    vec ws[2][7];
    FC_UNROLL for (int r = 0; r < K; r++) {
        FC_UNROLL for (int t = 0; t < TAPS; t++) ws[t][r] = v_set1(w[r * K + s + t]);
    }
    FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++) {
        const real *p = FC_NAME(depthwise_row)(MASKED, at, row, i);
        vec x[2][2]; /* [tap][vector] */
        FC_UNROLL for (int v = 0; v < XV; v++) {
            const int64_t to = s + v * VL * S;
            x[0][v] = FC_NAME(depthwise_load)(MASKED, p + to, at.column + to, a->width);
            if (S == 2) {
                const vec near = x[0][v];
                vec far =
                    FC_NAME(depthwise_load)(MASKED, p + to + VL, at.column + to + VL, a->width);
                FC_PIN(far);
                x[0][v] = v_evens_mixed(near, far);
                if (TAPS == 2) x[1][v] = v_odds_mixed(near, far);
            }
            FC_PIN(x[0][v]);
        }
        FC_UNROLL for (int t = 0; t < TAPS; t++) {
            FC_UNROLL for (int r = 0; r < K; r++) {
                if ((i - r) % S == 0 && i >= r && (i - r) / S < ROWS) {
                    FC_UNROLL for (int v = 0; v < XV - HALF; v++)
                        acc[(i - r) / S][v] += ws[t][r] * x[t][v];
                    if (HALF) last[(i - r) / S] += h_of(ws[t][r]) * h_of(x[t][XV - 1]);
                }
            }
        }
        row += a->x_row;
        FC_HOLD(row);
    }
}

/* One order of summation for all tiles of a filter. Sliding costs AVX2 two shuffles. */
#define FC_BY_ROWS(K, S) ((K) == 3 && ((S) == 2 || FC_VECTOR_BYTES == 64))
/* Tiles that end in half a vector, where that is half the work. Beside them the whole tiles of
 * 3 x 3 and stride 1 were a tenth slower, for a reason that was not found; and v_evens_mixed
 * leaves no half that belongs together. */
#define FC_HALF_TILES(K, S) (FC_HALVES == 2 && ((K) == 3 ? (S) == 2 : (S) == 1))

/* K x K filter, stride S, ROWS output rows, XV vectors of which `n` columns exist. */
FC_INLINE void FC_NAME(depthwise_tile)(const int K, const int S, const int ROWS, const int XV,
                                       const bool HALF, const bool MASKED,
                                       const fc_depthwise_args *a, const real *w, real bias,
                                       FC_NAME(depthwise_place) at, real *out, int64_t n) {
    /* What tiles have in common is not to be kept in registers from one to the next. */
    FC_HOLD(a);
    FC_HOLD(w);
    vec acc[DEPTHWISE_ROWS][2];
    half last[DEPTHWISE_ROWS];
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV - HALF; v++) acc[r][v] = v_set1(bias);
        if (HALF) last[r] = h_set1(bias);
    }
    if (FC_BY_ROWS(K, S)) {
        FC_NAME(depthwise_rows)(S, ROWS, XV, HALF, MASKED, a, w, at, acc, last);
    } else {
        int s = 0;
        if (S == 2)
            for (; s + 2 <= K; s += 2)
                FC_NAME(depthwise_columns)(K, S, ROWS, XV, HALF, 2, MASKED, a, w, at, s, acc, last);
        for (; s < K; s++)
            FC_NAME(depthwise_columns)(K, S, ROWS, XV, HALF, 1, MASKED, a, w, at, s, acc, last);
    }
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    const int64_t out_row = a->out_row;
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV - HALF; v++) {
            vec sum = acc[r][v];
            if (S == 2 && !FC_BY_ROWS(K, S)) sum = v_in_order(sum);
            const vec result = v_min(hi, v_max(lo, sum));
            if (!MASKED || n >= (v + 1) * VL)
                v_store(out + v * VL, result);
            else
                v_store_first(out + v * VL, result, n - v * VL);
        }
        if (HALF)
            h_store_first(out + (XV - 1) * VL, h_min(h_of(hi), h_max(h_of(lo), last[r])),
                          n - (XV - 1) * VL);
        out += out_row;
        FC_HOLD(out);
    }
}

#define FC_HALVED(K, S) ((K) == 3 && (S) == 2 && FC_VECTOR_BYTES < 64)
#include "depthwise_halved.inc.c"

/* ROWS output rows from `y` of one plane, all columns. Tiles at a border take masked loads. */
FC_INLINE void FC_NAME(depthwise_band)(const int K, const int S, const int ROWS,
                                       const fc_depthwise_args *a, int64_t plane, int64_t y) {
    const real *w = (const real *)a->w + plane * K * K;
    const real bias = ((const real *)a->bias)[plane];
    real *out = (real *)a->out + plane * a->out_plane + y * a->out_row;
    const int64_t first = y * S - a->pad_y, below = a->height - first;
    const int64_t top = first < 0 ? -first : 0;
    const bool inside = !top && below >= (ROWS - 1) * S + K;
    FC_NAME(depthwise_place) at;
    at.x = (const real *)a->x + plane * a->x_plane + first * a->x_row - a->pad_x;
    at.column = -a->pad_x;
    at.top = top;
    at.rows = below > top ? (uint64_t)(below - top) : 0;
    if (FC_HALVED(K, S)) {
        if (inside)
            FC_NAME(halved_tiles)(ROWS, false, a, w, bias, at, out);
        else
            FC_NAME(halved_tiles)(ROWS, true, a, w, bias, at, out);
        return;
    }
    const bool HALVES = FC_HALF_TILES(K, S);
    for (int64_t left = a->out_width; left > 0;) {
        int64_t columns = 2 * VL;
        /* The last element that two whole vectors may load lies inside, too. */
        const bool free = inside && at.column >= 0 && at.column + K - 1 + 2 * VL * S <= a->width &&
                          left >= 2 * VL;
        if (free)
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, false, false, a, w, bias, at, out, left);
        else if (HALVES && left <= VL / 2)
            FC_NAME(depthwise_tile)(K, S, ROWS, 1, HALVES, true, a, w, bias, at, out, left);
        else if (left <= VL)
            FC_NAME(depthwise_tile)(K, S, ROWS, 1, false, true, a, w, bias, at, out, left);
        else if (HALVES && left <= VL + VL / 2)
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, HALVES, true, a, w, bias, at, out, left);
        else
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, false, true, a, w, bias, at, out, left);
        left -= columns;
        out += columns;
        at.x += columns * S;
        at.column += columns * S;
    }
}

/* All planes in blocks of ROWS rows; the last block moves back to overlap the one before. */
FC_INLINE void FC_NAME(depthwise_planes)(const int K, const int S, const int ROWS,
                                         const fc_depthwise_args *a) {
    const int64_t last = a->row_end - ROWS;
    for (int64_t plane = 0; plane < a->planes; plane++)
        for (int64_t y = a->row_begin; y < a->row_end; y += ROWS)
            FC_NAME(depthwise_band)(K, S, ROWS, a, plane, y < last ? y : last);
}

#define FC_PLANES(K, S, ROWS) \
    static __attribute__((noinline)) void FC_NAME(depthwise_##K##s##S##_##ROWS)( \
        const fc_depthwise_args *a) { \
        FC_NAME(depthwise_planes)(K, S, ROWS, a); \
    }
/* Blocks of rows offered: the full one, one less (14 rows are 7 + 7), half, one. */
#if DEPTHWISE_ROWS == 8
#define FC_BLOCKS(K, S) FC_PLANES(K, S, 8) FC_PLANES(K, S, 7) FC_PLANES(K, S, 4) FC_PLANES(K, S, 1)
#define FC_BLOCK_NAMES(K, S) \
    { \
        FC_NAME(depthwise_##K##s##S##_8), FC_NAME(depthwise_##K##s##S##_7), \
            FC_NAME(depthwise_##K##s##S##_4), FC_NAME(depthwise_##K##s##S##_1) \
    }
#else
#define FC_BLOCKS(K, S) FC_PLANES(K, S, 4) FC_PLANES(K, S, 3) FC_PLANES(K, S, 2) FC_PLANES(K, S, 1)
#define FC_BLOCK_NAMES(K, S) \
    { \
        FC_NAME(depthwise_##K##s##S##_4), FC_NAME(depthwise_##K##s##S##_3), \
            FC_NAME(depthwise_##K##s##S##_2), FC_NAME(depthwise_##K##s##S##_1) \
    }
#endif
FC_BLOCKS(2, 1)
FC_BLOCKS(2, 2)
FC_BLOCKS(3, 1)
FC_BLOCKS(3, 2)
#if FC_VECTOR_BYTES == 64
FC_BLOCKS(4, 1)
FC_BLOCKS(4, 2)
FC_BLOCKS(5, 1)
FC_BLOCKS(5, 2)
FC_BLOCKS(7, 1)
FC_BLOCKS(7, 2)
#endif

static void FC_NAME(depthwise)(const fc_depthwise_args *a) {
    typedef void planes_fn(const fc_depthwise_args *);
    static planes_fn *const blocks[][2][4] = {
        {FC_BLOCK_NAMES(2, 1), FC_BLOCK_NAMES(2, 2)},
        {FC_BLOCK_NAMES(3, 1), FC_BLOCK_NAMES(3, 2)},
#if FC_VECTOR_BYTES == 64
        {FC_BLOCK_NAMES(4, 1), FC_BLOCK_NAMES(4, 2)},
        {FC_BLOCK_NAMES(5, 1), FC_BLOCK_NAMES(5, 2)},
        {FC_BLOCK_NAMES(7, 1), FC_BLOCK_NAMES(7, 2)},
#endif
    };
    static const int64_t rows[4] = {DEPTHWISE_ROWS, DEPTHWISE_ROWS - 1, DEPTHWISE_ROWS / 2, 1};
    enum { PAGE = 4096, HALF = 2 };
    /* The last block moves back to overlap the one before: computing a row
     * twice is cheaper than a ragged remainder. Fewest computed rows win. */
    const int64_t wanted = a->row_end - a->row_begin;
    int best = 3;
    int64_t fewest = 2 * wanted; /* single rows reload everything */
    /* Rows a page apart share their place in an 8-way L1 cache: no large blocks of them. */
    const int largest = a->x_row * (int64_t)sizeof(real) % PAGE ? 0 : HALF;
    for (int i = HALF; i >= largest; i--) {
        const int64_t computed = (wanted + rows[i] - 1) / rows[i] * rows[i];
        if (rows[i] <= wanted && computed <= fewest) {
            best = i;
            fewest = computed;
        }
    }
    blocks[a->kernel < 7 ? a->kernel - 2 : 4][a->stride - 1][best](a);
}
#undef FC_PLANES
#undef FC_BLOCKS
#undef FC_BLOCK_NAMES
#undef FC_BY_ROWS
#undef FC_HALVED
#undef FC_HALF_TILES
