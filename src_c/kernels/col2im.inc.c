/* Adds one tap's plane of columns back onto the image it was taken from. */

/* to[j * step] += x[j * x_step] for j < n. */
FC_INLINE void FC_NAME(col2im_row)(const real *x, int64_t x_step, real *to, int64_t step,
                                   int64_t n) {
    if (x_step != 1 || step != 1) {
        for (int64_t j = 0; j < n; j++) to[j * step] += x[j * x_step];
        return;
    }
    int64_t j = 0;
    for (; j + VL <= n; j += VL) v_store(to + j, v_load(to + j) + v_load(x + j));
    if (j < n)
        v_store_first(to + j, v_load_first(to + j, n - j) + v_load_first(x + j, n - j), n - j);
}

static void FC_NAME(col2im)(const fc_col2im_args *a) {
    const int64_t stride = a->stride[1], offset = a->offset[1], room = a->width - offset;
    /* The columns [lo, hi) that meet the image. */
    const int64_t lo = offset < 0 ? (-offset + stride - 1) / stride : 0;
    const int64_t end = room <= 0 ? 0 : (room + stride - 1) / stride;
    const int64_t hi = end < a->columns ? end : a->columns;
    if (lo >= hi) return;
    for (int64_t i = 0; i < a->rows; i++) {
        const int64_t y = i * a->stride[0] + a->offset[0];
        if (y < 0 || y >= a->height) continue;
        const real *x = (const real *)a->x + i * a->x_row + lo * a->x_column;
        real *to = (real *)a->out + y * a->out_row + (lo * stride + offset) * a->out_column;
        FC_NAME(col2im_row)(x, a->x_column, to, stride * a->out_column, hi - lo);
    }
}
