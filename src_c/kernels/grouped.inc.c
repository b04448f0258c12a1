/* Small groups, channels innermost: one vector holds the output channels of several
 * whole groups. Each input channel of a group is spread over its group's lanes by a
 * shuffle, so that few lanes idle however small the groups are. Kernels with three taps
 * along a row have tiles of their own. */

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

/* The inputs of VL output channels from p on: VL elements, or the first n. */
FC_INLINE vec FC_NAME(grouped_load)(const real *p, int64_t n) {
    return n >= VL ? v_load(p) : v_load_first(p, n);
}

/* SIZE channels in and out of each group, or 0: as a->lanes says. */
FC_INLINE void FC_NAME(grouped_tile)(const int PIXELS, const int SIZE, const fc_grouped_args *a,
                                     const real *const *x, real *const *out) {
    const int64_t inputs = SIZE ? SIZE : a->inputs;
    const real *w = a->w;
    const vec bias = v_load((const real *)a->bias);
    vec acc[GROUPED_PIXELS];
    FC_UNROLL for (int m = 0; m < PIXELS; m++) acc[m] = bias;

    for (int64_t t = 0; t < a->taps; t++) {
        if (SIZE == VL) {
            /* One group: its inputs are broadcast by the load ports. */
            FC_UNROLL for (int c = 0; c < SIZE; c++, w += VL) {
                const vec wc = v_load(w);
                FC_UNROLL for (int m = 0; m < PIXELS; m++)
                    acc[m] += v_set1(x[m][a->tap[t] + c]) * wc;
            }
            continue;
        }
        vec xv[GROUPED_PIXELS];
        FC_UNROLL for (int m = 0; m < PIXELS; m++)
            xv[m] = FC_NAME(grouped_load)(x[m] + a->tap[t], a->readable);
        if (SIZE) {
            FC_UNROLL for (int c = 0; c < SIZE; c++, w += VL) {
                const vec wc = v_load(w);
                FC_UNROLL for (int m = 0; m < PIXELS; m++)
                    acc[m] += FC_NAME(spread)(xv[m], SIZE, c) * wc;
            }
        } else {
            const v_lane *lanes = a->lanes;
            for (int64_t c = 0; c < inputs; c++, w += VL, lanes += VL) {
                const vec wc = v_load(w);
                v_index from;
                memcpy(&from, lanes, sizeof from);
                FC_UNROLL for (int m = 0; m < PIXELS; m++) acc[m] += v_permute(xv[m], from) * wc;
            }
        }
    }

    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int m = 0; m < PIXELS; m++) {
        const vec result = v_min(hi, v_max(lo, acc[m]));
        if (a->channels == VL)
            v_store(out[m], result);
        else
            v_store_first(out[m], result, a->channels);
    }
}

#include "grouped_rows.inc.c"

#define FC_SIZE(SIZE) \
    static __attribute__((noinline)) void FC_NAME(grouped_##SIZE)( \
        const fc_grouped_args *a, const real *const *x, real *const *out, bool full) { \
        if (full) \
            FC_NAME(grouped_tile)(GROUPED_PIXELS, (SIZE) < VL ? (SIZE) : VL, a, x, out); \
        else \
            FC_NAME(grouped_tile)(1, (SIZE) < VL ? (SIZE) : VL, a, x, out); \
    }
/* Sizes beyond VL are never called; they only have to compile. */
FC_SIZE(0)
FC_SIZE(2)
FC_SIZE(4)
FC_SIZE(8)
FC_SIZE(16)
#undef FC_SIZE

static void FC_NAME(grouped)(const fc_grouped_args *a) {
    if (a->row_stride) {
        FC_NAME(grouped_rows)(a);
        return;
    }
    typedef void tile_fn(const fc_grouped_args *, const real *const *, real *const *, bool);
    tile_fn *const tile = a->lanes         ? FC_NAME(grouped_0)
                          : a->inputs == 2 ? FC_NAME(grouped_2)
                          : a->inputs == 4 ? FC_NAME(grouped_4)
                          : a->inputs == 8 ? FC_NAME(grouped_8)
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
        /* All panels of a pixel in turn: its channels lie together. */
        fc_grouped_args one = *a;
        for (int64_t p = 0; p < a->panels; p++) {
            one.channels = p + 1 < a->panels ? a->out_panel : a->channels - p * a->out_panel;
            tile(&one, x, out, n > 1);
            one.w = (const real *)one.w + a->taps * a->inputs * VL;
            one.bias = (const real *)one.bias + VL;
            one.readable -= a->x_panel;
            for (int64_t m = 0; m < n; m++) {
                x[m] += a->x_panel;
                out[m] += a->out_panel;
            }
        }
        at += n;
    }
}
