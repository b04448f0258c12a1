/* Output pixels in vectors, weights broadcast: direct convolution of NCHW
 * planes. The strip is one flat line of pixels; a tap is an offset into it. */

/* Stores one channel's `n` flat results, which start at row y, column x of the
 * strip: the parts that lie inside the image, row by row. */
FC_INLINE void FC_NAME(planes_scatter)(const fc_planes_args *a, const real *tile, real *out,
                                       int64_t y, int64_t x, int64_t n) {
    for (int64_t done = 0; done < n; y++, x = 0) {
        const int64_t here = a->width - x < n - done ? a->width - x : n - done;
        for (int64_t i = 0; i < here; i += VL) {
            real *to = out + y * a->out_row + x + i;
            const vec v = v_load(tile + done + i);
            if (here - i >= VL)
                v_store(to, v);
            else
                v_store_first(to, v, here - i);
        }
        done += a->pitch - x;
    }
}

FC_INLINE void FC_NAME(planes_gather)(const fc_planes_args *a, real *tile, const real *out,
                                      int64_t y, int64_t x, int64_t n) {
    for (int64_t done = 0; done < n; y++, x = 0) {
        const int64_t here = a->width - x < n - done ? a->width - x : n - done;
        for (int64_t i = 0; i < here; i++) tile[done + i] = out[y * a->out_row + x + i];
        done += a->pitch - x;
    }
}

/* The sums of a tile. APART: the weights of a tap are not neighbours, those of a channel are. */
FC_INLINE void FC_NAME(planes_terms)(const int M, const int NV, const bool HALF, const bool masked,
                                     const bool ahead, const bool APART, const fc_planes_args *a,
                                     const real *in, int64_t n, vec acc[PLANE_M][PLANE_NV],
                                     half rest[PLANE_M]) {
    const real *w[PLANE_M];
    FC_UNROLL for (int m = 0; m < M; m++) {
        w[m] = (const real *)a->w + (APART ? m * a->w_channel : m);
        if (APART) FC_HOLD(w[m]);
    }
    for (int64_t t = 0; t < a->taps; t++) {
        const real *p = in + a->tap[t];
        vec xv[PLANE_NV];
        half xh;
        FC_UNROLL for (int v = 0; v < NV - 1; v++) xv[v] = v_load(p + v * VL);
        if (NV)
            xv[NV - 1] = masked ? v_load_first(p + (NV - 1) * VL, n - (NV - 1) * VL)
                                : v_load(p + (NV - 1) * VL);
        if (HALF) xh = h_load(p + NV * VL);
        if (ahead) __builtin_prefetch(p + 2 * NV * VL - 1);
        FC_UNROLL for (int m = 0; m < M; m++) {
            const vec wm = v_set1(w[m][APART ? t : t * M]);
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] += wm * xv[v];
            if (HALF) rest[m] += h_of(wm) * xh;
        }
    }
}

/* M channels by NV vectors and, with HALF, half a vector, of which `n` pixels are wanted, at row
 * y, column x of the strip; `masked`: of the last vector no more than those may be read;
 * `ahead`: prefetches the next tile's input. */
