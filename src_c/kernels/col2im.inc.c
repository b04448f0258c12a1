/* Adds one tap's plane of columns back onto the image it was taken from. */
static void FC_NAME(col2im)(const fc_col2im_args *a) {
    for (int64_t i = 0; i < a->rows; i++) {
        const int64_t y = i * a->stride[0] + a->offset[0];
        if (y < 0 || y >= a->height) continue;
        const real *x = (const real *)a->x + i * a->x_row;
        real *out = (real *)a->out + y * a->out_row;
        for (int64_t j = 0; j < a->columns; j++) {
            const int64_t column = j * a->stride[1] + a->offset[1];
            if (column >= 0 && column < a->width) out[column * a->out_column] += x[j * a->x_column];
        }
    }
}
