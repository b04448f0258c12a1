/* Winograd's transforms, one axis at a time. Tiles of 6 use the points 0, +-5/8,
 * +-3/2 and infinity: the products of their powers are exact in float, and the
 * rounding error is a third to a quarter of that of the usual 0, +-1, +-2. Tiles
 * of 5 use 0, +-3/4, 2 and infinity, tiles of 4 use 0, +-1 and infinity.
 * Where the outer two of four inputs are zeros, what remains of F(2, 3) is a
 * Toeplitz matrix of 2 x 2, which takes three products: t = 3. Everything is vectorised over
 * channels. */

#define WINOGRAD_A 0.625
#define WINOGRAD_B 1.5
#define WINOGRAD_C 0.75
#define WINOGRAD_D 2
enum { FC_NAME(WINOGRAD_TILE) = 6, FC_NAME(WINOGRAD_TAPS) = 5, FC_NAME(WINOGRAD_RUN) = 8 };

/* B^T d: row i is the polynomial prod_{j != i} (x - p_j). */
FC_INLINE void FC_NAME(winograd_bt)(const int T, const vec *d, vec *o) {
    if (T == 1) {
        o[0] = d[0];
    } else if (T == 3) {
        o[0] = d[1] + d[2];
        o[1] = d[2];
        o[2] = d[1];
    } else if (T == 4) {
        o[0] = d[0] - d[2];
        o[1] = d[2] + d[1];
        o[2] = d[2] - d[1];
        o[3] = d[3] - d[1];
    } else if (T == 5) {
        const real c = (real)WINOGRAD_C, c2 = c * c, D = (real)WINOGRAD_D;
        vec e[4];
        FC_UNROLL for (int i = 0; i < 4; i++) e[i] = d[i + 1] - D * d[i];
        o[0] = e[2] - c2 * e[0];
        o[1] = e[2] + c * e[1];
        o[2] = e[2] - c * e[1];
        o[3] = d[3] - c2 * d[1];
        o[4] = e[3] - c2 * e[1];
    } else {
        const real a = (real)WINOGRAD_A, b = (real)WINOGRAD_B, a2 = a * a, b2 = b * b;
        const vec even_a = d[4] - b2 * d[2], odd_a = a * (d[3] - b2 * d[1]);
        const vec even_b = d[4] - a2 * d[2], odd_b = b * (d[3] - a2 * d[1]);
        o[0] = even_a - a2 * (d[2] - b2 * d[0]);
        o[1] = even_a + odd_a;
        o[2] = even_a - odd_a;
        o[3] = even_b + odd_b;
        o[4] = even_b - odd_b;
        o[5] = d[5] - b2 * d[3] - a2 * (d[3] - b2 * d[1]);
    }
}

/* A^T z: row i is p_j^i, the last point counts for i = M - 1. */
FC_INLINE void FC_NAME(winograd_at)(const int T, const int M, const vec *z, vec *y) {
    if (T == 3) {
        y[0] = z[0] + z[1];
        y[1] = z[0] + z[2];
        return;
    }
    const real a = T == 6 ? (real)WINOGRAD_A : T == 5 ? (real)WINOGRAD_C : 1;
    const real b = T == 6 ? (real)WINOGRAD_B : (real)WINOGRAD_D;
    vec even = z[1] + z[2], odd = z[1] - z[2], even_b = z[3], odd_b = z[3];
    if (T == 6) {
        even_b = z[3] + z[4];
        odd_b = z[3] - z[4];
    }
    y[0] = z[0] + even;
    if (T > 4) y[0] += even_b;
    real pa = 1, pb = 1;
    FC_UNROLL for (int i = 1; i < M; i++) {
        pa *= a;
        pb *= b;
        y[i] = pa * (i % 2 ? odd : even);
        if (T > 4) y[i] += pb * (i % 2 ? odd_b : even_b);
    }
    y[M - 1] += z[T - 1];
}

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

