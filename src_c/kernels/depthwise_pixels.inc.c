/* Depthwise convolution, channels innermost: a tile is a few output rows by
 * columns of one vector of channels, and the tile's vectors follow each other, so
 * that memory is read in runs. Filters of the usual sizes load each input pixel of
 * the tile once; any other goes tap by tap. */

enum {
    FC_NAME(DEPTHWISE_WINDOW) = 13, /* pixels along a tile of 4 by stride 2, 7 taps */
    FC_NAME(DEPTHWISE_CHANNELS) = FC_DEPTHWISE_VECTORS * VL
};

/* A tile reads this where its window leaves the image. */
static const real FC_NAME(depthwise_pixels_zeros)[FC_NAME(DEPTHWISE_CHANNELS)];

/* The first channel of a vector: the last one moves back rather than be partial. */
FC_INLINE int64_t FC_NAME(depthwise_channel)(const fc_depthwise_pixels_args *a, int64_t v) {
    const int64_t last = a->channels > VL ? a->channels - VL : 0;
    return v * VL < last ? v * VL : last;
}

FC_INLINE void FC_NAME(depthwise_pixels_store)(const int ROWS, const int COLUMNS, const bool WHOLE,
                                               const fc_depthwise_pixels_args *a, real *out,
                                               vec acc[DEPTHWISE_PIXEL_ROWS][4]) {
    if (fc_clips(a->lo, a->hi)) {
        const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
        FC_UNROLL for (int r = 0; r < ROWS; r++) {
            FC_UNROLL for (int q = 0; q < COLUMNS; q++) acc[r][q] = v_min(hi, v_max(lo, acc[r][q]));
        }
    }
    /* Kept apart from the stores, which might overwrite `a` for all that is known. */
    const int64_t row = a->out_row, column = a->out_column, n = a->channels;
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int q = 0; q < COLUMNS; q++) {
            real *to = out + r * row + q * column;
            if (WHOLE)
                v_store(to, acc[r][q]);
            else
                v_store_first(to, acc[r][q], n);
        }
    }
}

/* K x K taps, stride S; `window` are the tile's input pixels, row by row. EVEN: all are in the
 * image, and only the first is given, as a load for each pixel's place would take the place of one
 * that is further on. (With vectors of 64 bytes it has not been measured, and is not taken.) */
FC_INLINE void FC_NAME(depthwise_window)(const int K, const int S, const int ROWS,
                                         const int COLUMNS, const bool EVEN,
                                         const fc_depthwise_pixels_args *a,
                                         const real *const *window, real *out) {
    const int WIDTH = (COLUMNS - 1) * S + K;
    /* Weights that other input rows take, too, are kept in registers if they find room there beside
     * the pixels and the sums; otherwise the compiler would keep them in place of sums. Of 32 two
     * too many do less harm than loading each again. */
    const int ROOM = DEPTHWISE_PIXEL_ROWS == 4 ? 34 : 16;
    const bool KEEP = (ROWS - 1) * K + S * COLUMNS + ROWS * COLUMNS <= ROOM;
    const int64_t vectors = (a->channels + VL - 1) / VL;
    for (int64_t v = 0; v < vectors; v++) {
        const int64_t c = FC_NAME(depthwise_channel)(a, v);
        const real *w = (const real *)a->w + v * K * K * VL;
        const vec bias = v_load((const real *)a->bias + v * VL);
        vec acc[DEPTHWISE_PIXEL_ROWS][4], x[FC_NAME(DEPTHWISE_WINDOW)];
        FC_UNROLL for (int r = 0; r < ROWS; r++) {
            FC_UNROLL for (int q = 0; q < COLUMNS; q++) acc[r][q] = bias;
        }
        const real *row = window[0] + c;
        FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++, row += a->x_row) {
            const real *fourth[3] = {row, row + 4 * a->x_column, row + 8 * a->x_column};
            if (EVEN) {
                FC_HOLD(fourth[0]);
                if (WIDTH > 4) FC_HOLD(fourth[1]);
                if (WIDTH > 8) FC_HOLD(fourth[2]);
            }
            if (!KEEP) FC_HOLD(w);
            FC_UNROLL for (int s = 0; s < K; s++) {
                FC_UNROLL for (int q = 0; q < COLUMNS; q++) {
                    const int j = q * S + s;
                    if (s < S || q == COLUMNS - 1) {
                        x[j] = v_load(EVEN ? fourth[j / 4] + j % 4 * a->x_column
                                           : window[i * WIDTH + j] + c);
                        FC_PIN(x[j]);
                    }
                }
                FC_UNROLL for (int r = 0; r < ROWS; r++) {
                    if (i >= r * S && i - r * S < K) {
                        const vec ws = v_load(w + ((i - r * S) * K + s) * VL);
                        FC_UNROLL for (int q = 0; q < COLUMNS; q++) acc[r][q] += ws * x[q * S + s];
                    }
                }
            }
        }
        FC_NAME(depthwise_pixels_store)(ROWS, COLUMNS, true, a, out + c, acc);
    }
}

