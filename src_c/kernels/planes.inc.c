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

/* The sums of a tile. APART: the weights of a tap are not neighbours, those of a channel are;
 * EVEN: the taps are a step apart, and need not be looked up;
 * `masked`: of the last vector no more than the wanted part of the tile's `n` pixels may be read;
 * `ahead`: fetches the next tile's input. KEEP: what is read is put to `keep`, too. */
FC_INLINE void FC_NAME(planes_terms)(const int M, const int NV, const bool HALF, const bool masked,
                                     const bool ahead, const bool APART, const bool EVEN,
                                     const bool KEEP, const fc_planes_args *a, const real *in,
                                     int64_t n, real *keep, vec acc[PLANE_M][PLANE_FEW_NV],
                                     half rest[PLANE_M]) {
    const real *w[PLANE_M];
    FC_UNROLL for (int m = 0; m < M; m++) {
        w[m] = (const real *)a->w + (APART ? m * a->w_channel : m);
        if (APART) FC_HOLD(w[m]);
    }
    const int64_t step = a->step;
    for (int64_t t = 0; t < a->taps; t++, in += EVEN ? step : 0) {
        const real *p = EVEN ? in : in + a->tap[t];
        vec xv[PLANE_FEW_NV];
        half xh;
        FC_UNROLL for (int v = 0; v < NV - 1; v++) xv[v] = v_load(p + v * VL);
        if (NV)
            xv[NV - 1] = masked ? v_load_first(p + (NV - 1) * VL, n - (NV - 1) * VL)
                                : v_load(p + (NV - 1) * VL);
        if (HALF) xh = h_load(p + NV * VL);
        if (ahead) __builtin_prefetch(p + 2 * NV * VL - 1);
        if (KEEP) {
            FC_UNROLL for (int v = 0; v < NV; v++) v_store(keep + (t * NV + v) * VL, xv[v]);
        }
        FC_UNROLL for (int m = 0; m < M; m++) {
            const vec wm = v_set1(w[m][APART ? t : t * M]);
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] += wm * xv[v];
            if (HALF) rest[m] += h_of(wm) * xh;
        }
    }
}

FC_INLINE void FC_NAME(planes_all_terms)(const int M, const int NV, const bool HALF,
                                         const bool masked, const bool ahead, const bool KEEP,
                                         const fc_planes_args *a, const real *in, int64_t n,
                                         real *keep, vec acc[PLANE_M][PLANE_FEW_NV],
                                         half rest[PLANE_M]) {
    /* Most tiles are of this width: not worth twice the code of all. */
    const bool even = NV == PLANE_NV && !HALF && !masked && a->step;
    if (a->w_channel != 1) {
        FC_NAME(planes_terms)
        (M, NV, HALF, masked, ahead, true, false, KEEP, a, in, n, keep, acc, rest);
    } else if (even) {
        FC_NAME(planes_terms)
        (M, NV, HALF, masked, ahead, false, true, KEEP, a, in, n, keep, acc, rest);
    } else {
        FC_NAME(planes_terms)
        (M, NV, HALF, masked, ahead, false, false, KEEP, a, in, n, keep, acc, rest);
    }
}

FC_INLINE void FC_NAME(planes_clip)(const int M, const int NV, const bool HALF,
                                    const fc_planes_args *a, vec acc[PLANE_M][PLANE_FEW_NV],
                                    half rest[PLANE_M]) {
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int m = 0; m < M; m++) {
        FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_min(hi, v_max(lo, acc[m][v]));
        if (HALF) rest[m] = h_min(h_of(hi), h_max(h_of(lo), rest[m]));
    }
}

/* `count` tiles of M channels by NV vectors and, with HALF, half a vector, `apart` in the input and
 * `out_apart` in the output, of which all pixels are wanted and lie in one row. */