/* One axis of one tile. */
FC_INLINE void FC_NAME(winograd_input_line)(const int T, const real *x, int64_t x_step, real *v,
                                            int64_t v_step) {
    vec d[FC_NAME(WINOGRAD_TILE)], o[FC_NAME(WINOGRAD_TILE)];
    FC_UNROLL for (int i = 0; i < T; i++) d[i] = v_load(x + i * x_step);
    FC_NAME(winograd_bt)(T, d, o);
    FC_UNROLL for (int i = 0; i < T; i++) v_store(v + i * v_step, o[i]);
}

/* The same at an edge: of the T elements [begin, end) exist, and of each `lanes`. */
FC_INLINE void FC_NAME(winograd_input_edge)(const int T, const real *x, int64_t x_step, real *v,
                                            int64_t v_step, int64_t begin, int64_t end,
                                            int64_t lanes) {
    real d[FC_NAME(WINOGRAD_TILE) * VL];
    for (int64_t i = 0; i < T; i++) {
        vec value = {0};
        if (i >= begin && i < end) value = v_load_first(x + i * x_step, lanes);
        v_store(d + i * VL, value);
    }
    FC_NAME(winograd_input_line)(T, d, VL, v, v_step);
}

/* Tiles of one row of tiles at (y, x), one vector of channels: the columns of the whole
 * run first, so that those which neighbours share are done once. */
FC_INLINE void FC_NAME(winograd_input_run)(const int TY, const int TX,
                                           const fc_winograd_input_args *a, int64_t y, int64_t x,
                                           int64_t tiles, int64_t lanes, const real *from,
                                           real *v) {
    enum { T = FC_NAME(WINOGRAD_TILE), COLUMNS = (FC_NAME(WINOGRAD_RUN) + 1) * T };
    const int64_t m = a->outputs[1], columns = (tiles - 1) * m + TX;
    const int64_t begin = a->begin[0] - y, end = a->end[0] - y;
    const bool whole = begin <= 0 && end >= TY && lanes == VL;
    real half[COLUMNS * T * VL];
    real *to = TX == 1 ? v : half;
    const int64_t to_step = TX == 1 ? a->v_step : VL, to_column = TX == 1 ? a->v_column : TY * VL;
    for (int64_t j = 0; j < columns; j++) {
        const real *p = from + j * a->x_column;
        const bool exists = x + j >= a->begin[1] && x + j < a->end[1];
        if (exists && whole)
            FC_NAME(winograd_input_line)(TY, p, a->x_row, to + j * to_column, to_step);
        else
            FC_NAME(winograd_input_edge)
        (TY, p, a->x_row, to + j * to_column, to_step, begin, exists ? end : 0, lanes);
    }
    if (TX == 1) return;
    for (int64_t tile = 0; tile < tiles; tile++, v += a->v_column)
        FC_UNROLL for (int i = 0; i < TY; i++) FC_NAME(winograd_input_line)(
            TX, half + (tile * m * TY + i) * VL, TY * VL, v + i * TX * a->v_step, a->v_step);
}

FC_INLINE void FC_NAME(winograd_input_tiles)(const int TY, const int TX,
                                             const fc_winograd_input_args *a) {
    for (int64_t ty = 0; ty < a->tiles_y; ty++)
        for (int64_t tx = 0; tx < a->tiles_x; tx += FC_NAME(WINOGRAD_RUN)) {
            const int64_t left = a->tiles_x - tx, y = ty * a->outputs[0], x = tx * a->outputs[1];
            const int64_t tiles = left < FC_NAME(WINOGRAD_RUN) ? left : FC_NAME(WINOGRAD_RUN);
            const real *from = (const real *)a->x + y * a->x_row + x * a->x_column;
            real *v = (real *)a->v + (ty * a->tiles_x + tx) * a->v_column;
            for (int64_t c = 0; c < a->channels; c += VL) {
                const int64_t lanes = a->channels - c < VL ? a->channels - c : VL;
                FC_NAME(winograd_input_run)(TY, TX, a, y, x, tiles, lanes, from + c, v + c);
            }
        }
}

