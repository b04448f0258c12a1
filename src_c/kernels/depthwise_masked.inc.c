/* A part of depthwise, for vectors of 64 bytes, whose masks cost nothing: square filters of 2 to 5
 * and 7. Filters of 3 x 3 go row by row, larger ones, whose weights would not stay in registers,
 * column by column. A stride of 2 parts even from odd columns. */

/* VL elements from p; where MASKED, only those within columns [0, width) of the
 * image, `column` being the first. */
FC_INLINE vec FC_NAME(depthwise_load)(const bool MASKED, const real *p, int64_t column,
                                      int64_t width) {
    if (!MASKED) return v_load(p);
    const int64_t lo = column < 0 ? -column : 0, hi = width - column;
    return v_load_range(p, lo < VL ? lo : VL, hi < 0 ? 0 : hi < VL ? hi : VL);
}

/* A 3 x 3 filter: each element is loaded once, later taps come by sliding. */
FC_INLINE void FC_NAME(depthwise_rows)(const int S, const int ROWS, const int XV, const bool HALF,
                                       const bool MASKED, const fc_depthwise_args *a, const real *w,
                                       FC_NAME(depthwise_place) at, vec acc[DEPTHWISE_ROWS][2],
                                       half last[DEPTHWISE_ROWS]) {
    enum { K = 3 };
    /* Of what the last vector slides in: padding wider than the tile lies before it, too. */
    const int64_t next = at.column + XV * VL * S, past = a->width - next;
    const int64_t head = !MASKED || next >= 0 ? 0 : -next < K - S ? -next : K - S;
    const int64_t tail = !MASKED || past > K - S ? K - S : past < 0 ? 0 : past;
    const real *row = at.x;
    vec ws[K][K];
    FC_UNROLL for (int r = 0; r < K; r++) {
        FC_UNROLL for (int s = 0; s < K; s++) {
            ws[r][s] = v_set1(w[r * K + s]);
            FC_PIN(ws[r][s]);
        }
    }
    FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++) {
        const real *p = FC_NAME(depthwise_row)(MASKED, at, row, i);
        vec part[2][3], x[K][2]; /* [phase][vector], [tap][vector] */
        FC_UNROLL for (int v = 0; v < XV; v++) {
            const int64_t to = v * VL * S;
            part[0][v] = FC_NAME(depthwise_load)(MASKED, p + to, at.column + to, a->width);
            if (S == 2) {
                const vec near = part[0][v];
                vec far =
                    FC_NAME(depthwise_load)(MASKED, p + to + VL, at.column + to + VL, a->width);
                FC_PIN(far);
                part[0][v] = v_evens(near, far);
                part[1][v] = v_odds(near, far);
            }
        }
        /* Half a vector slides in its own other half. */
        part[0][XV] = HALF     ? part[0][XV - 1]
                      : MASKED ? v_load_range(p + XV * VL * S, head, tail)
                               : v_load_first(p + XV * VL * S, K - S);
        FC_UNROLL for (int v = 0; v < XV; v++) {
            x[0][v] = part[0][v];
            x[1][v] = S == 2 ? part[1][v] : v_slide(part[0][v], part[0][v + 1], 1);
            x[2][v] = v_slide(part[0][v], part[0][v + 1], K - S);
        }
        FC_UNROLL for (int s = 0; s < K; s++) {
            FC_UNROLL for (int r = 0; r < K; r++) {
                if ((i - r) % S == 0 && i >= r && (i - r) / S < ROWS) {
                    FC_UNROLL for (int v = 0; v < XV - HALF; v++)
                        acc[(i - r) / S][v] += ws[r][s] * x[s][v];
                    if (HALF) last[(i - r) / S] += h_of(ws[r][s]) * h_of(x[s][XV - 1]);
                }
            }
        }
        row += a->x_row;
        FC_HOLD(row);
    }
}

/* Adds columns s .. s + TAPS - 1 of a K x K filter. A stride of 2 leaves the vectors
 * in the order of v_evens_mixed. */
FC_INLINE void FC_NAME(depthwise_columns)(const int K, const int S, const int ROWS, const int XV,
                                          const bool HALF, const int TAPS, const bool MASKED,
                                          const fc_depthwise_args *a, const real *w,
                                          FC_NAME(depthwise_place) at, int s,
                                          vec acc[DEPTHWISE_ROWS][2], half last[DEPTHWISE_ROWS]) {
    const real *row = at.x;
    vec ws[2][7];
    FC_UNROLL for (int r = 0; r < K; r++) {
        FC_UNROLL for (int t = 0; t < TAPS; t++) ws[t][r] = v_set1(w[r * K + s + t]);
    }
    FC_UNROLL for (int i = 0; i < (ROWS - 1) * S + K; i++) {
        const real *p = FC_NAME(depthwise_row)(MASKED, at, row, i);
        vec x[2][2]; /* [tap][vector] */
        FC_UNROLL for (int v = 0; v < XV; v++) {
            const int64_t to = s + v * VL * S;
            x[0][v] = FC_NAME(depthwise_load)(MASKED, p + to, at.column + to, a->width);
            if (S == 2) {
                const vec near = x[0][v];
                vec far =
                    FC_NAME(depthwise_load)(MASKED, p + to + VL, at.column + to + VL, a->width);
                FC_PIN(far);
                x[0][v] = v_evens_mixed(near, far);
                if (TAPS == 2) x[1][v] = v_odds_mixed(near, far);
            }
            FC_PIN(x[0][v]);
        }
        FC_UNROLL for (int t = 0; t < TAPS; t++) {
            FC_UNROLL for (int r = 0; r < K; r++) {
                if ((i - r) % S == 0 && i >= r && (i - r) / S < ROWS) {
                    FC_UNROLL for (int v = 0; v < XV - HALF; v++)
                        acc[(i - r) / S][v] += ws[t][r] * x[t][v];
                    if (HALF) last[(i - r) / S] += h_of(ws[t][r]) * h_of(x[t][XV - 1]);
                }
            }
        }
        row += a->x_row;
        FC_HOLD(row);
    }
}