/* Any filter, one tap after the other; INSIDE: no tap leaves the image. */
FC_INLINE void FC_NAME(depthwise_taps)(const int ROWS, const int COLUMNS, const bool INSIDE,
                                       const bool WHOLE, const fc_depthwise_pixels_args *a,
                                       int64_t y, int64_t x, real *out) {
    const int64_t vectors = (a->channels + VL - 1) / VL;
    const int64_t row = a->stride[0] * a->x_row, column = a->stride[1] * a->x_column;
    const int64_t y0 = y * a->stride[0] - a->pad[0], x0 = x * a->stride[1] - a->pad[1];
    const real *origin = (const real *)a->x + y0 * a->x_row + x0 * a->x_column;
    for (int64_t v = 0; v < vectors; v++) {
        const int64_t c = FC_NAME(depthwise_channel)(a, v);
        const real *w = (const real *)a->w + v * a->kernel[0] * a->kernel[1] * VL;
        const vec bias = v_load((const real *)a->bias + v * VL);
        vec acc[DEPTHWISE_PIXEL_ROWS][4];
        FC_UNROLL for (int r = 0; r < ROWS; r++) {
            FC_UNROLL for (int q = 0; q < COLUMNS; q++) acc[r][q] = bias;
        }
        for (int64_t i = 0; i < a->kernel[0]; i++)
            for (int64_t j = 0; j < a->kernel[1]; j++, w += VL) {
                const int64_t dy = i * a->dilation[0], dx = j * a->dilation[1];
                const real *tap = origin + dy * a->x_row + dx * a->x_column + c;
                const vec ws = v_load(w);
                FC_UNROLL for (int r = 0; r < ROWS; r++) {
                    const int64_t iy = y0 + dy + r * a->stride[0];
                    FC_UNROLL for (int q = 0; q < COLUMNS; q++) {
                        const int64_t ix = x0 + dx + q * a->stride[1];
                        const real *p = tap + r * row + q * column;
                        if (!INSIDE && (iy < 0 || iy >= a->height || ix < 0 || ix >= a->width))
                            p = FC_NAME(depthwise_pixels_zeros);
                        vec xv = WHOLE ? v_load(p) : v_load_first(p, a->channels);
                        /* Or the multiplication may part from the addition on one branch. */
                        if (!INSIDE) FC_PIN(xv);
                        acc[r][q] += ws * xv;
                    }
                }
            }
        FC_NAME(depthwise_pixels_store)(ROWS, COLUMNS, WHOLE, a, out + c, acc);
    }
}

/* The pixels of a window of `rows` by `columns` whose corner is (y, x). */
static void FC_NAME(depthwise_point)(const fc_depthwise_pixels_args *a, int64_t y, int64_t x,
                                     int64_t rows, int64_t columns, const real **window) {
    for (int64_t i = 0; i < rows; i++) {
        const bool inside = y + i >= 0 && y + i < a->height;
        const real *row = (const real *)a->x + (y + i) * a->x_row + x * a->x_column;
        for (int64_t j = 0; j < columns; j++)
            *window++ = inside && x + j >= 0 && x + j < a->width ? row + j * a->x_column
                                                                 : FC_NAME(depthwise_pixels_zeros);
    }
}

typedef void FC_NAME(depthwise_window_fn)(const fc_depthwise_pixels_args *, bool inside,
                                          const real *const *, real *);
typedef void FC_NAME(depthwise_taps_fn)(const fc_depthwise_pixels_args *, bool inside, int64_t y,
                                        int64_t x, real *out);
#define FC_WINDOW(K, S, ROWS, COLUMNS) \
    static __attribute__((noinline)) void FC_NAME(depthwise_##K##s##S##_##ROWS##x##COLUMNS)( \
        const fc_depthwise_pixels_args *a, bool inside, const real *const *window, real *out) { \
        if (inside && FC_VECTOR_BYTES < 64) FC_NAME(depthwise_window) \
        (K, S, ROWS, COLUMNS, FC_VECTOR_BYTES < 64, a, window, out); \
        else FC_NAME(depthwise_window)(K, S, ROWS, COLUMNS, false, a, window, out); \
    }