FC_INLINE void FC_NAME(planes_run)(const int M, const int NV, const bool HALF, const bool ahead,
                                   const bool KEEP, const fc_planes_args *a, const real *in,
                                   real *out, real *keep, int64_t count, int64_t apart,
                                   int64_t out_apart) {
    const bool clips = fc_clips(a->lo, a->hi);
    const int64_t channel = a->out_channel;
    for (; count > 0; count--, in += apart, out += out_apart) {
        vec acc[PLANE_M][PLANE_FEW_NV];
        half rest[PLANE_M];
        real *to = out;
        if (a->bias) {
            FC_UNROLL for (int m = 0; m < M; m++) {
                const real bias = ((const real *)a->bias)[m];
                FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_set1(bias);
                if (HALF) rest[m] = h_set1(bias);
            }
        } else {
            FC_UNROLL for (int m = 0; m < M; m++, to += channel) {
                FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_load(to + v * VL);
                if (HALF) rest[m] = h_load(to + NV * VL);
            }
        }
        FC_NAME(planes_all_terms)(M, NV, HALF, false, ahead, KEEP, a, in, 0, keep, acc, rest);
        if (KEEP) keep += NV * VL * a->taps;
        if (clips) FC_NAME(planes_clip)(M, NV, HALF, a, acc, rest);
        to = out;
        FC_UNROLL for (int m = 0; m < M; m++, to += channel) {
            FC_UNROLL for (int v = 0; v < NV; v++) v_store(to + v * VL, acc[m][v]);
            if (HALF) h_store(to + NV * VL, rest[m]);
        }
    }
}

/* Where a tile begins, and how much is left of its line of `length` pixels. */
typedef struct {
    int64_t y, x, left, length;
} FC_NAME(planes_at);

/* M channels by NV vectors, of which `n` pixels are wanted: in one row, or in several with junk
 * between them. */
FC_INLINE void FC_NAME(planes_part)(const int M, const int NV, const bool masked,
                                    const fc_planes_args *a, FC_NAME(planes_at) at, int64_t n) {
    real *out = a->out, *place = out + at.y * a->out_row + at.x;
    /* The slack of VL lets the scatter load whole vectors. */
    real tile[PLANE_M][(PLANE_FEW_NV + 1) * VL] __attribute__((aligned(FC_VECTOR_BYTES)));
    vec acc[PLANE_M][PLANE_FEW_NV];
    half rest[PLANE_M];
    if (a->bias) {
        FC_UNROLL for (int m = 0; m < M; m++) {
            const real bias = ((const real *)a->bias)[m];
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_set1(bias);
        }
    } else {
        for (int m = 0; m < M; m++)
            FC_NAME(planes_gather)(a, tile[m], out + m * a->out_channel, at.y, at.x, n);
        FC_UNROLL for (int m = 0; m < M; m++) {
            FC_UNROLL for (int v = 0; v < NV; v++) acc[m][v] = v_load(tile[m] + v * VL);
        }
    }
    const real *in = (const real *)a->x + at.y * a->pitch + at.x;
    FC_NAME(planes_all_terms)(M, NV, false, masked, false, false, a, in, n, NULL, acc, rest);
    if (fc_clips(a->lo, a->hi)) FC_NAME(planes_clip)(M, NV, false, a, acc, rest);
    if (masked && at.x + n <= a->width) {
        FC_UNROLL for (int m = 0; m < M; m++) {
            real *to = place + m * a->out_channel;
            FC_UNROLL for (int v = 0; v < NV - 1; v++) v_store(to + v * VL, acc[m][v]);
            v_store_first(to + (NV - 1) * VL, acc[m][NV - 1], n - (NV - 1) * VL);
        }
        return;
    }
    FC_UNROLL for (int m = 0; m < M; m++) {
        FC_UNROLL for (int v = 0; v < NV; v++) v_store(tile[m] + v * VL, acc[m][v]);
    }
    for (int m = 0; m < M; m++)
        FC_NAME(planes_scatter)(a, tile[m], out + m * a->out_channel, at.y, at.x, n);
}

FC_INLINE FC_NAME(planes_at)
    FC_NAME(planes_next)(const fc_planes_args *a, FC_NAME(planes_at) at, int64_t n) {
    at.x += n;
    at.left -= n;
    if (!at.left) return (FC_NAME(planes_at)){at.y + 1, 0, at.length, at.length};
    if (at.x >= a->pitch) { /* only where rows share a line */
        at.y += at.x / a->pitch;
        at.x %= a->pitch;
    }
    return at;
}

/* How many of `count` tiles from here on are whole: in one row, or each a row of its own. */
FC_INLINE int64_t FC_NAME(planes_whole)(const fc_planes_args *a, FC_NAME(planes_at) at,
                                        const int TILE, int64_t count) {
    const int64_t row = a->width - at.x, left = row < at.left ? row : at.left;
    const int64_t tiles = a->width == TILE ? count : left / TILE;
    return tiles < count ? tiles : count;
}