/* One order of summation for all tiles of a filter. */
#define FC_BY_ROWS(K, S) ((K) == 3)
/* Tiles that end in half a vector, where that is half the work. Beside them the whole tiles of
 * 3 x 3 and stride 1 were a tenth slower, for a reason that was not found; and v_evens_mixed
 * leaves no half that belongs together. */
#define FC_HALF_TILES(K, S) (FC_HALVES == 2 && ((K) == 3 ? (S) == 2 : (S) == 1))

/* K x K filter, stride S, ROWS output rows, XV vectors of which `n` columns exist. */
FC_INLINE void FC_NAME(depthwise_tile)(const int K, const int S, const int ROWS, const int XV,
                                       const bool HALF, const bool MASKED,
                                       const fc_depthwise_args *a, const real *w, real bias,
                                       FC_NAME(depthwise_place) at, real *out, int64_t n) {
    /* What tiles have in common is not to be kept in registers from one to the next. */
    FC_HOLD(a);
    FC_HOLD(w);
    vec acc[DEPTHWISE_ROWS][2];
    half last[DEPTHWISE_ROWS];
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV - HALF; v++) acc[r][v] = v_set1(bias);
        if (HALF) last[r] = h_set1(bias);
    }
    if (FC_BY_ROWS(K, S)) {
        FC_NAME(depthwise_rows)(S, ROWS, XV, HALF, MASKED, a, w, at, acc, last);
    } else {
        int s = 0;
        if (S == 2)
            for (; s + 2 <= K; s += 2)
                FC_NAME(depthwise_columns)(K, S, ROWS, XV, HALF, 2, MASKED, a, w, at, s, acc, last);
        for (; s < K; s++)
            FC_NAME(depthwise_columns)(K, S, ROWS, XV, HALF, 1, MASKED, a, w, at, s, acc, last);
    }
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    const int64_t out_row = a->out_row;
    FC_UNROLL for (int r = 0; r < ROWS; r++) {
        FC_UNROLL for (int v = 0; v < XV - HALF; v++) {
            vec sum = acc[r][v];
            if (S == 2 && !FC_BY_ROWS(K, S)) sum = v_in_order(sum);
            const vec result = v_min(hi, v_max(lo, sum));
            if (!MASKED || n >= (v + 1) * VL)
                v_store(out + v * VL, result);
            else
                v_store_first(out + v * VL, result, n - v * VL);
        }
        if (HALF)
            h_store_first(out + (XV - 1) * VL, h_min(h_of(hi), h_max(h_of(lo), last[r])),
                          n - (XV - 1) * VL);
        out += out_row;
        FC_HOLD(out);
    }
}

/* All columns of ROWS output rows. Tiles at a border take masked loads. */
FC_INLINE void FC_NAME(depthwise_across)(const int K, const int S, const int ROWS,
                                         const bool inside, const fc_depthwise_args *a,
                                         const real *w, real bias, FC_NAME(depthwise_place) at,
                                         real *out) {
    const bool HALVES = FC_HALF_TILES(K, S);
    for (int64_t left = a->out_width; left > 0;) {
        int64_t columns = 2 * VL;
        /* The last element that two whole vectors may load lies inside, too. */
        const bool free = inside && at.column >= 0 && at.column + K - 1 + 2 * VL * S <= a->width &&
                          left >= 2 * VL;
        if (free)
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, false, false, a, w, bias, at, out, left);
        else if (HALVES && left <= VL / 2)
            FC_NAME(depthwise_tile)(K, S, ROWS, 1, HALVES, true, a, w, bias, at, out, left);
        else if (left <= VL)
            FC_NAME(depthwise_tile)(K, S, ROWS, 1, false, true, a, w, bias, at, out, left);
        else if (HALVES && left <= VL + VL / 2)
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, HALVES, true, a, w, bias, at, out, left);
        else
            FC_NAME(depthwise_tile)(K, S, ROWS, 2, false, true, a, w, bias, at, out, left);
        left -= columns;
        out += columns;
        at.x += columns * S;
        at.column += columns * S;
    }
}
#undef FC_BY_ROWS
#undef FC_HALF_TILES