FC_INLINE void FC_NAME(planes_tile)(const int M, const int NV, const bool HALF, const bool masked,
                                    const bool ahead, const fc_planes_args *a, int64_t y, int64_t x,
                                    int64_t n) {
    const real *in = (const real *)a->x + y * a->pitch + x;
    real *out = a->out;
    /* A tile within one image row meets the output without a detour. The slack
     * of VL lets the scatter load whole vectors. */
    const bool whole = HALF || (n == NV * VL && x + n <= a->width);
    real tile[PLANE_M][(PLANE_NV + 1) * VL] __attribute__((aligned(FC_VECTOR_BYTES)));
    real *place = out + y * a->out_row + x;
    vec acc[PLANE_M][PLANE_NV];
    half rest[PLANE_M];

    if (a->bias) {
        FC_UNROLL for (int m = 0; m < M; m++) {
            const real bias = ((const real *)a->bias)[m];
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_set1(bias);
            if (HALF) rest[m] = h_set1(bias);
        }
    } else if (HALF) {
        FC_UNROLL for (int m = 0; m < M; m++) {
            const real *from = place + m * a->out_channel;
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_load(from + v * VL);
            rest[m] = h_load(from + NV * VL);
        }
    } else {
        for (int m = 0; m < M; m++)
            FC_NAME(planes_gather)(a, tile[m], out + m * a->out_channel, y, x, n);
        FC_UNROLL for (int m = 0; m < M; m++) {
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_load(tile[m] + v * VL);
        }
    }

    if (a->w_channel == 1)
        FC_NAME(planes_terms)(M, NV, HALF, masked, ahead, false, a, in, n, acc, rest);
    else
        FC_NAME(planes_terms)(M, NV, HALF, masked, ahead, true, a, in, n, acc, rest);

    if (fc_clips(a->lo, a->hi)) {
        const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
        FC_UNROLL for (int m = 0; m < M; m++) {
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_min(hi, v_max(lo, acc[m][v]));
            if (HALF) rest[m] = h_min(h_of(hi), h_max(h_of(lo), rest[m]));
        }
    }
    if (masked && x + n <= a->width) {
        FC_UNROLL for (int m = 0; m < M; m++) {
            real *to = place + m * a->out_channel;
            FC_UNROLL for (int v = 0; v < NV - 1; v++) v_store(to + v * VL, acc[m][v]);
            v_store_first(to + (NV - 1) * VL, acc[m][NV - 1], n - (NV - 1) * VL);
        }
        return;
    }
    FC_UNROLL for (int m = 0; m < M; m++) {
        real *to = whole ? place + m * a->out_channel : tile[m];
        FC_UNROLL for (int v = 0; v < NV; v++) v_store(to + v * VL, acc[m][v]);
        if (HALF) h_store(to + NV * VL, rest[m]);
    }
    if (!whole)
        for (int m = 0; m < M; m++)
            FC_NAME(planes_scatter)(a, tile[m], out + m * a->out_channel, y, x, n);
}

/* In place, each tap is a plane of its own: as many streams as channels are too
 * many for a prefetcher, unless each gives several lines at a time. */
typedef void FC_NAME(planes_fn)(const fc_planes_args *, int64_t y, int64_t x, int64_t n);
#define FC_TILE(M, NV) \
    static __attribute__((noinline)) void FC_NAME(planes_##M##x##NV)( \
        const fc_planes_args *a, int64_t y, int64_t x, int64_t n) { \
        if (a->exact && n < NV * VL) \
            FC_NAME(planes_tile)(M, NV, false, true, false, a, y, x, n); \
        else if (a->exact && NV * FC_VECTOR_BYTES <= 64) \
            FC_NAME(planes_tile)(M, NV, false, false, true, a, y, x, n); \
        else \
            FC_NAME(planes_tile)(M, NV, false, false, false, a, y, x, n); \
    }
#if FC_HALVES == 2
/* Where half a vector is half the work: the last tile of a row, to its end. */
#define FC_HALF_TILE(M, NV) \
    static __attribute__((noinline)) void FC_NAME(planes_half_##M##x##NV)( \
        const fc_planes_args *a, int64_t y, int64_t x, int64_t n) { \
        FC_NAME(planes_tile)(M, (NV)-1, true, false, false, a, y, x, n); \
    }
#else
#define FC_HALF_TILE(M, NV)
#endif
#if PLANE_NV == 4
#define FC_TILE_ROW(M) \
    FC_TILE(M, 1) \
    FC_TILE(M, 2) \
    FC_TILE(M, 3) \
    FC_TILE(M, 4) FC_HALF_TILE(M, 1) FC_HALF_TILE(M, 2) FC_HALF_TILE(M, 3) FC_HALF_TILE(M, 4)