/* `count` tiles, each of at most `pixels`. In place, each tap is a plane of its own: as many
 * streams as channels are too many for a prefetcher, unless each gives several lines at a time. */
FC_INLINE FC_NAME(planes_at)
    FC_NAME(planes_tiles)(const int M, const int NV, const fc_planes_args *a, FC_NAME(planes_at) at,
                          int64_t count, int64_t pixels) {
    const int TILE = NV * VL;
    const bool KEEPS = NV == PLANE_NV, FETCHES = NV * FC_VECTOR_BYTES <= 64;
    for (int64_t now; count > 0; count -= now) {
        const int64_t n = at.left < pixels ? at.left : pixels;
        now = n == TILE ? FC_NAME(planes_whole)(a, at, TILE, count) : 0;
        if (!now) {
            if (a->exact && n < TILE)
                FC_NAME(planes_part)(M, NV, true, a, at, n);
            else
                FC_NAME(planes_part)(M, NV, false, a, at, n);
            at = FC_NAME(planes_next)(a, at, n);
            now = 1;
            continue;
        }
        const real *in = (const real *)a->x + at.y * a->pitch + at.x;
        real *out = (real *)a->out + at.y * a->out_row + at.x;
        const bool rows = a->width == TILE;
        const int64_t next = rows ? a->pitch : TILE, out_next = rows ? a->out_row : TILE;
        if (KEEPS && a->keep) {
            real *keep = (real *)a->keep + at.x * a->taps;
            FC_NAME(planes_run)
            (M, NV, false, FETCHES, KEEPS, a, in, out, keep, now, next, out_next);
        } else if (FETCHES && a->exact) {
            FC_NAME(planes_run)(M, NV, false, true, false, a, in, out, NULL, now, next, out_next);
        } else {
            FC_NAME(planes_run)(M, NV, false, false, false, a, in, out, NULL, now, next, out_next);
        }
        if (rows)
            at.y += now;
        else
            at = FC_NAME(planes_next)(a, at, now * TILE);
    }
    return at;
}

/* In a function of its own, as in pixels. */
typedef FC_NAME(planes_at)
    FC_NAME(planes_fn)(const fc_planes_args *, FC_NAME(planes_at), int64_t count, int64_t pixels);
#define FC_TILE(M, NV) \
    static FC_TUNED FC_NAME(planes_at) FC_NAME(planes_##M##x##NV)( \
        const fc_planes_args *a, FC_NAME(planes_at) at, int64_t count, int64_t pixels) { \
        return FC_NAME(planes_tiles)(M, NV, a, at, count, pixels); \
    }
