/* Max pooling with any window of planes with any strides: the rows of a window are
 * folded into one row of maxima, then the window's columns within it. NaN wins. */

/* row[pad + x] = max over the window's rows of x[., x]; both ends are -infinity. */
FC_INLINE void FC_NAME(any_rows)(const fc_max_pool_args *a, int64_t r_begin, int64_t r_end,
                                 int64_t y0, int64_t padded) {
    real *row = a->row;
    const vec lowest = v_set1((real)-__builtin_inf());
    for (int64_t x = 0; x < padded; x += VL) v_store(row + x, lowest);
    row += a->pad[1];
    if (r_begin >= r_end) return;
    const real *first = (const real *)a->x + (y0 + r_begin * a->dilation[0]) * a->x_row;
    if (a->x_column == 1) {
        for (int64_t x = 0; x < a->width; x += VL) {
            const int64_t n = a->width - x < VL ? a->width - x : VL;
            const real *p = first + x;
            vec top = n == VL ? v_load(p) : v_load_first(p, n);
            for (int64_t r = r_begin + 1; r < r_end; r++) {
                p += a->dilation[0] * a->x_row;
                top = v_max_nan(top, n == VL ? v_load(p) : v_load_first(p, n));
            }
            if (n == VL)
                v_store(row + x, top);
            else
                v_store_first(row + x, top, n);
        }
        return;
    }
    for (int64_t x = 0; x < a->width; x++) {
        const real *p = first + x * a->x_column;
        real top = *p;
        for (int64_t r = r_begin + 1; r < r_end; r++) {
            p += a->dilation[0] * a->x_row;
            if (*p > top || *p != *p) top = *p;
            if (top != top) break;
        }
        row[x] = top;
    }
}

/* One output row from the row of maxima; STEP is the stride where it is 1 or 2. */
FC_INLINE void FC_NAME(any_columns)(const fc_max_pool_args *a, const int STEP, real *out) {
    const real *row = a->row;
    for (int64_t x = 0; x < a->out_width; x += VL) {
        vec top = {0};
        for (int64_t s = 0; s < a->kernel[1]; s++) {
            const real *p = row + x * STEP + s * a->dilation[1];
            const vec here = STEP == 1 ? v_load(p) : v_evens(v_load(p), v_load(p + VL));
            top = s == 0 ? here : v_max_nan(top, here);
        }
        if (a->out_width - x >= VL)
            v_store(out + x, top);
        else
            v_store_first(out + x, top, a->out_width - x);
    }
}

FC_INLINE void FC_NAME(any_columns_scalar)(const fc_max_pool_args *a, real *out) {
    const real *row = a->row;
    for (int64_t x = 0; x < a->out_width; x++) {
        const real *p = row + x * a->stride[1];
        real top = *p;
        for (int64_t s = 1; s < a->kernel[1] && top == top; s++) {
            p += a->dilation[1];
            if (*p > top || *p != *p) top = *p;
        }
        out[x * a->out_column] = top;
    }
}

/* With indices: window by window, since each maximum must be found, not only known. */
static __attribute__((noinline)) void FC_NAME(any_indices)(const fc_max_pool_args *a) {
    const real *x = a->x;
    for (int64_t i = a->row_begin; i < a->row_end; i++)
        for (int64_t j = 0; j < a->out_width; j++) {
            const int64_t y0 = i * a->stride[0] - a->pad[0], x0 = j * a->stride[1] - a->pad[1];
            int64_t r0, r1, s0, s1, index = -1;
            FC_NAME(pool_inside)(y0, a->dilation[0], a->kernel[0], a->height, &r0, &r1);
            FC_NAME(pool_inside)(x0, a->dilation[1], a->kernel[1], a->width, &s0, &s1);
            real top = (real)-__builtin_inf();
            for (int64_t r = r0; r < r1 && top == top; r++)
                for (int64_t s = s0; s < s1; s++) {
                    const int64_t yy = y0 + r * a->dilation[0], xx = x0 + s * a->dilation[1];
                    const real value = x[yy * a->x_row + xx * a->x_column];
                    if (index < 0 || value > top || value != value) {
                        top = value;
                        index = yy * a->width + xx;
                        if (value != value) break;
                    }
                }
            ((real *)a->out)[i * a->out_row + j * a->out_column] = top;
            a->index[i * a->index_row + j * a->index_column] = index;
        }
}

static void FC_NAME(max_pool_any)(const fc_max_pool_args *a) {
    if (a->index) {
        FC_NAME(any_indices)(a);
        return;
    }
    const int64_t reach = (a->out_width - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1] +
                          1;
    const int64_t padded = reach > a->pad[1] + a->width ? reach : a->pad[1] + a->width;
    for (int64_t i = a->row_begin; i < a->row_end; i++) {
        const int64_t y0 = i * a->stride[0] - a->pad[0];
        int64_t r0, r1;
        FC_NAME(pool_inside)(y0, a->dilation[0], a->kernel[0], a->height, &r0, &r1);
        FC_NAME(any_rows)(a, r0, r1, y0, padded);
        real *out = (real *)a->out + i * a->out_row;
        if (a->out_column == 1 && a->stride[1] == 1)
            FC_NAME(any_columns)(a, 1, out);
        else if (a->out_column == 1 && a->stride[1] == 2)
            FC_NAME(any_columns)(a, 2, out);
        else
            FC_NAME(any_columns_scalar)(a, out);
    }
}
