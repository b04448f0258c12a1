/* Max pooling of channels-last images, channels in vectors. Windows of 2, 3 and 5
 * at strides 1 and 2 go along the columns: the rows of each column are folded
 * once and enter every window that is open. */

FC_INLINE vec FC_NAME(pixel_load)(const bool PART, const real *p, int64_t n) {
    return PART ? v_load_first(p, n) : v_load(p);
}

FC_INLINE vec FC_NAME(pool_max)(const bool SAFE, vec a, vec b) {
    return SAFE ? v_max_nan(a, b) : v_max(a, b);
}

/* Takes column i of the window of output column x into each window that it belongs
 * to: top[d] is for the window d further right. `row` are the window's rows. */
FC_INLINE void FC_NAME(pixel_enter)(const int K, const int S, const int CV, const bool SAFE,
                                    const bool PART, const fc_max_pool_args *a,
                                    const real *const *row, int i, int64_t x, int64_t n,
                                    vec top[5][POOL_VECTORS], v_flags *nan) {
    const int64_t column = FC_NAME(pool_clamp)(x * S - a->pad[1] + i, a->width) * a->x_column;
    FC_UNROLL for (int v = 0; v < CV; v++) {
        vec tap[6];
        FC_UNROLL for (int r = 0; r < K; r++)
            tap[r] = FC_NAME(pixel_load)(PART, row[r] + column + v * VL, n);
        vec h = tap[0];
        FC_UNROLL for (int r = 1; r < K; r++) h = FC_NAME(pool_max)(SAFE, h, tap[r]);
        if (!SAFE) {
            FC_UNROLL for (int r = 0; r < K; r += 2)
                v_note_nan(nan, tap[r], tap[r + 1 < K ? r + 1 : r]);
        }
        FC_UNROLL for (int d = 0; d * S <= i; d++)
            top[d][v] = d * S == i ? h : FC_NAME(pool_max)(SAFE, top[d][v], h);
    }
}

/* CV vectors of channels from c on along the windows [begin, end) of one row; n < VL lanes where
 * PART. */
FC_INLINE void FC_NAME(pixel_walk)(const int K, const int S, const int CV, const bool SAFE,
                                   const bool PART, const fc_max_pool_args *a, int64_t y,
                                   int64_t begin, int64_t end, int64_t c, v_flags *nan) {
    const int SHARED = K > S ? K - S : 0; /* columns of a window that are also the next one's */
    const int64_t n = a->channels;
    const real *row[5];
    FC_UNROLL for (int r = 0; r < K; r++) row[r] =
        (const real *)a->x + c + FC_NAME(pool_clamp)(y * S - a->pad[0] + r, a->height) * a->x_row;
    real *out = (real *)a->out + y * a->out_row + begin * a->out_column + c;
    vec top[5][POOL_VECTORS];
    FC_UNROLL for (int i = 0; i < SHARED; i++)
        FC_NAME(pixel_enter)(K, S, CV, SAFE, PART, a, row, i, begin, n, top, nan);
    for (int64_t x = begin; x < end; x++, out += a->out_column) {
        FC_UNROLL for (int i = SHARED; i < K; i++)
            FC_NAME(pixel_enter)(K, S, CV, SAFE, PART, a, row, i, x, n, top, nan);
        FC_UNROLL for (int v = 0; v < CV; v++) {
            if (PART)
                v_store_first(out, top[0][v], n);
            else
                v_store(out + v * VL, top[0][v]);
            FC_UNROLL for (int d = 0; d * S + S < K; d++) top[d][v] = top[d + 1][v];
        }
    }
}

/* The windows [begin, end) of one row. */
FC_INLINE void FC_NAME(pixel_part)(const int K, const int S, const bool SAFE,
                                   const fc_max_pool_args *a, int64_t y, int64_t begin, int64_t end,
                                   v_flags *nan) {
    const int64_t channels = a->channels;
    if (channels < VL) {
        FC_NAME(pixel_walk)(K, S, 1, SAFE, true, a, y, begin, end, 0, nan);
        return;
    }
    int64_t c = 0;
    for (; c + POOL_VECTORS * VL <= channels; c += POOL_VECTORS * VL)
        FC_NAME(pixel_walk)(K, S, POOL_VECTORS, SAFE, false, a, y, begin, end, c, nan);
    /* The last vector moves back to overlap the one before. */
    for (; c < channels; c += VL) FC_NAME(pixel_walk)
    (K, S, 1, SAFE, false, a, y, begin, end, c + VL <= channels ? c : channels - VL, nan);
}

