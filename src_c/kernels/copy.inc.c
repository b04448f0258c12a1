/* Strided two-dimensional copies: the way in and out of every strip.
 *
 * Three forms carry the speed: rows contiguous on both sides, rows read with a
 * step of 2 (de-interleaved for stride-2 convolution), and blocks of VL x VL
 * transposed in registers (NCHW to channels-last and back). */

/* The first n <= VL elements p[0], p[step], ...; step is 1 or 2. */
FC_INLINE vec FC_NAME(copy_load)(const real *p, const int step, int64_t n) {
    if (step == 1) return n == VL ? v_load(p) : v_load_first(p, n);
    if (n == VL) return v_evens(v_load(p), v_load_first(p + VL, VL - 1));
    const int64_t extent = 2 * n - 1;
    if (extent <= VL) return v_evens(v_load_first(p, extent), v_set1(0));
    return v_evens(v_load(p), v_load_first(p + VL, extent - VL));
}

FC_INLINE void FC_NAME(copy_rows)(const fc_copy_args *a, const int step) {
    for (int64_t i = 0; i < a->rows; i++) {
        const real *from = (const real *)a->from + i * a->from_row;
        real *to = (real *)a->to + i * a->to_row;
        int64_t j = 0;
        for (; j + VL <= a->columns; j += VL)
            v_store(to + j, FC_NAME(copy_load)(from + j * step, step, VL));
        if (j < a->columns)
            v_store_first(to + j, FC_NAME(copy_load)(from + j * step, step, a->columns - j),
                          a->columns - j);
    }
}

/* ni rows by nj columns, both <= VL: to[j * to_step + i] = from[i * from_step + j * step]. */
FC_INLINE void FC_NAME(transpose_block)(const real *from, int64_t from_step, const int step,
                                        real *to, int64_t to_step, int64_t ni, int64_t nj) {
    vec r[VL];
    if (ni == VL && nj == VL) {
        FC_UNROLL for (int i = 0; i < VL; i++)
            r[i] = FC_NAME(copy_load)(from + i * from_step, step, VL);
        v_transpose(r);
        FC_UNROLL for (int j = 0; j < VL; j++) v_store(to + j * to_step, r[j]);
        return;
    }
    for (int i = 0; i < VL; i++)
        r[i] = i < ni ? FC_NAME(copy_load)(from + i * from_step, step, nj) : v_set1(0);
    v_transpose(r);
    for (int j = 0; j < nj; j++) v_store_first(to + j * to_step, r[j], ni);
}

/* Columns contiguous (or of step 2) in `from`, rows contiguous in `to`. */
FC_INLINE void FC_NAME(copy_transposed)(const real *from, int64_t from_row, const int step,
                                        real *to, int64_t to_column, int64_t rows,
                                        int64_t columns) {
    for (int64_t j = 0; j < columns; j += VL)
        for (int64_t i = 0; i < rows; i += VL) {
            const int64_t ni = rows - i < VL ? rows - i : VL;
            const int64_t nj = columns - j < VL ? columns - j : VL;
            FC_NAME(transpose_block)
            (from + i * from_row + j * step, from_row, step, to + j * to_column + i, to_column, ni,
             nj);
        }
}

static void FC_NAME(copy)(const fc_copy_args *a) {
    const real *from = a->from;
    real *to = a->to;
    if (a->to_column == 1 && a->from_column == 1)
        FC_NAME(copy_rows)(a, 1);
    else if (a->to_column == 1 && a->from_column == 2)
        FC_NAME(copy_rows)(a, 2);
    else if (a->to_row == 1 && a->from_column == 1)
        FC_NAME(copy_transposed)(from, a->from_row, 1, to, a->to_column, a->rows, a->columns);
    else if (a->to_row == 1 && a->from_column == 2)
        FC_NAME(copy_transposed)(from, a->from_row, 2, to, a->to_column, a->rows, a->columns);
    else if (a->to_column == 1 && a->from_row == 1)
        FC_NAME(copy_transposed)(from, a->from_column, 1, to, a->to_row, a->columns, a->rows);
    else
        for (int64_t i = 0; i < a->rows; i++)
            for (int64_t j = 0; j < a->columns; j++)
                to[i * a->to_row + j * a->to_column] = from[i * a->from_row + j * a->from_column];
}