#if FC_HALVES == 2
/* Where half a vector is half the work: the last tile of a row, to its end. */
#define FC_HALF_TILE(M, NV) \
    static FC_TUNED FC_NAME(planes_at) FC_NAME(planes_half_##M##x##NV)( \
        const fc_planes_args *a, FC_NAME(planes_at) at, int64_t count, int64_t pixels) { \
        const real *in = (const real *)a->x + at.y * a->pitch + at.x; \
        real *out = (real *)a->out + at.y * a->out_row + at.x; \
        (void)count, (void)pixels; \
        FC_NAME(planes_run)(M, (NV)-1, true, false, false, a, in, out, NULL, 1, 0, 0); \
        return FC_NAME(planes_next)(a, at, at.left); \
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
#define FC_FEW_TILE_ROW(M) FC_TILE_ROW(M)
#define FC_TILE_NAMES(M, NAME) \
    { FC_NAME(NAME##M##x1), FC_NAME(NAME##M##x2), FC_NAME(NAME##M##x3), FC_NAME(NAME##M##x4) }
#define FC_FEW_TILE_NAMES(M, NAME) FC_TILE_NAMES(M, NAME)
#else
#define FC_TILE_ROW(M) FC_TILE(M, 1) FC_TILE(M, 2)
#define FC_TILE_NAMES(M, NAME) \
    { FC_NAME(NAME##M##x1), FC_NAME(NAME##M##x2) }
#if PLANE_FEW_NV == 3
#define FC_FEW_TILE_ROW(M) FC_TILE_ROW(M) FC_TILE(M, 3)
#define FC_FEW_TILE_NAMES(M, NAME) \
    { FC_NAME(NAME##M##x1), FC_NAME(NAME##M##x2), FC_NAME(NAME##M##x3) }
#else
#define FC_FEW_TILE_ROW(M) FC_TILE_ROW(M)
#define FC_FEW_TILE_NAMES(M, NAME) FC_TILE_NAMES(M, NAME)
#endif
#endif
#define FC_TILES(NAME) \
    { \
        FC_FEW_TILE_NAMES(1, NAME), FC_FEW_TILE_NAMES(2, NAME), FC_FEW_TILE_NAMES(3, NAME), \
            FC_FEW_TILE_NAMES(4, NAME), FC_TILE_NAMES(5, NAME), FC_TILE_NAMES(6, NAME) \
    }
FC_FEW_TILE_ROW(1)
FC_FEW_TILE_ROW(2)
FC_FEW_TILE_ROW(3)
FC_FEW_TILE_ROW(4)
FC_TILE_ROW(5)
FC_TILE_ROW(6)
enum { FC_NAME(PLANES_FEW) = 4 };

/* Elements by which every tap misses a vector's alignment, if all miss it alike. A load across two
 * lines takes twice as long: of many tiles the first ends earlier by as much. */
static int64_t FC_NAME(planes_shift)(const fc_planes_args *a) {
    enum { MANY = 8 * PLANE_NV * VL };
    const uintptr_t beyond = (uintptr_t)a->x % FC_VECTOR_BYTES;
    if (!a->exact || a->keep || a->width < MANY || a->taps < 2 || a->tap[1] % VL ||
        beyond % sizeof(real))
        return 0;
    return (int64_t)(beyond / sizeof(real));
}

static void FC_NAME(planes)(const fc_planes_args *a) {
    static FC_NAME(planes_fn) *const tiles[PLANE_M][PLANE_FEW_NV] = FC_TILES(planes_);
#if FC_HALVES == 2
    static FC_NAME(planes_fn) *const halves[PLANE_M][PLANE_FEW_NV] = FC_TILES(planes_half_);
    const bool half_ends = a->width % VL == VL / 2 && a->pitch > a->width;
#else
    FC_NAME(planes_fn) *const(*halves)[PLANE_FEW_NV] = tiles;
    const bool half_ends = false;
#endif
    /* Few channels need more vectors for as many sums under way. (What is kept is tiles of all.) */
    const bool wide = a->channels <= FC_NAME(PLANES_FEW) && !a->keep;
    const int64_t most = wide ? PLANE_FEW_NV : PLANE_NV, tile = most * VL;
    /* Where rows are whole tiles anyway, go row by row and skip the junk. */
    const bool by_row = half_ends || a->width % VL == 0 || a->pitch - a->width >= VL ||
                        a->width >= 4 * tile;
    const int64_t lines = by_row ? a->rows : 1;
    const int64_t length = by_row ? a->width : (a->rows - 1) * a->pitch + a->width;
    const int64_t shift = FC_NAME(planes_shift)(a);
    const int64_t vectors = (length + shift + VL - 1) / VL;
    const int64_t parts = (vectors + most - 1) / most;
    /* Balanced: five vectors are 3 and 2. */
    const int64_t few = vectors / parts, over = vectors % parts;
    FC_NAME(planes_at) at = {.left = length, .length = length};
    FC_NAME(planes_fn) *const *const tile_of = tiles[a->channels - 1];
    if (!over && !shift && !half_ends) {
        tile_of[few - 1](a, at, parts * lines, few * VL);
        return;
    }
    for (int64_t line = 0; line < lines; line++) {
        int64_t larger = over, others = parts - over - half_ends;
        if (shift) {
            const int64_t nv = larger ? few + 1 : few;
            at = tile_of[nv - 1](a, at, 1, nv * VL - shift);
            larger ? larger-- : others--;
        }
        if (larger) at = tile_of[few](a, at, larger, (few + 1) * VL);
        at = tile_of[few - 1](a, at, others, few * VL);
        if (half_ends) at = halves[a->channels - 1][few - 1](a, at, 1, few * VL);
    }
}
#undef FC_TILE
#undef FC_HALF_TILE
#undef FC_TILES
#undef FC_TILE_ROW
#undef FC_TILE_NAMES
#undef FC_FEW_TILE_ROW
#undef FC_FEW_TILE_NAMES
