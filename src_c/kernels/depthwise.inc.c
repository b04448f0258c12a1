/* Depthwise convolution, read in place: a block of output rows by one or two
 * vectors stays in registers, and every input row of it feeds each output row that
 * is live for it. */

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

/* The tile's input row `i`, which begins at `row` if it exists. */
FC_INLINE const real *FC_NAME(depthwise_row)(const bool MASKED, FC_NAME(depthwise_place) at,
                                             const real *row, int i) {
    if (!MASKED) return row;
    const real *p = (uint64_t)(i - at.top) < at.rows ? row : FC_NAME(depthwise_zeros);
    FC_HOLD(p);
    return p;
}

#if FC_VECTOR_BYTES == 64
#include "depthwise_masked.inc.c"
#else
#include "depthwise_unmasked.inc.c"
#endif

/* ROWS output rows from `y` of one plane. */
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
    FC_NAME(depthwise_across)(K, S, ROWS, inside, a, w, bias, at, out);
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
FC_BLOCKS(3, 1)
FC_BLOCKS(3, 2)
#if FC_VECTOR_BYTES == 64
FC_BLOCKS(2, 1)
FC_BLOCKS(2, 2)
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
        {FC_BLOCK_NAMES(3, 1), FC_BLOCK_NAMES(3, 2)},
#if FC_VECTOR_BYTES == 64
        {FC_BLOCK_NAMES(2, 1), FC_BLOCK_NAMES(2, 2)},
        {FC_BLOCK_NAMES(4, 1), FC_BLOCK_NAMES(4, 2)},
        {FC_BLOCK_NAMES(5, 1), FC_BLOCK_NAMES(5, 2)},
        {FC_BLOCK_NAMES(7, 1), FC_BLOCK_NAMES(7, 2)},
#endif
    };
    static const int64_t rows[4] = {DEPTHWISE_ROWS, DEPTHWISE_ROWS - 1, DEPTHWISE_ROWS / 2, 1};
    enum { PAGE = 4096, HALF = 2 };
    /* The last block moves back to overlap the one before: computing a row
     * twice is cheaper than a ragged remainder. Fewest computed rows win; what blocks read twice
     * costs shorter vectors a row. */
    enum { TWICE = FC_VECTOR_BYTES < 64 };
    const int64_t wanted = a->row_end - a->row_begin;
    int best = 3;
    int64_t fewest = 2 * wanted; /* single rows reload everything */
    /* Rows a page apart share their place in an 8-way L1 cache: no large blocks of them. */
    const int largest = a->x_row * (int64_t)sizeof(real) % PAGE ? 0 : HALF;
    for (int i = HALF; i >= largest; i--) {
        const int64_t computed = (wanted + rows[i] - 1) / rows[i] * (rows[i] + TWICE);
        if (rows[i] <= wanted && computed <= fewest) {
            best = i;
            fewest = computed;
        }
    }
    static const int of[8] = {[2] = 1, [3] = 0, [4] = 2, [5] = 3, [7] = 4};
    blocks[of[a->kernel]][a->stride - 1][best](a);
}
#undef FC_PLANES
#undef FC_BLOCKS
#undef FC_BLOCK_NAMES