FC_INLINE bool FC_NAME(pixel_block)(const int K, const int S, const bool SAFE,
                                    const fc_max_pool_args *a) {
    /* So many windows at a time that each walk finds the lines that the one before brought in,
     * unless too many columns would be folded twice. */
    enum { PART_BYTES = 16 * 1024, FEWEST = 8 };
    const int64_t fit = PART_BYTES / (K * S * a->channels * (int64_t)sizeof(real));
    const int64_t part = K - S > 1 ? a->out_width : fit < FEWEST ? FEWEST : fit;
    v_flags nan = {0};
    for (int64_t y = a->row_begin; y < a->row_end; y++)
        for (int64_t x = 0; x < a->out_width; x += part) FC_NAME(pixel_part)
    (K, S, SAFE, a, y, x, x + part < a->out_width ? x + part : a->out_width, &nan);
    return v_any(nan);
}

#define FC_POOL(K, S) \
    static __attribute__((noinline)) void FC_NAME(pixels_##K##s##S)(const fc_max_pool_args *a) { \
        if (FC_NAME(pixel_block)(K, S, false, a)) FC_NAME(pixel_block)(K, S, true, a); \
    }
FC_POOL(2, 1)
FC_POOL(2, 2)
FC_POOL(3, 1)
FC_POOL(3, 2)
FC_POOL(5, 1)
FC_POOL(5, 2)
#undef FC_POOL

/* One vector of channels of any window, whose taps inside the image are rows
 * [r0, r1) and columns [s0, s1), at least one. */
FC_INLINE vec FC_NAME(pixel_window)(const bool INDEXED, const bool PART, const fc_max_pool_args *a,
                                    int64_t y, int64_t x, const int64_t r[2], const int64_t s[2],
                                    int64_t c, v_index *where) {
    const int64_t n = a->channels;
    vec top = v_set1((real)-__builtin_inf());
    for (int64_t i = r[0]; i < r[1]; i++) {
        const int64_t row = y + i * a->dilation[0];
        const real *p = (const real *)a->x + row * a->x_row + c;
        for (int64_t j = s[0]; j < s[1]; j++) {
            const int64_t column = x + j * a->dilation[1];
            const vec tap = FC_NAME(pixel_load)(PART, p + column * a->x_column, n);
            const v_index here = (v_index){0} + (v_lane)(a->index_origin + row * a->width + column);
            if (!INDEXED)
                top = v_max_nan(top, tap);
            else if (i == r[0] && j == s[0])
                top = tap, *where = here;
            else
                v_take(&top, where, tap, here);
        }
    }
    return top;
}

FC_INLINE void FC_NAME(pixels_any)(const bool INDEXED, const bool PART, const fc_max_pool_args *a) {
    for (int64_t y = a->row_begin; y < a->row_end; y++)
        for (int64_t x = 0; x < a->out_width; x++) {
            const int64_t y0 = y * a->stride[0] - a->pad[0], x0 = x * a->stride[1] - a->pad[1];
            int64_t r[2], s[2];
            FC_NAME(pool_inside)(y0, a->dilation[0], a->kernel[0], a->height, &r[0], &r[1]);
            FC_NAME(pool_inside)(x0, a->dilation[1], a->kernel[1], a->width, &s[0], &s[1]);
            for (int64_t c = 0; c < a->channels; c += VL) {
                const int64_t at = PART || c + VL <= a->channels ? c : a->channels - VL;
                v_index where = (v_index){0} - 1;
                vec top = v_set1((real)-__builtin_inf());
                if (r[0] < r[1] && s[0] < s[1])
                    top = FC_NAME(pixel_window)(INDEXED, PART, a, y0, x0, r, s, at, &where);
                real *out = (real *)a->out + y * a->out_row + x * a->out_column + at;
                if (PART)
                    v_store_first(out, top, a->channels);
                else
                    v_store(out, top);
                if (INDEXED) FC_NAME(pool_store_index)
                (a->index + y * a->index_row + x * a->index_column + at, where,
                 PART ? a->channels : VL);
            }
        }
}

enum { FC_NAME(FOLDED_COLUMNS) = 256 }; /* 8 or 16 KB of vectors */

