/* Max pooling of planes, output columns in vectors, for square windows of 2, 3 and
 * 5 at strides 1 and 2. A sweep goes down the rows of a few columns with the maxima
 * of every window that is open in registers, so that each pixel is read once.
 *
 * Plain maxima lose a NaN in their first operand. The fast sweep notes whether a NaN
 * went in, and if so the block is pooled again by the careful one, which also keeps
 * the places: it folds a row's columns before its rows, so that the first of equal
 * maxima, row by row, wins. */

FC_INLINE int64_t FC_NAME(pool_clamp)(int64_t at, int64_t size) {
    return at < 0 ? 0 : at >= size ? size - 1 : at;
}

/* The taps [*begin, *end) of one axis that lie inside the image. */
FC_INLINE void FC_NAME(pool_inside)(int64_t at, int64_t dilation, int64_t kernel, int64_t size,
                                    int64_t *begin, int64_t *end) {
    *begin = at >= 0 ? 0 : (-at + dilation - 1) / dilation;
    *end = at >= size ? 0 : (size - 1 - at) / dilation + 1;
    if (*end > kernel) *end = kernel;
}

FC_INLINE void FC_NAME(pool_store_index)(int64_t *to, v_index where, int64_t n) {
    v_lane lane[VL];
    memcpy(lane, &where, sizeof lane);
    if (n == VL)
        for (int k = 0; k < VL; k++) to[k] = lane[k];
    else
        for (int k = 0; k < n; k++) to[k] = lane[k];
}

/* VL elements from p, the one of column `at`; -infinity beyond the plane's. */
FC_INLINE vec FC_NAME(pool_load)(const bool MASKED, const real *p, int64_t at, int64_t width) {
    if (!MASKED) return v_load(p);
    const int64_t lo = at < 0 ? -at : 0, hi = width - at;
    return v_load_range_or(v_set1((real)-__builtin_inf()), p, lo < VL ? lo : VL,
                           hi < 0    ? 0
                           : hi < VL ? hi
                                     : VL);
}

/* ---- the fast sweep: rows first, then columns by shuffles */

/* Row i of the window of output row y goes into each window that it belongs to:
 * top[d] are the XV vectors of columns of the window d output rows further down. */
FC_INLINE void FC_NAME(pool_enter)(const int S, const int XV, const bool MASKED,
                                   const fc_max_pool_args *a, const real *from, int64_t at, int i,
                                   int64_t y, vec top[5][4], v_flags *nan) {
    /* A row in padding is replaced by the nearest one, which the window has, too. */
    const int64_t row = FC_NAME(pool_clamp)(y * S - a->pad[0] + i, a->height);
    const real *p = from + row * a->x_row;
    vec x[4];
    FC_UNROLL for (int v = 0; v < XV; v++) {
        x[v] = FC_NAME(pool_load)(MASKED, p + v * VL, at + v * VL, a->width);
        FC_UNROLL for (int d = 0; d * S <= i; d++) top[d][v] = d * S == i ? x[v]
                                                                          : v_max(top[d][v], x[v]);
    }
    FC_UNROLL for (int v = 0; v < XV; v += 2) v_note_nan(nan, x[v], x[v + 1 < XV ? v + 1 : v]);
}

/* Lanes n, n + 1, ... of the N vectors v from the o-th on. Past the last: anything. */
FC_INLINE vec FC_NAME(pool_shift)(const vec *v, const int N, int o, int n) {
    const int a = o + n / VL, b = a + 1;
    return n % VL == 0 ? v[a < N ? a : N - 1]
                       : v_slide(v[a < N ? a : N - 1], v[b < N ? b : N - 1], n % VL);
}