#define FC_TILE_NAMES(M, NAME) \
    { FC_NAME(NAME##M##x1), FC_NAME(NAME##M##x2), FC_NAME(NAME##M##x3), FC_NAME(NAME##M##x4) }
#else
#define FC_TILE_ROW(M) FC_TILE(M, 1) FC_TILE(M, 2)
#define FC_TILE_NAMES(M, NAME) \
    { FC_NAME(NAME##M##x1), FC_NAME(NAME##M##x2) }
#endif
#define FC_TILES(NAME) \
    { \
        FC_TILE_NAMES(1, NAME), FC_TILE_NAMES(2, NAME), FC_TILE_NAMES(3, NAME), \
            FC_TILE_NAMES(4, NAME), FC_TILE_NAMES(5, NAME), FC_TILE_NAMES(6, NAME) \
    }
FC_TILE_ROW(1)
FC_TILE_ROW(2)
FC_TILE_ROW(3)
FC_TILE_ROW(4)
FC_TILE_ROW(5)
FC_TILE_ROW(6)

/* Elements by which every tap misses a vector's alignment, if all miss it alike. A load across two
 * lines takes twice as long: of many tiles the first ends earlier by as much. */
static int64_t FC_NAME(planes_shift)(const fc_planes_args *a) {
    enum { MANY = 8 * PLANE_NV * VL };
    const uintptr_t beyond = (uintptr_t)a->x % FC_VECTOR_BYTES;
    if (!a->exact || a->width < MANY || a->taps < 2 || a->tap[1] % VL || beyond % sizeof(real))
        return 0;
    return (int64_t)(beyond / sizeof(real));
}

static void FC_NAME(planes)(const fc_planes_args *a) {
    static FC_NAME(planes_fn) *const tiles[PLANE_M][PLANE_NV] = FC_TILES(planes_);
#if FC_HALVES == 2
    static FC_NAME(planes_fn) *const halves[PLANE_M][PLANE_NV] = FC_TILES(planes_half_);
    const bool half_ends = a->width % VL == VL / 2 && a->pitch > a->width;
#else
    FC_NAME(planes_fn) *const(*halves)[PLANE_NV] = tiles;
    const bool half_ends = false;
#endif
    /* Where rows are whole tiles anyway, go row by row and skip the junk. */
    const int64_t tile = PLANE_NV * VL;
    const bool by_row = half_ends || a->width % VL == 0 || a->pitch - a->width >= VL ||
                        a->width >= 4 * tile;
    const int64_t lines = by_row ? a->rows : 1;
    const int64_t length = by_row ? a->width : (a->rows - 1) * a->pitch + a->width;
    const int64_t shift = FC_NAME(planes_shift)(a);
    const int64_t vectors = (length + shift + VL - 1) / VL;
    const int64_t parts = (vectors + PLANE_NV - 1) / PLANE_NV;
    /* Balanced: five vectors are 2 and 3. A division would keep a tile's first load waiting. */
    const int64_t few = vectors / parts, over = vectors % parts;
    for (int64_t line = 0; line < lines; line++) {
        int64_t y = line, x = 0, left = length, owed = 0;
        for (int64_t part = 0; part < parts; part++) {
            int64_t nv = few;
            owed += over;
            if (owed >= parts) {
                owed -= parts;
                nv++;
            }
            const int64_t most = nv * VL - (part ? 0 : shift);
            const int64_t n = left < most ? left : most;
            const bool ends = half_ends && part == parts - 1;
            (ends ? halves : tiles)[a->channels - 1][nv - 1](a, y, x, n);
            left -= n;
            x += n;
            if (x >= a->pitch && lines == 1) {
                y += x / a->pitch;
                x %= a->pitch;
            }
        }
    }
}
#undef FC_TILE
#undef FC_HALF_TILE
#undef FC_TILES
#undef FC_TILE_ROW
#undef FC_TILE_NAMES
