/* Strided two-dimensional copies: the way in and out of every strip.
 *
 * Four forms carry the speed: rows contiguous on both sides, rows read with a
 * step of 2 (de-interleaved for stride-2 convolution), pixels of 2 and 4 (likewise,
 * both ways), and blocks of VL x VL transposed in registers (NCHW to channels-last and back). */

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
        if (j == a->columns) continue;
        if (j) { /* the last vector moves back to a whole one */
            j = a->columns - VL;
            v_store(to + j, FC_NAME(copy_load)(from + j * step, step, VL));
        } else {
            v_store_first(to, FC_NAME(copy_load)(from, step, a->columns), a->columns);
        }
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
    /* Several lines of one row at a time, for the prefetchers. */
    enum { STRETCH = 4 * VL };
    for (int64_t first = 0; first < columns; first += STRETCH)
        for (int64_t block = 0; block < rows; block += VL)
            for (int64_t j = first; j < first + STRETCH && j < columns; j += VL) {
                /* The last block is moved back to a whole one: stored twice, masked never. */
                const int64_t i = rows >= VL && block + VL > rows ? rows - VL : block;
                const int64_t at = columns >= VL && j + VL > columns ? columns - VL : j;
                FC_NAME(transpose_block)
                (from + i * from_row + at * step, from_row, step, to + at * to_column + i,
                 to_column, rows < VL ? rows : VL, columns < VL ? columns : VL);
            }
}

/* A few rows next to each other, as in the pixels of a colour image: too few to transpose. */
FC_INLINE void FC_NAME(copy_interleaved)(const int ROWS, const fc_copy_args *a) {
    const real *from = a->from;
    for (int64_t j = 0; j < a->columns; j++) {
        real *to = (real *)a->to + j * a->to_column;
        FC_UNROLL for (int i = 0; i < ROWS; i++) to[i] = from[i * a->from_row + j * a->from_column];
    }
}

/* a0 b0 a1 b1 ... */
FC_INLINE void FC_NAME(copy_alternate)(vec a, vec b, vec *first, vec *second) {
#if defined(__clang__)
    FC_UNROLL for (int k = 0; k < VL; k++) {
        (*first)[k] = (k % 2 ? b : a)[k / 2];
        (*second)[k] = (k % 2 ? b : a)[(VL + k) / 2];
    }
#else
    v_index lanes;
    FC_UNROLL for (int k = 0; k < VL; k++) lanes[k] = k / 2 + (k % 2 ? VL : 0);
    *first = __builtin_shuffle(a, b, lanes);
    *second = __builtin_shuffle(a, b, lanes + VL / 2);
#endif
}

/* 2 or 4 rows into pixels of as many, next to each other. */
FC_INLINE void FC_NAME(copy_joined)(const int ROWS, const fc_copy_args *a) {
    const real *from = a->from;
    real *to = a->to;
    for (int64_t left = a->columns; left > 0; left -= VL, from += VL, to += ROWS * VL) {
        vec r[4];
        FC_UNROLL for (int i = 0; i < ROWS; i++) {
            const real *p = from + i * a->from_row;
            r[i] = left >= VL ? v_load(p) : v_load_first(p, left);
        }
        if (ROWS == 4) {
            const vec a = r[0], b = r[1], c = r[2], d = r[3];
            FC_NAME(copy_alternate)(a, c, &r[0], &r[2]);
            FC_NAME(copy_alternate)(b, d, &r[1], &r[3]);
        }
        FC_UNROLL for (int i = 0; i < ROWS; i += 2)
            FC_NAME(copy_alternate)(r[i], r[i + 1], &r[i], &r[i + 1]);
        FC_UNROLL for (int i = 0; i < ROWS; i++) {
            const int64_t n = left * ROWS - i * VL;
            if (n >= VL)
                v_store(to + i * VL, r[i]);
            else if (n > 0)
                v_store_first(to + i * VL, r[i], n);
        }
    }
}