/* The maxima of VL windows, the o-th vector of them, from XV vectors of columns. */
FC_INLINE vec FC_NAME(pool_columns)(const int K, const int S, const int XV, const vec *column,
                                    int o) {
    vec phase[2][4]; /* columns by their remainder modulo the stride */
    FC_UNROLL for (int v = 0; v < XV / S; v++) {
        phase[0][v] = S == 1 ? column[v] : v_evens(column[2 * v], column[2 * v + 1]);
        if (S == 2) phase[1][v] = v_odds(column[2 * v], column[2 * v + 1]);
    }
    vec top = phase[0][o];
    FC_UNROLL for (int s = 1; s < K; s++)
        top = v_max(top, FC_NAME(pool_shift)(phase[s % S], XV / S, o, s / S));
    return top;
}

/* The n windows from output column x on, in every row of every plane. */
FC_INLINE void FC_NAME(pool_sweep)(const int K, const int S, const int XV, const bool MASKED,
                                   const fc_max_pool_args *a, int64_t x, int64_t n, v_flags *nan) {
    const int SHARED = K > S ? K - S : 0; /* rows of a window that are also the next one's */
    const int64_t at = x * S - a->pad[1];
    for (int64_t plane = 0; plane < a->planes; plane++) {
        const real *from = (const real *)a->x + plane * a->x_plane + at;
        real *out = (real *)a->out + plane * a->out_plane + a->row_begin * a->out_row + x;
        vec top[5][4];
        FC_UNROLL for (int i = 0; i < SHARED; i++)
            FC_NAME(pool_enter)(S, XV, MASKED, a, from, at, i, a->row_begin, top, nan);
        for (int64_t y = a->row_begin; y < a->row_end; y++, out += a->out_row) {
            FC_UNROLL for (int i = SHARED; i < K; i++)
                FC_NAME(pool_enter)(S, XV, MASKED, a, from, at, i, y, top, nan);
            FC_UNROLL for (int o = 0; o < XV / S; o++) {
                const vec result = FC_NAME(pool_columns)(K, S, XV, top[0], o);
                if (n >= (o + 1) * VL)
                    v_store(out + o * VL, result);
                else if (n > o * VL)
                    v_store_first(out + o * VL, result, n - o * VL);
            }
            FC_UNROLL for (int d = 0; d * S + S < K; d++) {
                FC_UNROLL for (int v = 0; v < XV; v++) top[d][v] = top[d + 1][v];
            }
        }
    }
}

/* XV / S vectors of windows that share no pixel, from these places in each of their rows on. */
FC_INLINE void FC_NAME(pool_blocks)(const int K, const int XV, const real *const *row, int64_t x,
                                    real *out, v_flags *nan) {
    vec top[4], here[4];
    FC_UNROLL for (int i = 0; i < K; i++) {
        FC_UNROLL for (int v = 0; v < XV; v++) {
            here[v] = v_load(row[i] + x * K + v * VL);
            top[v] = i == 0 ? here[v] : v_max(top[v], here[v]);
        }
        FC_UNROLL for (int v = 0; v < XV; v += 2) v_note_nan(nan, here[v], here[v + 1]);
    }
    FC_UNROLL for (int o = 0; o < XV / K; o++)
        v_store(out + x + o * VL, FC_NAME(pool_columns)(K, K, XV, top, o));
}

/* Such windows need no sweep: row by row, in the order of memory. Within the image, at least a
 * vector of them; the last ones of a row are found twice. */
FC_INLINE void FC_NAME(pool_rows)(const int K, const fc_max_pool_args *a, v_flags *nan) {
    const int64_t width = a->out_width;
    for (int64_t plane = 0; plane < a->planes; plane++)
        for (int64_t y = a->row_begin; y < a->row_end; y++) {
            const real *from = (const real *)a->x + plane * a->x_plane, *row[5];
            real *out = (real *)a->out + plane * a->out_plane + y * a->out_row;
            FC_UNROLL for (int i = 0; i < K; i++)
                row[i] = from + FC_NAME(pool_clamp)(y * K - a->pad[0] + i, a->height) * a->x_row;
            int64_t x = 0;
            for (; x + 2 * VL <= width; x += 2 * VL)
                FC_NAME(pool_blocks)(K, 2 * K, row, x, out, nan);
            for (; x < width; x += VL)
                FC_NAME(pool_blocks)(K, K, row, x + VL <= width ? x : width - VL, out, nan);
        }
}

