/* A part of depthwise, for vectors shorter than 64 bytes, whose masks would take as long as all
 * else: 3 x 3, whole tiles only. At the ends of rows a zero slides in where a column is missing,
 * and the last tile moves back to a whole one. */
enum { FC_NAME(LEFT) = 1, FC_NAME(RIGHT) = 2 }; /* what a tile lacks: its first, last column */

/* What lies one column before v's. */
FC_INLINE vec FC_NAME(after_zero)(vec v) {
    if (VL <= 4) return v_slide((vec){0}, v, VL - 1);
    v_index before = v_lanes(1) - 1;
    before[0] = 0;
    vec moved = v_permute(v, before);
    moved[0] = 0;
    return moved;
}

/* Long rows are more streams than the processor fetches ahead: those of the next rows below. */
FC_INLINE void FC_NAME(fetch_below)(const int S, const int ROWS, const real *x, int64_t row) {
    enum { LONG_ROW = 192 / sizeof(real) };
    if (row <= LONG_ROW) return;
    x += ((ROWS - 1) * S + 3) * row;
    FC_UNROLL for (int i = 0; i < ROWS * S; i++, x += row) __builtin_prefetch(x);
}

/* XV vectors side by side, one column of the filter after the other. */
FC_INLINE void FC_NAME(stride1_tile)(const int ROWS, const int XV, const int LACKS,
                                     const bool MASKED, const fc_depthwise_args *a, const real *w,
                                     real bias, FC_NAME(depthwise_place) at,
                                     vec acc[DEPTHWISE_ROWS][2]) {
    FC_UNROLL for (int r = 0; r < ROWS; r++) acc[r][0] = acc[r][1] = v_set1(bias);
    FC_UNROLL for (int s = 0; s < 3; s++) {
        const real *row = at.x + s;
        vec ws[3];
        FC_UNROLL for (int r = 0; r < 3; r++) ws[r] = v_set1(w[r * 3 + s]);
        FC_UNROLL for (int i = 0; i < ROWS + 2; i++) {
            const real *p = FC_NAME(depthwise_row)(MASKED, at, row, i);
            FC_UNROLL for (int v = 0; v < XV; v++) {
                const bool first = s == 0 && v == 0 && LACKS & FC_NAME(LEFT);
                const bool last = s == 2 && v == XV - 1 && LACKS & FC_NAME(RIGHT);
                vec x = v_load(p + v * VL + first - last);
                if (first) x = FC_NAME(after_zero)(x);
                if (last) x = v_slide(x, (vec){0}, 1);
                FC_PIN(x);
                FC_UNROLL for (int r = 0; r < 3; r++) {
                    if (i >= r && i - r < ROWS) acc[i - r][v] += ws[r] * x;
                }
            }
            row += a->x_row;
            FC_HOLD(row);
        }
    }
}

/* The three taps of VL results at a stride of 2, the first at p: as v_evens_mixed leaves them, or
 * in order where a column lacks. Of the first two taps or the last two one load has both. */
FC_INLINE void FC_NAME(halved_taps)(const int LACKS, const real *p, vec x[3]) {
    if (LACKS == FC_NAME(LEFT)) {
        const vec near = v_load(p + 1), far = v_load(p + 1 + VL);
        x[1] = v_evens(near, far);
        x[2] = v_odds(near, far);
        x[0] = FC_NAME(after_zero)(x[2]);
    } else if (LACKS == FC_NAME(RIGHT)) {
        const vec near = v_load(p), far = v_load(p + VL);
        x[0] = v_evens(near, far);
        x[1] = v_odds(near, far);
        x[2] = v_slide(x[0], (vec){0}, 1);
    } else {
        vec near = v_load(p + 1), far = v_load(p + 1 + VL);
        FC_PIN(near); /* or each would be loaded twice */
        FC_PIN(far);
        x[0] = v_evens_mixed(v_load(p), v_load(p + VL));
        x[1] = v_evens_mixed(near, far);
        x[2] = v_odds_mixed(near, far);
    }
}

