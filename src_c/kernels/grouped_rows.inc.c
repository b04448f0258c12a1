/* Three taps along a row of the kernel: each input is spread over its group's lanes once and
 * multiplied for every output of the tile that it belongs to, where `grouped_tile` spreads it for
 * each. Of three taps only the first one's offset is read. Sums go kernel row by row, input by
 * input, tap by tap, whatever the tile. */

enum {
    FC_NAME(ROW_TAPS) = 3,
    FC_NAME(ROW_FEW) = 7, /* of 14, 28 or 56 pixels none is left over */
    /* As each sum waits for the one before, 7 at a time are too few unless shuffles take longer;
     * 16 registers hold no more beside the weights. */
    FC_NAME(ROW_MANY) = FC_VECTOR_BYTES == 64 ? 14 : FC_NAME(ROW_FEW),
};

/* The inputs of a pixel, of which `n` may be read, spread as their c-th. SIZE: channels in and out
 * of each group, VL if it is the only one, or 0 for those that `lanes` says. */
FC_INLINE vec FC_NAME(grouped_input)(const int SIZE, const bool MASKED, const real *x, int64_t n,
                                     int c, v_index lanes) {
    if (SIZE == VL) return v_set1(x[c]);
    const vec inputs = MASKED ? v_load_first(x, n) : v_load(x);
    return SIZE ? FC_NAME(spread)(inputs, SIZE, c) : v_permute(inputs, lanes);
}

/* PIXELS neighbours in a row of the output, the first one's taps at `x`; STRIDE: their distance in
 * pixels of the input. */
FC_INLINE void FC_NAME(grouped_row)(const int PIXELS, const int STRIDE, const int SIZE,
                                    const bool MASKED, const fc_grouped_args *a, const real *x,
                                    real *out) {
    enum { TAPS = FC_NAME(ROW_TAPS), COLUMNS = 2 * FC_NAME(ROW_MANY) + 1 };
    const int64_t inputs = SIZE ? SIZE : a->inputs, next = a->x_column / STRIDE;
    const int64_t readable = a->readable < VL ? a->readable : VL;
    const vec bias = v_load((const real *)a->bias);
    vec acc[FC_NAME(ROW_MANY)];
    FC_UNROLL for (int q = 0; q < PIXELS; q++) acc[q] = bias;
    for (int64_t t = 0; t < a->taps; t += TAPS) {
        /* By threes, as more addresses than that are not kept. */
        const real *three[(COLUMNS + 2) / 3], *w = (const real *)a->w + t * inputs * VL;
        const v_lane *lanes = a->lanes;
        FC_UNROLL for (int j = 0; j < (PIXELS - 1) * STRIDE + TAPS; j += 3) {
            three[j / 3] = x + a->tap[t] + j * next;
            FC_HOLD(three[j / 3]);
        }
#define INPUT(C) \
    vec ws[TAPS]; \
    v_index from; \
    if (!SIZE) memcpy(&from, lanes, sizeof from); \
    FC_UNROLL for (int s = 0; s < TAPS; s++) ws[s] = v_load(w + s * inputs * VL); \
    FC_UNROLL for (int j = 0; j < (PIXELS - 1) * STRIDE + TAPS; j++) { \
        const vec xj = \
            FC_NAME(grouped_input)(SIZE, MASKED, three[j / 3] + j % 3 * next, readable, C, from); \
        FC_UNROLL for (int s = j % STRIDE; s < TAPS; s += STRIDE) { \
            if (j >= s && (j - s) / STRIDE < PIXELS) acc[(j - s) / STRIDE] += ws[s] * xj; \
        } \
    } \
    w += VL
        if (SIZE && SIZE < VL) {
            FC_UNROLL for (int c = 0; c < SIZE; c++) {
                INPUT(c);
            }
        } else {
            /* GCC does so for groups of any size only; whole vectors would gain nothing by it. */
            FC_UNROLL_TERMS
            for (int64_t c = 0; c < inputs; c++) {
                INPUT(0);
                if (SIZE) {
                    FC_UNROLL for (int j = 0; j < (PIXELS - 1) * STRIDE + TAPS; j += 3)
                        three[j / 3]++;
                } else {
                    lanes += VL;
                }
            }
        }
#undef INPUT
    }
    const vec lo = v_set1((real)a->lo), hi = v_set1((real)a->hi);
    FC_UNROLL for (int q = 0; q < PIXELS; q++) {
        const vec result = v_min(hi, v_max(lo, acc[q]));
        if (a->channels == VL)
            v_store(out + q * a->out_column, result);
        else
            v_store_first(out + q * a->out_column, result, a->channels);
    }
}

