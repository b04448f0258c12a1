/* Winograd's transforms. F(4 x 4, 3 x 3) uses the points 0, +-5/8, +-3/2 and
 * infinity: the products of their squares are exact in float, and the rounding
 * error is a third to a quarter of that of the usual 0, +-1, +-2. F(2 x 2, 3 x 3)
 * uses 0, +-1 and infinity. Everything is vectorised over channels. */

#define WINOGRAD_A 0.625
#define WINOGRAD_B 1.5
#define WINOGRAD_A2 (WINOGRAD_A * WINOGRAD_A)
#define WINOGRAD_B2 (WINOGRAD_B * WINOGRAD_B)

/* One dimension of B^T d: row i is the polynomial prod_{j != i} (x - p_j). */
FC_INLINE void FC_NAME(winograd_bt)(const int M, const vec *d, vec *o) {
    if (M == 2) {
        o[0] = d[0] - d[2];
        o[1] = d[2] + d[1];
        o[2] = d[2] - d[1];
        o[3] = d[3] - d[1];
        return;
    }
    const real a = (real)WINOGRAD_A, b = (real)WINOGRAD_B;
    const real a2 = (real)WINOGRAD_A2, b2 = (real)WINOGRAD_B2;
    const vec even_a = d[4] - b2 * d[2], odd_a = a * (d[3] - b2 * d[1]);
    const vec even_b = d[4] - a2 * d[2], odd_b = b * (d[3] - a2 * d[1]);
    o[0] = even_a - a2 * (d[2] - b2 * d[0]);
    o[1] = even_a + odd_a;
    o[2] = even_a - odd_a;
    o[3] = even_b + odd_b;
    o[4] = even_b - odd_b;
    o[5] = d[5] - b2 * d[3] - a2 * (d[3] - b2 * d[1]);
}

/* One dimension of A^T z: row i is p_j^i, the last point counts for i = M - 1. */
FC_INLINE void FC_NAME(winograd_at)(const int M, const vec *z, vec *y) {
    const vec s1 = z[1] + z[2], d1 = z[1] - z[2];
    if (M == 2) {
        y[0] = z[0] + s1;
        y[1] = d1 + z[3];
        return;
    }
    const real a = (real)WINOGRAD_A, b = (real)WINOGRAD_B;
    const real a2 = (real)WINOGRAD_A2, b2 = (real)WINOGRAD_B2;
    const vec s2 = z[3] + z[4], d2 = z[3] - z[4];
    const vec ad = a * d1, bd = b * d2;
    y[0] = z[0] + s1 + s2;
    y[1] = ad + bd;
    y[2] = a2 * s1 + b2 * s2;
    y[3] = a2 * ad + b2 * bd + z[5];
}

/* G: row i is (1, p_i, p_i^2) / prod_{j != i} (p_i - p_j), the last (0, 0, 1). */
static void FC_NAME(winograd_g)(int m, double g[6][3]) {
    const double points[2][5] = {{0, 1, -1, 0, 0},
                                 {0, WINOGRAD_A, -WINOGRAD_A, WINOGRAD_B, -WINOGRAD_B}};
    const double *p = points[m == 4];
    const int n = m + 1;
    for (int i = 0; i < n; i++) {
        double product = 1;
        for (int j = 0; j < n; j++)
            if (j != i) product *= p[i] - p[j];
        /* F(2, 3) writes its first polynomial as 1 - x^2. */
        if (m == 2 && i == 0) product = -product;
        for (int r = 0; r < 3; r++) g[i][r] = (r == 0 ? 1 : r == 1 ? p[i] : p[i] * p[i]) / product;
    }
    g[n][0] = g[n][1] = 0;
    g[n][2] = 1;
}

/* In double, since the weights' rounding would meet every output. */
static void FC_NAME(winograd_filter)(const fc_winograd_filter_args *a) {
    enum { NR = PIXEL_NV * VL };
    double g[6][3];
    const int t = (int)a->m + 2;
    FC_NAME(winograd_g)((int)a->m, g);
    for (int64_t c = 0; c < a->channels; c++)
        for (int s_lane = 0; s_lane < NR; s_lane += VL) {
            double rows[6][3][VL];
            const real *w = (const real *)a->w + c * NR + s_lane;
            const int64_t tap = a->channels * NR;
            for (int i = 0; i < t; i++)
                for (int s = 0; s < 3; s++)
                    for (int l = 0; l < VL; l++)
                        rows[i][s][l] = g[i][0] * (double)w[s * tap + l] +
                                        g[i][1] * (double)w[(3 + s) * tap + l] +
                                        g[i][2] * (double)w[(6 + s) * tap + l];
            for (int i = 0; i < t; i++)
                for (int j = 0; j < t; j++) {
                    real *u = (real *)a->u + (i * t + j) * a->u_step + c * NR + s_lane;
                    for (int l = 0; l < VL; l++)
                        u[l] = (real)(g[j][0] * rows[i][0][l] + g[j][1] * rows[i][1][l] +
                                      g[j][2] * rows[i][2][l]);
                }
        }
}

