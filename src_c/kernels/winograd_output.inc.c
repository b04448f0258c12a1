/* Output of the Winograd family: A^T z A of every tile, the bias, the activation. */

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
WINOGRAD_FORMS(FC_PASS)
#undef FC_PASS

typedef void FC_NAME(winograd_pass_fn)(const FC_NAME(winograd_pass) *);
static FC_NAME(winograd_pass_fn) * FC_NAME(winograd_pass_of)(int64_t t, int64_t m, bool final) {
#define FC_ENTRY(T, M) \
    [T][M] = {FC_NAME(winograd_half_##T##_##M), FC_NAME(winograd_final_##T##_##M)},
    static FC_NAME(winograd_pass_fn) *const passes WINOGRAD_BY_FORM[2] = {WINOGRAD_FORMS(FC_ENTRY)};
#undef FC_ENTRY
    return passes[t][m][final];
}

/* Tiles of square kernels, in registers from products to outputs: `ny` rows of each, `nx` columns
 * of the last one. */
FC_INLINE void FC_NAME(winograd_output_row)(const int T, const int M, const bool CLIP,
                                            const fc_winograd_output_args *a, const real *z,
                                            real *out, int64_t tiles, int64_t ny, int64_t last,
                                            vec bias, int64_t lanes) {
    enum { MOST = FC_NAME(WINOGRAD_TILE) };
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    for (int64_t tile = 0; tile < tiles; tile++, z += a->z_tile, out += M * a->out_column) {
        const int64_t nx = tile == tiles - 1 ? last : M;
        vec column[MOST], y[MOST], half[MOST][MOST];
        FC_UNROLL for (int j = 0; j < T; j++) {
            FC_UNROLL for (int i = 0; i < T; i++) column[i] = v_load(z + (i * T + j) * a->z_step);
            FC_NAME(winograd_at)(T, M, column, y);
            FC_UNROLL for (int i = 0; i < M; i++) half[i][j] = y[i];
        }
        FC_UNROLL for (int i = 0; i < M; i++) {
            if (i >= ny) break;
            real *to = out + i * a->out_row;
            FC_NAME(winograd_at)(T, M, half[i], y);
            FC_UNROLL for (int j = 0; j < M; j++) {
                y[j] += bias;
                if (CLIP) y[j] = v_min(hi, v_max(lo, y[j]));
            }
            if (nx == M && lanes == VL) {
                FC_UNROLL for (int j = 0; j < M; j++) v_store(to + j * a->out_column, y[j]);
            } else {
                FC_UNROLL for (int j = 0; j < M; j++) if (j < nx)
                    v_store_first(to + j * a->out_column, y[j], lanes);
            }
        }
    }
}

typedef void FC_NAME(winograd_row_fn)(const fc_winograd_output_args *, const real *, real *,
                                      int64_t, int64_t, int64_t, vec, int64_t);
#define FC_ROW(T, M) \
    static __attribute__((noinline)) void FC_NAME(winograd_output_##T##_##M)( \
        const fc_winograd_output_args *a, const real *z, real *out, int64_t tiles, int64_t ny, \
        int64_t last, vec bias, int64_t lanes) { \
        if (fc_clips(a->lo, a->hi)) \
            FC_NAME(winograd_output_row)(T, M, true, a, z, out, tiles, ny, last, bias, lanes); \
        else \
            FC_NAME(winograd_output_row)(T, M, false, a, z, out, tiles, ny, last, bias, lanes); \
    }
WINOGRAD_FORMS(FC_ROW)
#undef FC_ROW

static FC_NAME(winograd_row_fn) * FC_NAME(winograd_row_of_tiles)(int64_t t, int64_t m) {
#define FC_ENTRY(T, M) [T][M] = FC_NAME(winograd_output_##T##_##M),
    static FC_NAME(winograd_row_fn) *const rows WINOGRAD_BY_FORM = {WINOGRAD_FORMS(FC_ENTRY)};
#undef FC_ENTRY
    return rows[t][m];
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
    if (ty == tx && my == mx) {
        FC_NAME(winograd_row_of_tiles)
        (ty, mx)(a, z, out, tiles, ny, right < mx ? right : mx, final->bias, final->lanes);
        return;
    }
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
