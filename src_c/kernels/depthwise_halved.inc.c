/* A part of depthwise: 3 x 3 with a stride of 2, vectors shorter than 64 bytes. Each input row is
 * parted in even and odd columns, of which the first two taps are one load's, the third another's:
 * three shuffles for up to six multiply-adds. At the ends of a row what is missing is a zero that
 * slides in, where masks would take as long as all else; the last tile moves back to a whole one.
 */
enum { FC_NAME(HALVED_LEFT) = 1, FC_NAME(HALVED_RIGHT) = 2 };

/* The three taps of VL results, the first at p: in order at an EDGE, elsewhere as v_evens_mixed
 * leaves them. Nothing beside the image is read. */
FC_INLINE void FC_NAME(halved_taps)(const int EDGE, const real *p, vec x[3]) {
    if (EDGE == FC_NAME(HALVED_LEFT)) { /* p[0] is missing */
        const vec near = v_load(p + 1), far = v_load(p + 1 + VL);
        x[1] = v_evens(near, far);
        x[2] = v_odds(near, far);
        v_index before = v_lanes(1) - 1;
        before[0] = 0;
        x[0] = v_permute(x[2], before);
        x[0][0] = 0;
    } else if (EDGE == FC_NAME(HALVED_RIGHT)) { /* p[2 * VL] is missing */
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

/* ROWS results below each other of VL columns. MASKED: some input rows are not in the image. */
FC_INLINE void FC_NAME(halved_tile)(const int ROWS, const int EDGE, const bool MASKED,
                                    const fc_depthwise_args *a, const real *w, real bias,
                                    FC_NAME(depthwise_place) at, real *out) {
    FC_HOLD(a);
    FC_HOLD(w);
    /* Long rows are more streams than the processor fetches ahead: those of the next rows below. */
    if (a->x_row >= 4 * VL) {
        const real *below = at.x + (2 * ROWS + 1) * a->x_row;
        FC_UNROLL for (int i = 0; i < 2 * ROWS; i++, below += a->x_row) __builtin_prefetch(below);
    }
    vec ws[3][3], acc[DEPTHWISE_ROWS];
    FC_UNROLL for (int r = 0; r < 3; r++) {
        FC_UNROLL for (int s = 0; s < 3; s++) {
            ws[r][s] = v_set1(w[r * 3 + s]);
            FC_PIN(ws[r][s]);
        }
    }
    const real *row = at.x;
    FC_UNROLL for (int i = 0; i <= 2 * ROWS; i++) {
        vec x[3];
        FC_NAME(halved_taps)(EDGE, FC_NAME(depthwise_row)(MASKED, at, row, i), x);
        FC_UNROLL for (int r = 0; r < 3; r++) {
            const int y = (i - r) / 2;
            if ((i - r) % 2 || i < r || y >= ROWS) continue;
            /* A chain of its own for each row of the filter: of nine sums too few would be under
             * way. */
            vec sum = r ? ws[r][0] * x[0] : v_set1(bias) + ws[r][0] * x[0];
            FC_UNROLL for (int s = 1; s < 3; s++) sum += ws[r][s] * x[s];
            if (r) sum = acc[y] + sum;
            acc[y] = sum;
        }
        row += a->x_row;
        FC_HOLD(row);
    }
    if (fc_clips(a->lo, a->hi)) {
        const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
        FC_UNROLL for (int r = 0; r < ROWS; r++) acc[r] = v_min(hi, v_max(lo, acc[r]));
    }
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        v_store(out, EDGE ? acc[r] : v_in_order(acc[r]));
        out += a->out_row;
        FC_HOLD(out);
    }
}

FC_INLINE void FC_NAME(halved_tiles)(const int ROWS, const bool MASKED, const fc_depthwise_args *a,
                                     const real *w, real bias, FC_NAME(depthwise_place) at,
                                     real *out) {
    const int64_t last = a->out_width - VL;
    const bool left = a->pad_x > 0, right = 2 * (a->out_width - 1) + 3 - a->pad_x > a->width;
    int64_t x = 0;
    if (left) {
        FC_NAME(halved_tile)(ROWS, FC_NAME(HALVED_LEFT), MASKED, a, w, bias, at, out);
        x = VL;
    }
    for (; x < a->out_width; x += VL) {
        const int64_t from = x < last ? x : last;
        FC_NAME(depthwise_place) here = at;
        here.x += 2 * from;
        if (right && from == last)
            FC_NAME(halved_tile)(ROWS, FC_NAME(HALVED_RIGHT), MASKED, a, w, bias, here, out + from);
        else
            FC_NAME(halved_tile)(ROWS, 0, MASKED, a, w, bias, here, out + from);
    }
}