typedef void FC_NAME(grouped_row_fn)(const fc_grouped_args *, const real *, real *);

/* One pixel and a few. Sizes beyond VL, and 0 where VL is less than 8, are never called; they only
 * have to compile. */
#define FC_ROW(SIZE, STRIDE) \
    static __attribute__((noinline)) void FC_NAME(grouped_one_##SIZE##_##STRIDE)( \
        const fc_grouped_args *a, const real *x, real *out) { \
        FC_NAME(grouped_row)(1, STRIDE, (SIZE) < VL ? (SIZE) : VL, (SIZE) < VL, a, x, out); \
    } \
    static __attribute__((noinline)) void FC_NAME(grouped_few_##SIZE##_##STRIDE)( \
        const fc_grouped_args *a, const real *x, real *out) { \
        const int N = FC_NAME(ROW_FEW), IN = (SIZE) < VL ? (SIZE) : VL; \
        if (IN < VL && a->readable < VL) \
            FC_NAME(grouped_row)(N, STRIDE, IN, IN < VL, a, x, out); \
        else \
            FC_NAME(grouped_row)(N, STRIDE, IN, false, a, x, out); \
    }
#define FC_ROWS(SIZE) FC_ROW(SIZE, 1) FC_ROW(SIZE, 2)
#define FC_ROW_NAMES(SIZE) \
    { \
        {FC_NAME(grouped_one_##SIZE##_1), FC_NAME(grouped_few_##SIZE##_1)}, \
            {FC_NAME(grouped_one_##SIZE##_2), FC_NAME(grouped_few_##SIZE##_2)}, \
    }
FC_ROWS(0)
FC_ROWS(2)
FC_ROWS(4)
FC_ROWS(8)
FC_ROWS(16)

/* Many, of groups of a whole vector, which need no shuffles. */
static __attribute__((noinline)) void FC_NAME(grouped_many)(const fc_grouped_args *a, const real *x,
                                                            real *out) {
    if (a->row_stride == 1)
        FC_NAME(grouped_row)(FC_NAME(ROW_MANY), 1, VL, false, a, x, out);
    else
        FC_NAME(grouped_row)(FC_NAME(ROW_MANY), 2, VL, false, a, x, out);
}

/* Pixels [begin, end) of one row of the output, some of them twice. */
static void FC_NAME(grouped_along)(const fc_grouped_args *a, FC_NAME(grouped_row_fn) *const *tiles,
                                   int64_t y, int64_t begin, int64_t end) {
    enum { FEW = FC_NAME(ROW_FEW), MANY = FC_NAME(ROW_MANY) };
    const bool vector = !a->lanes && a->inputs == VL;
    for (int64_t column = begin, n; column < end; column += n) {
        const int64_t left = end - column;
        const bool many = vector && MANY > FEW && end - begin >= MANY && left > FEW;
        n = many ? MANY : end - begin >= FEW ? FEW : 1;
        if (n > left) column = end - n;
        FC_NAME(grouped_row_fn) *const tile = many ? FC_NAME(grouped_many) : tiles[n > 1];
        const real *x = (const real *)a->x + y * a->x_row + column * a->x_column;
        real *out = (real *)a->out + y * a->out_row + column * a->out_column;
        fc_grouped_args one = *a;
        for (int64_t p = 0; p < a->panels; p++) {
            one.channels = p + 1 < a->panels ? a->out_panel : a->channels - p * a->out_panel;
            tile(&one, x, out);
            one.w = (const real *)one.w + a->taps * a->inputs * VL;
            one.bias = (const real *)one.bias + VL;
            one.readable -= a->x_panel;
            x += a->x_panel;
            out += a->out_panel;
        }
    }
}

static void FC_NAME(grouped_rows)(const fc_grouped_args *a) {
    static FC_NAME(grouped_row_fn) *const tiles[5][2][2] = {
        FC_ROW_NAMES(0), FC_ROW_NAMES(2), FC_ROW_NAMES(4), FC_ROW_NAMES(8), FC_ROW_NAMES(16)};
    const int kind = a->lanes         ? 0
                     : a->inputs == 2 ? 1
                     : a->inputs == 4 ? 2
                     : a->inputs == 8 ? 3
                                      : 4;
    for (int64_t at = a->begin, n; at < a->end; at += n) {
        const int64_t y = at / a->width, column = at % a->width;
        n = a->width - column < a->end - at ? a->width - column : a->end - at;
        FC_NAME(grouped_along)(a, tiles[kind][a->row_stride - 1], y, column, column + n);
    }
}
#undef FC_ROW
#undef FC_ROWS
#undef FC_ROW_NAMES