/* Up to TILES tiles of one row of tiles, one vector of channels: the columns of
 * the whole run first, so that the two that neighbours share are done once. */
enum { FC_NAME(WINOGRAD_RUN) = 8 };
FC_INLINE void FC_NAME(winograd_input_run)(const int M, const fc_winograd_input_args *a,
                                           const real *x, real *v, int64_t tiles) {
    const int T = M + 2;
    vec half[FC_NAME(WINOGRAD_RUN) * 4 + 2][6];
    for (int64_t j = 0; j < tiles * M + 2; j++) {
        vec d[6];
        FC_UNROLL for (int i = 0; i < T; i++) d[i] = v_load(x + i * a->x_row + j * a->x_column);
        FC_NAME(winograd_bt)(M, d, half[j]);
    }
    for (int64_t tile = 0; tile < tiles; tile++, v += a->channels)
        FC_UNROLL for (int i = 0; i < T; i++) {
            vec d[6], o[6];
            FC_UNROLL for (int j = 0; j < T; j++) d[j] = half[tile * M + j][i];
            FC_NAME(winograd_bt)(M, d, o);
            FC_UNROLL for (int j = 0; j < T; j++) v_store(v + (i * T + j) * a->v_step, o[j]);
        }
}

FC_INLINE void FC_NAME(winograd_input_m)(const int M, const fc_winograd_input_args *a) {
    for (int64_t ty = 0; ty < a->tiles_y; ty++)
        for (int64_t tx = 0; tx < a->tiles_x; tx += FC_NAME(WINOGRAD_RUN)) {
            const int64_t left = a->tiles_x - tx;
            const int64_t tiles = left < FC_NAME(WINOGRAD_RUN) ? left : FC_NAME(WINOGRAD_RUN);
            const real *x = (const real *)a->x + ty * M * a->x_row + tx * M * a->x_column;
            real *v = (real *)a->v + (ty * a->tiles_x + tx) * a->channels;
            for (int64_t c = 0; c < a->channels; c += VL)
                FC_NAME(winograd_input_run)(M, a, x + c, v + c, tiles);
        }
}

static void FC_NAME(winograd_input)(const fc_winograd_input_args *a) {
    if (a->m == 4)
        FC_NAME(winograd_input_m)(4, a);
    else
        FC_NAME(winograd_input_m)(2, a);
}

FC_INLINE void FC_NAME(winograd_output_m)(const int M, const fc_winograd_output_args *a) {
    enum { NR = PIXEL_NV * VL };
    const int T = M + 2;
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    for (int64_t y = 0, tile = 0; y < a->rows; y += M, tile += a->tiles_x)
        for (int64_t tx = 0; tx < a->tiles_x; tx++) {
            const int64_t x = tx * M;
            const int64_t ny = a->rows - y < M ? a->rows - y : M;
            const int64_t nx = a->columns - x < M ? a->columns - x : M;
            for (int64_t k = 0; k < a->vectors * VL; k += VL) {
                const real *z = (const real *)a->z + (tile + tx) * NR + k;
                const vec bias = v_load((const real *)a->bias + k);
                real *out = (real *)a->out + y * a->out_row + x * a->out_column + k;
                vec half[6][4], result[4][4];
                FC_UNROLL for (int j = 0; j < T; j++) {
                    vec d[6];
                    FC_UNROLL for (int i = 0; i < T; i++)
                        d[i] = v_load(z + (i * T + j) * a->z_step);
                    FC_NAME(winograd_at)(M, d, half[j]);
                }
                FC_UNROLL for (int i = 0; i < M; i++) {
                    vec d[6], o[4];
                    FC_UNROLL for (int j = 0; j < T; j++) d[j] = half[j][i];
                    FC_NAME(winograd_at)(M, d, o);
                    FC_UNROLL for (int j = 0; j < M; j++)
                        result[i][j] = v_min(hi, v_max(lo, o[j] + bias));
                }
                if (ny == M && nx == M) {
                    FC_UNROLL for (int i = 0; i < M; i++) {
                        FC_UNROLL for (int j = 0; j < M; j++)
                            v_store(out + i * a->out_row + j * a->out_column, result[i][j]);
                    }
                } else {
                    for (int64_t i = 0; i < ny; i++)
                        for (int64_t j = 0; j < nx; j++)
                            v_store(out + i * a->out_row + j * a->out_column, result[i][j]);
                }
            }
        }
}

static void FC_NAME(winograd_output)(const fc_winograd_output_args *a) {
    if (a->m == 4)
        FC_NAME(winograd_output_m)(4, a);
    else
        FC_NAME(winograd_output_m)(2, a);
}
#undef WINOGRAD_A
#undef WINOGRAD_B
#undef WINOGRAD_A2
#undef WINOGRAD_B2