/* Returns whether a NaN may have been lost. */
FC_INLINE bool FC_NAME(pool_block)(const int K, const int S, const fc_max_pool_args *args) {
    const fc_max_pool_args a = *args; /* which stores to `out` cannot change */
    /* Vectors of columns of a narrow sweep, and the windows that it and a wide one hold. */
    const int XV = S == 1 && VL < K ? 2 : S;
    const int64_t narrow = XV / S * VL - (K - 1) / S, wide = 2 * XV / S * VL - (K - 1) / S;
    v_flags nan = {0};
    if (K == S && a.pad[1] == 0 && a.out_width >= VL && a.out_width * S <= a.width) {
        FC_NAME(pool_rows)(K, &a, &nan);
        return v_any(nan);
    }
    for (int64_t x = 0; x < a.out_width;) {
        const int64_t left = a.out_width - x, at = x * S - a.pad[1];
        if (left <= narrow) {
            FC_NAME(pool_sweep)(K, S, XV, true, &a, x, left, &nan);
            break;
        }
        const int64_t n = left < wide ? left : wide;
        if (at >= 0 && at + 2 * XV * VL <= a.width)
            FC_NAME(pool_sweep)(K, S, 2 * XV, false, &a, x, n, &nan);
        else
            FC_NAME(pool_sweep)(K, S, 2 * XV, true, &a, x, n, &nan);
        x += wide;
    }
    return v_any(nan);
}

/* ---- the careful sweep: columns first, then rows */

/* tap[s] = the window's column s in one row, for VL windows; `at` is the first column. */
FC_INLINE void FC_NAME(pool_taps)(const int K, const int S, const bool MASKED, const real *p,
                                  int64_t at, int64_t width, vec tap[6]) {
    FC_UNROLL for (int s = 0; s < K; s += S) {
        tap[s] = FC_NAME(pool_load)(MASKED, p + s, at + s, width);
        if (S == 2) {
            const vec near = tap[s];
            const vec far = FC_NAME(pool_load)(MASKED, p + s + VL, at + s + VL, width);
            tap[s] = v_evens(near, far);
            tap[s + 1] = v_odds(near, far);
        }
    }
}

/* The maximum of VL windows in one row, and its column with INDEXED. */
FC_INLINE vec FC_NAME(pool_row)(const int K, const int S, const bool INDEXED, const bool MASKED,
                                const real *p, int64_t at, int64_t width, v_index *where) {
    vec tap[6];
    FC_NAME(pool_taps)(K, S, MASKED, p, at, width, tap);
    vec top = tap[0];
    v_index column = v_lanes(S) + (v_lane)at;
    *where = column;
    /* The first pixel of a window that begins in padding is in column 0. */
    if (MASKED) *where &= column >= 0;
    FC_UNROLL for (int s = 1; s < K; s++) {
        column += 1;
        if (INDEXED)
            v_take(&top, where, tap[s], column);
        else
            top = v_max_nan(top, tap[s]);
    }
    return top;
}

/* As pool_enter, for VL windows whose columns are folded. */
FC_INLINE void FC_NAME(pool_enter_row)(const int K, const int S, const bool INDEXED,
                                       const bool MASKED, const fc_max_pool_args *a,
                                       const real *from, int64_t at, int i, int64_t y, vec top[5],
                                       v_index where[5]) {
    const int64_t row = FC_NAME(pool_clamp)(y * S - a->pad[0] + i, a->height);
    v_index here;
    const vec h =
        FC_NAME(pool_row)(K, S, INDEXED, MASKED, from + row * a->x_row, at, a->width, &here);
    here += (v_lane)(row * a->width);
    FC_UNROLL for (int d = 0; d * S <= i; d++) {
        if (d * S == i) {
            top[d] = h;
            where[d] = here;
        } else if (INDEXED) {
            v_take(&top[d], &where[d], h, here);
        } else {
            top[d] = v_max_nan(top[d], h);
        }
    }
}