/* The other way: pixels of 2 or 4, next to each other, into as many rows or only the first ones. */
FC_INLINE void FC_NAME(copy_parted)(const int COLUMNS, const fc_copy_args *a) {
    const real *from = a->from;
    real *to = a->to;
    for (int64_t left = a->rows; left > 0; left -= VL, from += COLUMNS * VL, to += VL) {
        vec r[4];
        FC_UNROLL for (int i = 0; i < COLUMNS; i++) {
            const int64_t n = (left - 1) * COLUMNS + a->columns - i * VL;
            r[i] = n >= VL ? v_load(from + i * VL) : v_load_first(from + i * VL, n > 0 ? n : 0);
        }
        FC_UNROLL for (int i = 0; i < COLUMNS; i += 2) {
            const vec a = r[i], b = r[i + 1];
            r[i] = v_evens(a, b);
            r[i + 1] = v_odds(a, b);
        }
        if (COLUMNS == 4) {
            const vec a = r[0], b = r[1], c = r[2], d = r[3];
            r[0] = v_evens(a, c);
            r[1] = v_evens(b, d);
            r[2] = v_odds(a, c);
            r[3] = v_odds(b, d);
        }
        FC_UNROLL for (int i = 0; i < COLUMNS; i++) {
            real *p = to + i * a->to_column;
            if (i >= a->columns) break;
            if (left >= VL)
                v_store(p, r[i]);
            else
                v_store_first(p, r[i], left);
        }
    }
}

static void FC_NAME(copy_strided)(const fc_copy_args *a) {
    for (int64_t i = 0; i < a->rows; i++)
        for (int64_t j = 0; j < a->columns; j++)
            ((real *)a->to)[i * a->to_row + j * a->to_column] =
                ((const real *)a->from)[i * a->from_row + j * a->from_column];
}

static void FC_NAME(copy)(const fc_copy_args *given) {
    fc_copy_args a = *given;
    /* Rows are what lies together on both sides, or else on one. */
    if (a.from_row == 1 && (a.to_row == 1 || a.from_column != 1))
        a = (fc_copy_args){.from = a.from,
                           .to = a.to,
                           .rows = a.columns,
                           .columns = a.rows,
                           .from_row = a.from_column,
                           .from_column = a.from_row,
                           .to_row = a.to_column,
                           .to_column = a.to_row};
    if (a.from_column == 1 && a.to_column == 1 && a.from_row == a.columns &&
        a.to_row == a.columns) {
        a.columns *= a.rows;
        a.rows = 1;
    }
    const bool across = a.to_row == 1 && a.from_column == 1;
    const bool joined = across && a.to_column == a.rows, parted = across && a.from_row >= a.columns;
    if (a.to_column == 1 && a.from_column == 1)
        FC_NAME(copy_rows)(&a, 1);
    else if (a.to_column == 1 && a.from_column == 2)
        FC_NAME(copy_rows)(&a, 2);
    else if (joined && a.rows == 2)
        FC_NAME(copy_joined)(2, &a);
    else if (joined && a.rows == 4)
        FC_NAME(copy_joined)(4, &a);
    else if (parted && a.from_row == 2)
        FC_NAME(copy_parted)(2, &a);
    else if (parted && a.from_row == 4)
        FC_NAME(copy_parted)(4, &a);
    else if (a.to_row == 1 && a.rows == 3)
        FC_NAME(copy_interleaved)(3, &a);
    else if (a.to_row == 1 && a.rows <= 4)
        FC_NAME(copy_interleaved)((int)a.rows, &a);
    else if (across)
        FC_NAME(copy_transposed)(a.from, a.from_row, 1, a.to, a.to_column, a.rows, a.columns);
    else if (a.to_row == 1 && a.from_column == 2)
        FC_NAME(copy_transposed)(a.from, a.from_row, 2, a.to, a.to_column, a.rows, a.columns);
    else
        FC_NAME(copy_strided)(&a);
}

static void FC_NAME(split)(const fc_split_args *a) {
    const int64_t pairs = a->columns / 2;
    for (int64_t y = 0; y < a->rows; y++) {
        const real *from = (const real *)a->from + y * a->from_row;
        real *even = (real *)a->to[y % 2][0] + y / 2 * a->to_row;
        real *odd = (real *)a->to[y % 2][1] + y / 2 * a->to_row;
        for (int64_t j = 0; pairs >= VL && j < pairs; j += VL) {
            /* The last vectors are moved back to whole ones. */
            const int64_t at = j + VL <= pairs ? j : pairs - VL;
            const vec near = v_load(from + 2 * at), far = v_load(from + 2 * at + VL);
            v_store(even + at, v_evens(near, far));
            v_store(odd + at, v_odds(near, far));
        }
        for (int64_t j = pairs >= VL ? pairs : 0; j < pairs; j++) {
            even[j] = from[2 * j];
            odd[j] = from[2 * j + 1];
        }
        if (a->columns % 2) even[pairs] = from[2 * pairs];
    }
}