#define FC_TILES(T) \
    static void FC_NAME(winograd_input_##T)(const fc_winograd_input_args *a) { \
        if (a->tile[0] == 1) \
            FC_NAME(winograd_input_tiles)(1, T, a); \
        else if (a->tile[1] == 1) \
            FC_NAME(winograd_input_tiles)(T, 1, a); \
        else \
            FC_NAME(winograd_input_tiles)(T, T, a); \
    }
FC_TILES(3)
FC_TILES(4)
FC_TILES(5)
FC_TILES(6)
#undef FC_TILES

static void FC_NAME(winograd_input)(const fc_winograd_input_args *a) {
    const int64_t t = a->tile[0] > 1 ? a->tile[0] : a->tile[1];
    if (t == 6)
        FC_NAME(winograd_input_6)(a);
    else if (t == 5)
        FC_NAME(winograd_input_5)(a);
    else if (t == 4)
        FC_NAME(winograd_input_4)(a);
    else
        FC_NAME(winograd_input_3)(a);
}

/* One axis of `lines` lines of each of `tiles` tiles; in `to`, `tile_step` and
 * `line_step` apart. The last tile has `last` outputs. */
typedef struct {
    const real *from;
    real *to;
    int64_t tiles, lines, count, last, lanes;
    int64_t from_tile, from_line, from_step, to_tile, to_line, to_step;
    vec bias, lo, hi;
} FC_NAME(winograd_pass);

FC_INLINE void FC_NAME(winograd_output_lines)(const int T, const int M, const bool FINAL,
                                              const FC_NAME(winograd_pass) * p) {
    const vec bias = p->bias, lo = p->lo, hi = p->hi;
    for (int64_t tile = 0; tile < p->tiles; tile++)
        for (int64_t line = 0; line < p->lines; line++) {
            const real *from = p->from + tile * p->from_tile + line * p->from_line;
            real *to = p->to + tile * p->to_tile + line * p->to_line;
            vec z[FC_NAME(WINOGRAD_TILE)], y[FC_NAME(WINOGRAD_TILE)];
            FC_UNROLL for (int i = 0; i < T; i++) z[i] = v_load(from + i * p->from_step);
            FC_NAME(winograd_at)(T, M, z, y);
            if (FINAL) {
                FC_UNROLL for (int i = 0; i < M; i++) y[i] = v_min(hi, v_max(lo, y[i] + bias));
                const int64_t n = tile == p->tiles - 1 ? p->last : p->count;
                if (n < M || p->lanes < VL) {
                    FC_UNROLL for (int i = 0; i < M; i++) if (i < n)
                        v_store_first(to + i * p->to_step, y[i], p->lanes);
                    continue;
                }
            }
            FC_UNROLL for (int i = 0; i < M; i++) v_store(to + i * p->to_step, y[i]);
        }
}

#define FC_PASS(T, M) \
    static __attribute__((noinline)) void FC_NAME(winograd_half_##T##_##M)( \
        const FC_NAME(winograd_pass) * p) { \
        FC_NAME(winograd_output_lines)(T, M, false, p); \
    } \
    static __attribute__((noinline)) void FC_NAME(winograd_final_##T##_##M)( \
        const FC_NAME(winograd_pass) * p) { \
        FC_NAME(winograd_output_lines)(T, M, true, p); \
    }
FC_PASS(3, 2)
FC_PASS(4, 2)
FC_PASS(4, 3)
FC_PASS(5, 2)
FC_PASS(5, 3)
FC_PASS(5, 4)
FC_PASS(6, 2)
FC_PASS(6, 3)
FC_PASS(6, 4)
FC_PASS(6, 5)
#undef FC_PASS