/* Whole vectors of any window: the rows of each column are folded once for all windows that it
 * belongs to, which are then folded from `columns`. */
FC_INLINE void FC_NAME(pixels_fold)(const fc_max_pool_args *a, int64_t y, int64_t begin,
                                    int64_t end, vec columns[FC_NAME(FOLDED_COLUMNS)]) {
    const vec least = v_set1((real)-__builtin_inf());
    const int64_t step = a->stride[1], dilation = a->dilation[1];
    const int64_t y0 = y * a->stride[0] - a->pad[0], left = begin * step - a->pad[1];
    const int64_t right = (end - 1) * step - a->pad[1] + (a->kernel[1] - 1) * dilation + 1;
    const int64_t first = left < 0 ? 0 : left, last = right < a->width ? right : a->width;
    int64_t r[2];
    FC_NAME(pool_inside)(y0, a->dilation[0], a->kernel[0], a->height, &r[0], &r[1]);
    const real *const top = (const real *)a->x + (y0 + r[0] * a->dilation[0]) * a->x_row;
    const int64_t rows = r[1] - r[0], row = a->dilation[0] * a->x_row;
    for (int64_t c = 0; c < a->channels; c += VL) {
        const int64_t at = c + VL <= a->channels ? c : a->channels - VL;
        for (int64_t j = first; j < last; j++) {
            const real *p = top + j * a->x_column + at;
            vec most = least;
            for (int64_t i = 0; i < rows; i++) most = v_max_nan(most, v_load(p + i * row));
            columns[j - first] = most;
        }
        for (int64_t x = begin; x < end; x++) {
            const int64_t x0 = x * step - a->pad[1];
            int64_t s[2];
            FC_NAME(pool_inside)(x0, dilation, a->kernel[1], a->width, &s[0], &s[1]);
            vec most = least;
            for (int64_t j = s[0]; j < s[1]; j++)
                most = v_max_nan(most, columns[x0 + j * dilation - first]);
            v_store((real *)a->out + y * a->out_row + x * a->out_column + at, most);
        }
    }
}

/* Whether windows meet, so that columns are folded for several of them, and are narrow enough. */
static bool FC_NAME(pool_folds)(const fc_max_pool_args *a) {
    const int64_t reach = (a->kernel[1] - 1) * a->dilation[1] + 1;
    return !a->index && a->channels >= VL && a->stride[1] < reach &&
           reach <= FC_NAME(FOLDED_COLUMNS) / 2;
}

static void FC_NAME(pixels_folded)(const fc_max_pool_args *a) {
    vec columns[FC_NAME(FOLDED_COLUMNS)];
    const int64_t reach = (a->kernel[1] - 1) * a->dilation[1] + 1;
    const int64_t most = (FC_NAME(FOLDED_COLUMNS) - reach) / a->stride[1] + 1;
    for (int64_t y = a->row_begin; y < a->row_end; y++)
        for (int64_t x = 0; x < a->out_width; x += most) FC_NAME(pixels_fold)
    (a, y, x, x + most < a->out_width ? x + most : a->out_width, columns);
}

static void FC_NAME(max_pool_pixels)(const fc_max_pool_args *a) {
    typedef void pool_fn(const fc_max_pool_args *);
    static pool_fn *const pools[3][2] = {{FC_NAME(pixels_2s1), FC_NAME(pixels_2s2)},
                                         {FC_NAME(pixels_3s1), FC_NAME(pixels_3s2)},
                                         {FC_NAME(pixels_5s1), FC_NAME(pixels_5s2)}};
    const int64_t k = a->kernel[0], s = a->stride[0];
    const bool square = k == a->kernel[1] && s == a->stride[1] && a->dilation[0] == 1 &&
                        a->dilation[1] == 1;
    if (!a->index && square && s <= 2 && (k == 2 || k == 3 || k == 5))
        pools[k == 5 ? 2 : k - 2][s - 1](a);
    else if (FC_NAME(pool_folds)(a))
        FC_NAME(pixels_folded)(a);
    else if (a->index && a->channels < VL)
        FC_NAME(pixels_any)(true, true, a);
    else if (a->index)
        FC_NAME(pixels_any)(true, false, a);
    else if (a->channels < VL)
        FC_NAME(pixels_any)(false, true, a);
    else
        FC_NAME(pixels_any)(false, false, a);
}