#define FC_TAPS(ROWS, COLUMNS) \
    static __attribute__((noinline)) void FC_NAME(depthwise_##ROWS##x##COLUMNS)( \
        const fc_depthwise_pixels_args *a, bool inside, int64_t y, int64_t x, real *out) { \
        if (a->channels < VL && inside) \
            FC_NAME(depthwise_taps)(ROWS, COLUMNS, true, false, a, y, x, out); \
        else if (a->channels < VL) \
            FC_NAME(depthwise_taps)(ROWS, COLUMNS, false, false, a, y, x, out); \
        else if (inside) \
            FC_NAME(depthwise_taps)(ROWS, COLUMNS, true, true, a, y, x, out); \
        else \
            FC_NAME(depthwise_taps)(ROWS, COLUMNS, false, true, a, y, x, out); \
    }
#define FC_WINDOW_NAMES(K, S, ROWS) \
    { FC_NAME(depthwise_##K##s##S##_##ROWS##x3), FC_NAME(depthwise_##K##s##S##_##ROWS##x4) }
#define FC_TAPS_ROW(ROWS) FC_TAPS(ROWS, 1) FC_TAPS(ROWS, 3) FC_TAPS(ROWS, 4)
#define FC_TAPS_NAMES(ROWS) \
    { FC_NAME(depthwise_##ROWS##x1), FC_NAME(depthwise_##ROWS##x3), FC_NAME(depthwise_##ROWS##x4) }
/* Tiles are 3 or 4 columns wide and, where there are registers for it, high. */
#if DEPTHWISE_PIXEL_ROWS == 4
#define FC_WINDOWS(K, S) \
    FC_WINDOW(K, S, 3, 3) FC_WINDOW(K, S, 3, 4) FC_WINDOW(K, S, 4, 3) FC_WINDOW(K, S, 4, 4)
#define FC_WINDOWS_NAMES(K, S) \
    { FC_WINDOW_NAMES(K, S, 3), FC_WINDOW_NAMES(K, S, 4) }
#define FC_ALL_TAPS_NAMES \
    { FC_TAPS_NAMES(1), FC_TAPS_NAMES(3), FC_TAPS_NAMES(4) }
FC_TAPS_ROW(3)
FC_TAPS_ROW(4)
#else
#define FC_WINDOWS(K, S) FC_WINDOW(K, S, 2, 3) FC_WINDOW(K, S, 2, 4)
#define FC_WINDOWS_NAMES(K, S) \
    { FC_WINDOW_NAMES(K, S, 2) }
#define FC_ALL_TAPS_NAMES \
    { FC_TAPS_NAMES(1), FC_TAPS_NAMES(2) }
FC_TAPS_ROW(2)
#endif
FC_TAPS_ROW(1)
FC_WINDOWS(3, 1)
FC_WINDOWS(3, 2)
FC_WINDOWS(5, 1)
FC_WINDOWS(5, 2)
FC_WINDOWS(7, 1)
/* Squares; tap by tap an image of two columns took as long as one of three. */
#define FC_SQUARES(K, S) FC_WINDOW(K, S, 1, 1) FC_WINDOW(K, S, 2, 2)
#define FC_TILES_NAMES(K, S) \
    { \
        FC_WINDOWS_NAMES(K, S), { \
            FC_NAME(depthwise_##K##s##S##_1x1), FC_NAME(depthwise_##K##s##S##_2x2) \
        } \
    }
FC_SQUARES(3, 1)
FC_SQUARES(3, 2)
FC_SQUARES(5, 1)
FC_SQUARES(5, 2)
FC_SQUARES(7, 1)

/* The extent of the next tile, with `left` of `total` outputs to go: as comes out
 * even. Where it exceeds what is left, the tile moves back and computes some twice. */
static int64_t FC_NAME(depthwise_extent)(int64_t left, int64_t total, int64_t most) {
    if (most == 2) return total >= 2 ? 2 : 1;
    if (total < 3) return 1;
    return left <= 3 || left == 5 || left == 6 || left == 9 ? 3 : 4;
}

/* The unrolled tiles of a filter: by rows and columns, and squares of 1 and 2. */
typedef struct {
    FC_NAME(depthwise_window_fn) * tile[2][2], *square[2];
} FC_NAME(depthwise_tiles);

/* Those of this filter; NULL if it has none. */
static const FC_NAME(depthwise_tiles) *
    FC_NAME(depthwise_tiles_of)(const fc_depthwise_pixels_args *a) {
    static const FC_NAME(depthwise_tiles)
        tiles[] = {FC_TILES_NAMES(3, 1), FC_TILES_NAMES(3, 2), FC_TILES_NAMES(5, 1),
                   FC_TILES_NAMES(5, 2), FC_TILES_NAMES(7, 1)};
    const int64_t k = a->kernel[0], s = a->stride[0];
    const bool square = k == a->kernel[1] && s == a->stride[1] && s <= 2 && a->dilation[0] == 1 &&
                        a->dilation[1] == 1;
    if (!square || a->channels < VL || (k != 3 && k != 5 && (k != 7 || s == 2))) return NULL;
    return &tiles[k - 3 + s - 1];
}

/* The side of the squares that go before other tiles, or 0: of images one or two columns wide; or
 * of a stride of 2 where so many pixels of a larger tile fall on the same places of the first-level
 * cache that none stays there for its second vector (1.3 to 1.7). (With vectors of 64 bytes it has
 * not been measured.) */
static int64_t FC_NAME(depthwise_square)(const fc_depthwise_pixels_args *a) {
    enum { HALF_PAGE = 2048 };
    const bool crowded = a->stride[0] == 2 && a->kernel[0] == 3 && FC_VECTOR_BYTES < 64 &&
                         a->x_column * (int64_t)sizeof(real) % HALF_PAGE == 0;
    if (crowded) return 1;
    return a->columns <= 2 && a->rows >= a->columns ? a->columns : 0;
}

/* The last squares move back rather than be narrower. */
static void FC_NAME(depthwise_squares)(const fc_depthwise_pixels_args *a,
                                       FC_NAME(depthwise_window_fn) * tile, int64_t side) {
    const real *window[FC_NAME(DEPTHWISE_WINDOW) * FC_NAME(DEPTHWISE_WINDOW)];
    const int64_t s = a->stride[0], reach = (side - 1) * s + a->kernel[0];
    for (int64_t top = 0; top < a->rows; top += side) {
        const int64_t y = top + side > a->rows ? a->rows - side : top;
        for (int64_t left = 0; left < a->columns; left += side) {
            const int64_t x = left + side > a->columns ? a->columns - side : left;
            FC_NAME(depthwise_point)
            (a, y * s - a->pad[0], x * s - a->pad[1], reach, reach, window);
            tile(a, false, window, (real *)a->out + y * a->out_row + x * a->out_column);
        }
    }
}

static void FC_NAME(depthwise_pixels)(const fc_depthwise_pixels_args *a) {
    static FC_NAME(depthwise_taps_fn) *const taps[][3] = FC_ALL_TAPS_NAMES;
    const FC_NAME(depthwise_tiles) *const tiles = FC_NAME(depthwise_tiles_of)(a);
    enum { MOST = DEPTHWISE_PIXEL_ROWS, LEAST = MOST == 4 ? 3 : 2 };
    const real *window[FC_NAME(DEPTHWISE_WINDOW) * FC_NAME(DEPTHWISE_WINDOW)];
    const int64_t high = (a->kernel[0] - 1) * a->dilation[0] + 1;
    const int64_t wide = (a->kernel[1] - 1) * a->dilation[1] + 1;
    const int64_t side = FC_NAME(depthwise_square)(a);
    if (tiles && side) {
        FC_NAME(depthwise_squares)(a, tiles->square[side - 1], side);
        return;
    }
    for (int64_t y = 0; y < a->rows;) {
        const int64_t rows = FC_NAME(depthwise_extent)(a->rows - y, a->rows, MOST);
        if (y + rows > a->rows) y = a->rows - rows;
        const int64_t top = y * a->stride[0] - a->pad[0];
        const int64_t height = (rows - 1) * a->stride[0] + high;
        const bool inside_y = top >= 0 && top + height <= a->height;
        for (int64_t x = 0; x < a->columns;) {
            const int64_t columns = FC_NAME(depthwise_extent)(a->columns - x, a->columns, 4);
            if (x + columns > a->columns) x = a->columns - columns;
            const int64_t left = x * a->stride[1] - a->pad[1];
            const int64_t width = (columns - 1) * a->stride[1] + wide;
            const bool inside = inside_y && left >= 0 && left + width <= a->width;
            real *out = (real *)a->out + y * a->out_row + x * a->out_column;
            if (tiles && rows >= LEAST && columns >= 3) {
                if (inside && FC_VECTOR_BYTES < 64)
                    window[0] = (const real *)a->x + top * a->x_row + left * a->x_column;
                else
                    FC_NAME(depthwise_point)(a, top, left, height, width, window);
                tiles->tile[rows - LEAST][columns - 3](a, inside, window, out);
            } else {
                taps[rows == 1 ? 0 : rows - LEAST + 1][columns == 1 ? 0 : columns - 2](a, inside, y,
                                                                                       x, out);
            }
            x += columns;
        }
        y += rows;
    }
}
#undef FC_WINDOW
#undef FC_TAPS
#undef FC_WINDOW_NAMES
#undef FC_TAPS_ROW
#undef FC_TAPS_NAMES
#undef FC_WINDOWS
#undef FC_WINDOWS_NAMES
#undef FC_SQUARES
#undef FC_TILES_NAMES
#undef FC_ALL_TAPS_NAMES