typedef void FC_NAME(winograd_pass_fn)(const FC_NAME(winograd_pass) *);
static FC_NAME(winograd_pass_fn) * FC_NAME(winograd_pass_of)(int64_t t, int64_t m, bool final) {
#define FC_PASSES(T, M) \
    { FC_NAME(winograd_half_##T##_##M), FC_NAME(winograd_final_##T##_##M) }
    static FC_NAME(winograd_pass_fn) *const passes[4][4][2] = {
        {FC_PASSES(3, 2)},
        {FC_PASSES(4, 2), FC_PASSES(4, 3)},
        {FC_PASSES(5, 2), FC_PASSES(5, 3), FC_PASSES(5, 4)},
        {FC_PASSES(6, 2), FC_PASSES(6, 3), FC_PASSES(6, 4), FC_PASSES(6, 5)},
    };
#undef FC_PASSES
    return passes[t - 3][m - 2][final];
}

/* Tiles [tile, tile + tiles) of the row of tiles at y, one vector of channels. */
static void FC_NAME(winograd_output_run)(const fc_winograd_output_args *a, const real *z, real *out,
                                         int64_t y, int64_t x, int64_t tiles,
                                         FC_NAME(winograd_pass) * final) {
    enum { T = FC_NAME(WINOGRAD_TILE) };
    const int64_t ty = a->tile[0], tx = a->tile[1], my = a->outputs[0], mx = a->outputs[1];
    const int64_t ny = a->rows - y < my ? a->rows - y : my;
    const int64_t right = a->columns - x - (tiles - 1) * mx;
    real half[FC_NAME(WINOGRAD_RUN) * T * T * VL];
    final->to = out;
    final->tiles = tiles;
    final->to_tile = mx * a->out_column;
    if (tx == 1) {
        final->from = z;
        final->from_tile = a->z_tile;
        final->from_step = a->z_step;
        final->lines = 1;
        final->count = final->last = ny;
        final->to_step = a->out_row;
        FC_NAME(winograd_pass_of)(ty, my, true)(final);
        return;
    }
    final->count = mx;
    final->last = right < mx ? right : mx;
    final->lines = ny;
    final->to_line = a->out_row;
    final->to_step = a->out_column;
    if (ty == 1) {
        final->from = z;
        final->from_tile = a->z_tile;
        final->from_step = a->z_step;
    } else {
        FC_NAME(winograd_pass_of)
        (ty, my, false)(&(FC_NAME(winograd_pass)){
            .from = z,
            .to = half,
            .tiles = tiles,
            .lines = tx,
            .from_tile = a->z_tile,
            .from_line = a->z_step,
            .from_step = tx * a->z_step,
            .to_tile = my * tx * VL,
            .to_line = VL,
            .to_step = tx * VL,
        });
        final->from = half;
        final->from_tile = my * tx * VL;
        final->from_line = tx * VL;
        final->from_step = VL;
    }
    FC_NAME(winograd_pass_of)(tx, mx, true)(final);
}

static void FC_NAME(winograd_output)(const fc_winograd_output_args *a) {
    FC_NAME(winograd_pass) final = {.lo = v_set1((real)a->lo), .hi = v_set1((real)a->hi)};
    const int64_t rows = (a->rows + a->outputs[0] - 1) / a->outputs[0];
    for (int64_t ty = 0; ty < rows; ty++)
        for (int64_t tx = 0; tx < a->tiles_x; tx += FC_NAME(WINOGRAD_RUN)) {
            const int64_t left = a->tiles_x - tx, y = ty * a->outputs[0], x = tx * a->outputs[1];
            const int64_t tiles = left < FC_NAME(WINOGRAD_RUN) ? left : FC_NAME(WINOGRAD_RUN);
            const real *z = (const real *)a->z + (ty * a->tiles_x + tx) * a->z_tile;
            real *out = (real *)a->out + y * a->out_row + x * a->out_column;
            for (int64_t k = 0; k < a->channels; k += VL) {
                final.bias = v_load((const real *)a->bias + k);
                final.lanes = a->channels - k < VL ? a->channels - k : VL;
                FC_NAME(winograd_output_run)(a, z + k, out + k, y, x, tiles, &final);
            }
        }
}
#undef WINOGRAD_A
#undef WINOGRAD_B
#undef WINOGRAD_C
#undef WINOGRAD_D
