/* Filters of the Winograd family: G w G^T, once for each plan. */

/* G, t x r: row i is (1, p_i, p_i^2, ...) / prod_{j != i} (p_i - p_j), the last (0, ..., 0, 1). */
static void FC_NAME(winograd_g)(int64_t t, int64_t r,
                                double g[FC_NAME(WINOGRAD_TILE)][FC_NAME(WINOGRAD_TAPS)]) {
    static const double points[3][5] = {{0, 1, -1},
                                        {0, WINOGRAD_C, -WINOGRAD_C, WINOGRAD_D},
                                        {0, WINOGRAD_A, -WINOGRAD_A, WINOGRAD_B, -WINOGRAD_B}};
    static const double toeplitz[3][3] = {{0, 1, 0}, {0, -1, 1}, {1, -1, 0}};
    if (t == 3) {
        for (int i = 0; i < 9; i++) g[i / 3][i % 3] = toeplitz[i / 3][i % 3];
        return;
    }
    const double *p = points[t < 4 ? 0 : t - 4];
    for (int64_t i = 0; i < t - 1; i++) {
        double product = 1, power = 1;
        for (int64_t j = 0; j < t - 1; j++)
            if (j != i) product *= p[i] - p[j];
        /* Tiles of 4 write their first polynomial as 1 - x^2. */
        if (t == 4 && i == 0) product = -product;
        for (int64_t k = 0; k < r; k++, power *= p[i]) g[i][k] = power / product;
    }
    for (int64_t k = 0; k < r; k++) g[t - 1][k] = k == r - 1;
}

/* One axis of one filter of R taps: t vectors, `to_step` apart. */
FC_INLINE void FC_NAME(winograd_filter_line)(const int R, int64_t t,
                                             const double g[][FC_NAME(WINOGRAD_TAPS)],
                                             const double *restrict w, int64_t w_step,
                                             double *restrict to, int64_t to_step) {
    for (int64_t i = 0; i < t; i++)
        for (int l = 0; l < VL; l++) {
            double sum = g[i][0] * w[l];
            FC_UNROLL for (int r = 1; r < R; r++) sum += g[i][r] * w[r * w_step + l];
            to[i * to_step + l] = sum;
        }
}

typedef void FC_NAME(winograd_line_fn)(int64_t, const double[][FC_NAME(WINOGRAD_TAPS)],
                                       const double *, int64_t, double *, int64_t);
#define FC_LINE(R) \
    static __attribute__((noinline)) void FC_NAME(winograd_filter_##R)( \
        int64_t t, const double g[][FC_NAME(WINOGRAD_TAPS)], const double *restrict w, \
        int64_t w_step, double *restrict to, int64_t to_step) { \
        FC_NAME(winograd_filter_line)(R, t, g, w, w_step, to, to_step); \
    }
FC_LINE(1)
FC_LINE(2)
FC_LINE(3)
FC_LINE(4)
FC_LINE(5)
#undef FC_LINE

/* In double, since the weights' rounding would meet every output. */
static void FC_NAME(winograd_filter)(const fc_winograd_filter_args *a) {
    enum { NR = PIXEL_NV * VL, T = FC_NAME(WINOGRAD_TILE), R = FC_NAME(WINOGRAD_TAPS) };
    static FC_NAME(winograd_line_fn) *const lines[] = {
        FC_NAME(winograd_filter_1), FC_NAME(winograd_filter_2), FC_NAME(winograd_filter_3),
        FC_NAME(winograd_filter_4), FC_NAME(winograd_filter_5)};
    FC_NAME(winograd_line_fn) *const by_y = lines[a->present[0] - 1];
    FC_NAME(winograd_line_fn) *const by_x = lines[a->present[1] - 1];
    double gy[T][R], gx[T][R];
    FC_NAME(winograd_g)(a->tile[0], a->taps[0], gy);
    FC_NAME(winograd_g)(a->tile[1], a->taps[1], gx);
    for (int64_t c = 0; c < a->channels; c++)
        for (int64_t lane = 0; lane < a->lanes; lane += VL) {
            double taps[R * VL], half[T * R * VL], whole[T * VL];
            const real *w = (const real *)a->w + c * NR + lane;
            real *u = (real *)a->u + c * a->lanes + lane;
            for (int64_t s = 0; s < a->present[1]; s++) {
                for (int64_t r = 0; r < a->present[0]; r++)
                    for (int l = 0; l < VL; l++)
                        taps[r * VL + l] = (double)w[r * a->w_row + s * a->w_column + l];
                by_y(a->tile[0], gy, taps, VL, half + s * VL, R * VL);
            }
            for (int64_t i = 0; i < a->tile[0]; i++) {
                by_x(a->tile[1], gx, half + i * R * VL, VL, whole, VL);
                for (int64_t j = 0; j < a->tile[1]; j++, u += a->u_step)
                    for (int l = 0; l < VL; l++) u[l] = (real)whole[j * VL + l];
            }
        }
}