/* One vector, row after row of the filter. */
FC_INLINE void FC_NAME(stride2_tile)(const int ROWS, const int LACKS, const bool MASKED,
                                     const fc_depthwise_args *a, const real *w, real bias,
                                     FC_NAME(depthwise_place) at, vec acc[DEPTHWISE_ROWS][2]) {
    const real *row = at.x;
    vec ws[3][3];
    FC_UNROLL for (int r = 0; r < 3; r++) {
        FC_UNROLL for (int s = 0; s < 3; s++) {
            ws[r][s] = v_set1(w[r * 3 + s]);
            FC_PIN(ws[r][s]);
        }
    }
    FC_UNROLL for (int i = 0; i <= 2 * ROWS; i++) {
        vec x[3];
        FC_NAME(halved_taps)(LACKS, FC_NAME(depthwise_row)(MASKED, at, row, i), x);
        FC_UNROLL for (int r = 0; r < 3; r++) {
            const int y = (i - r) / 2;
            if ((i - r) % 2 || i < r || y >= ROWS) continue;
            /* A chain for each row of the filter: of nine sums too few would be under way. */
            vec sum = r ? ws[r][0] * x[0] : v_set1(bias) + ws[r][0] * x[0];
            FC_UNROLL for (int s = 1; s < 3; s++) sum += ws[r][s] * x[s];
            if (r) sum = acc[y][0] + sum;
            acc[y][0] = sum;
        }
        row += a->x_row;
        FC_HOLD(row);
    }
    FC_UNROLL for (int r = 0; r < ROWS; r++) acc[r][0] = LACKS ? acc[r][0] : v_in_order(acc[r][0]);
}

/* ROWS results below each other of one or two vectors. MASKED: some input rows are not there. */
FC_INLINE void FC_NAME(unmasked_tile)(const int S, const int ROWS, const int XV, const int LACKS,
                                      const bool MASKED, const fc_depthwise_args *a, const real *w,
                                      real bias, FC_NAME(depthwise_place) at, real *out) {
    /* What tiles have in common is not to be kept in registers from one to the next. */
    FC_HOLD(a);
    FC_HOLD(w);
    vec acc[DEPTHWISE_ROWS][2];
    FC_NAME(fetch_below)(S, ROWS, at.x, a->x_row);
    if (S == 1)
        FC_NAME(stride1_tile)(ROWS, XV, LACKS, MASKED, a, w, bias, at, acc);
    else
        FC_NAME(stride2_tile)(ROWS, LACKS, MASKED, a, w, bias, at, acc);
    const bool clips = fc_clips(a->lo, a->hi);
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV; v++) {
            if (clips) acc[r][v] = v_min(hi, v_max(lo, acc[r][v]));
            v_store(out + v * VL, acc[r][v]);
        }
        out += a->out_row;
        FC_HOLD(out);
    }
}

/* All columns of ROWS output rows by tiles of two vectors and, where one is enough at the end, one;
 * by tiles of one at a stride of 2, whose taps are not apart: such a tile lacks one end at most. */
FC_INLINE void FC_NAME(unmasked_tiles)(const int S, const int ROWS, const bool MASKED,
                                       const fc_depthwise_args *a, const real *w, real bias,
                                       FC_NAME(depthwise_place) at, real *out) {
    enum { NONE, LEFT = FC_NAME(LEFT), RIGHT = FC_NAME(RIGHT) };
    const int XV = 3 - S, BOTH = S == 1 ? LEFT | RIGHT : NONE;
    const int64_t columns = XV * VL, last = a->out_width - columns;
    const bool left = a->pad_x > 0, right = (a->out_width - 1) * S + 3 - a->pad_x > a->width;
    const real *first = at.x;
    for (int64_t x = 0; x < a->out_width; x += columns) {
        const bool one = S == 1 && x && a->out_width - x <= VL;
        const int64_t from = one ? a->out_width - VL : x < last ? x : last;
        const bool lacks_left = left && !from, lacks_right = right && x >= last;
        at.x = first + S * from;
        if (one && lacks_right)
            FC_NAME(unmasked_tile)(S, ROWS, 1, RIGHT, MASKED, a, w, bias, at, out + from);
        else if (one)
            FC_NAME(unmasked_tile)(S, ROWS, 1, NONE, MASKED, a, w, bias, at, out + from);
        else if (lacks_left && lacks_right)
            FC_NAME(unmasked_tile)(S, ROWS, XV, BOTH, MASKED, a, w, bias, at, out + from);
        else if (lacks_left)
            FC_NAME(unmasked_tile)(S, ROWS, XV, LEFT, MASKED, a, w, bias, at, out + from);
        else if (lacks_right)
            FC_NAME(unmasked_tile)(S, ROWS, XV, RIGHT, MASKED, a, w, bias, at, out + from);
        else
            FC_NAME(unmasked_tile)(S, ROWS, XV, NONE, MASKED, a, w, bias, at, out + from);
    }
}

FC_INLINE void FC_NAME(depthwise_across)(const int K, const int S, const int ROWS,
                                         const bool inside, const fc_depthwise_args *a,
                                         const real *w, real bias, FC_NAME(depthwise_place) at,
                                         real *out) {
    (void)K;
    if (inside)
        FC_NAME(unmasked_tiles)(S, ROWS, false, a, w, bias, at, out);
    else
        FC_NAME(unmasked_tiles)(S, ROWS, true, a, w, bias, at, out);
}