FC_INLINE void FC_NAME(pool_careful_sweep)(const int K, const int S, const bool INDEXED,
                                           const bool MASKED, const fc_max_pool_args *a, int64_t x,
                                           int64_t n) {
    const int SHARED = K > S ? K - S : 0;
    const int64_t at = x * S - a->pad[1];
    for (int64_t plane = 0; plane < a->planes; plane++) {
        const real *from = (const real *)a->x + plane * a->x_plane + at;
        real *out = (real *)a->out + plane * a->out_plane + x;
        vec top[5];
        v_index where[5];
        FC_UNROLL for (int i = 0; i < SHARED; i++) FC_NAME(pool_enter_row)(
            K, S, INDEXED, MASKED, a, from, at, i, a->row_begin, top, where);
        for (int64_t y = a->row_begin; y < a->row_end; y++) {
            FC_UNROLL for (int i = SHARED; i < K; i++)
                FC_NAME(pool_enter_row)(K, S, INDEXED, MASKED, a, from, at, i, y, top, where);
            if (n == VL)
                v_store(out + y * a->out_row, top[0]);
            else
                v_store_first(out + y * a->out_row, top[0], n);
            if (INDEXED) FC_NAME(pool_store_index)
            (a->index + plane * a->index_plane + y * a->index_row + x, where[0], n);
            FC_UNROLL for (int d = 0; d * S + S < K; d++) {
                top[d] = top[d + 1];
                where[d] = where[d + 1];
            }
        }
    }
}

FC_INLINE void FC_NAME(pool_careful_block)(const int K, const int S, const bool INDEXED,
                                           const fc_max_pool_args *args) {
    const fc_max_pool_args a = *args;
    /* The columns that whole vectors at every tap load, from the first window's first one on. */
    const int REACH = S == 1 ? K - 1 + VL : (K - 1) / 2 * 2 + 2 * VL;
    for (int64_t x = 0; x < a.out_width; x += VL) {
        const int64_t left = a.out_width - x, at = x * S - a.pad[1];
        if (left >= VL && at >= 0 && at + REACH <= a.width)
            FC_NAME(pool_careful_sweep)(K, S, INDEXED, false, &a, x, VL);
        else
            FC_NAME(pool_careful_sweep)(K, S, INDEXED, true, &a, x, left < VL ? left : VL);
    }
}

#define FC_POOL(K, S) \
    static __attribute__((noinline)) void FC_NAME(pool_careful_##K##s##S)( \
        const fc_max_pool_args *a) { \
        if (a->index) \
            FC_NAME(pool_careful_block)(K, S, true, a); \
        else \
            FC_NAME(pool_careful_block)(K, S, false, a); \
    } \
    static __attribute__((noinline)) void FC_NAME(pool_##K##s##S)(const fc_max_pool_args *a) { \
        if (a->index || FC_NAME(pool_block)(K, S, a)) FC_NAME(pool_careful_##K##s##S)(a); \
    }
FC_POOL(2, 1)
FC_POOL(2, 2)
FC_POOL(3, 1)
FC_POOL(3, 2)
FC_POOL(5, 1)
FC_POOL(5, 2)
#undef FC_POOL

static void FC_NAME(max_pool)(const fc_max_pool_args *a) {
    typedef void pool_fn(const fc_max_pool_args *);
    static pool_fn *const pools[3][2] = {{FC_NAME(pool_2s1), FC_NAME(pool_2s2)},
                                         {FC_NAME(pool_3s1), FC_NAME(pool_3s2)},
                                         {FC_NAME(pool_5s1), FC_NAME(pool_5s2)}};
    pools[a->kernel[0] == 5 ? 2 : a->kernel[0] - 2][a->stride[0] - 1](a);
}
