/* Small groups, channels innermost: one vector holds the channels of several
 * whole groups. Each input channel of a group is spread over its group's lanes
 * by a shuffle, so that no lane idles however small the groups are. */

/* Lanes of `x` rearranged: lane k takes lane k - k % SIZE + c. */
FC_INLINE vec FC_NAME(spread)(vec x, const int SIZE, const int c) {
    FC_NAME(index_vec) lanes;
    FC_UNROLL for (int k = 0; k < VL; k++) lanes[k] = k - k % SIZE + c;
#if defined(__clang__)
    vec out;
    FC_UNROLL for (int k = 0; k < VL; k++) out[k] = x[lanes[k]];
    return out;
#else
    return __builtin_shuffle(x, lanes);
#endif
}

FC_INLINE void FC_NAME(grouped_tile)(const int PIXELS, const int SIZE, const fc_grouped_args *a,
                                     const real *const *x, real *const *out) {
    const real *w = a->w;
    const vec bias = v_load((const real *)a->bias);
    vec acc[GROUPED_PIXELS];
    FC_UNROLL for (int m = 0; m < PIXELS; m++) acc[m] = bias;

    for (int64_t t = 0; t < a->taps; t++, w += SIZE * VL) {
        vec xv[GROUPED_PIXELS];
        FC_UNROLL for (int m = 0; m < PIXELS; m++) xv[m] = v_load(x[m] + a->tap[t]);
        FC_UNROLL for (int c = 0; c < SIZE; c++) {
            const vec wc = v_load(w + c * VL);
            FC_UNROLL for (int m = 0; m < PIXELS; m++)
                acc[m] += FC_NAME(spread)(xv[m], SIZE, c) * wc;
        }
    }

    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int m = 0; m < PIXELS; m++)
        v_store_first(out[m], v_min(hi, v_max(lo, acc[m])), a->channels);
}

/* Sizes beyond VL are never called; they only have to compile. */
#define FC_WITHIN(SIZE) ((SIZE) < VL ? (SIZE) : VL)
#define FC_SIZE(SIZE) \
    static __attribute__((noinline)) void FC_NAME(grouped_##SIZE)( \
        const fc_grouped_args *a, const real *const *x, real *const *out, bool full) { \
        if (full) \
            FC_NAME(grouped_tile)(GROUPED_PIXELS, FC_WITHIN(SIZE), a, x, out); \
        else \
            FC_NAME(grouped_tile)(1, FC_WITHIN(SIZE), a, x, out); \
    }
FC_SIZE(2)
FC_SIZE(4)
FC_SIZE(8)
FC_SIZE(16)
#undef FC_SIZE
#undef FC_WITHIN

static void FC_NAME(grouped)(const fc_grouped_args *a) {
    typedef void tile_fn(const fc_grouped_args *, const real *const *, real *const *, bool);
    tile_fn *const tile = a->group_size == 2   ? FC_NAME(grouped_2)
                          : a->group_size == 4 ? FC_NAME(grouped_4)
                          : a->group_size == 8 ? FC_NAME(grouped_8)
                                               : FC_NAME(grouped_16);
    int64_t y = a->begin / a->width, column = a->begin % a->width;
    for (int64_t at = a->begin; at < a->end;) {
        const int64_t n = a->end - at >= GROUPED_PIXELS ? GROUPED_PIXELS : 1;
        const real *x[GROUPED_PIXELS];
        real *out[GROUPED_PIXELS];
        for (int64_t m = 0; m < n; m++) {
            x[m] = (const real *)a->x + y * a->x_row + column * a->x_column;
            out[m] = (real *)a->out + y * a->out_row + column * a->out_column;
            if (++column == a->width) {
                column = 0;
                y++;
            }
        }
        tile(a, x, out, n > 1);
        at += n;
    }
}
