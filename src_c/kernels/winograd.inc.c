/* Winograd's transforms of one line; those of tiles are in the parts included below.
 * Tiles of 6 use the points 0, +-5/8, +-3/2 and infinity: the products of their powers
 * are exact in float, and the rounding error is a third to a quarter of that of the
 * usual 0, +-1, +-2. Tiles of 5 use 0, +-3/4, 2 and infinity, tiles of 4 use 0, +-1
 * and infinity. Where the outer two of four inputs are zeros, what remains of F(2, 3)
 * is a Toeplitz matrix of 2 x 2, which takes three products: t = 3. Everything is
 * vectorised over channels. */

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
        const real c = (real)WINOGRAD_C;
        const vec minus_c2 = v_set1(-c * c), minus_d = v_set1(-(real)WINOGRAD_D);
        vec e[4];
        FC_UNROLL for (int i = 0; i < 4; i++) e[i] = v_fma(minus_d, d[i], d[i + 1]);
        o[0] = v_fma(minus_c2, e[0], e[2]);
        o[1] = v_fma(v_set1(c), e[1], e[2]);
        o[2] = v_fma(v_set1(-c), e[1], e[2]);
        o[3] = v_fma(minus_c2, d[1], d[3]);
        o[4] = v_fma(minus_c2, e[1], e[3]);
    } else {
        /* Odd parts end in a multiply-add, so that sum and difference are additions, which have
         * ports of their own. */
        const real a = (real)WINOGRAD_A, b = (real)WINOGRAD_B, a2 = a * a, b2 = b * b;
        const vec both = v_set1(a2 * b2), sum = v_set1(-(a2 + b2));
        const vec even_a = v_fma(v_set1(-b2), d[2], d[4]);
        const vec even_b = v_fma(v_set1(-a2), d[2], d[4]);
        const vec odd_a = v_fma(v_set1(-a * b2), d[1], a * d[3]);
        const vec odd_b = v_fma(v_set1(-b * a2), d[1], b * d[3]);
        o[0] = v_fma(both, d[0], v_fma(sum, d[2], d[4]));
        o[1] = even_a + odd_a;
        o[2] = even_a - odd_a;
        o[3] = even_b + odd_b;
        o[4] = even_b - odd_b;
        o[5] = v_fma(both, d[1], v_fma(sum, d[3], d[5]));
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

/* Every F(m, r) by its tile t = m + r - 1 and its outputs m, and a table by these. */
#define WINOGRAD_FORMS(X) \
    X(3, 2) X(4, 2) X(4, 3) X(5, 2) X(5, 3) X(5, 4) X(6, 2) X(6, 3) X(6, 4) X(6, 5)
#define WINOGRAD_BY_FORM [FC_NAME(WINOGRAD_TILE) + 1][FC_NAME(WINOGRAD_TILE)]

#include "winograd_filter.inc.c"
#include "winograd_input.inc.c"
#include "winograd_output.inc.c"

#undef WINOGRAD_BY_FORM
#undef WINOGRAD_FORMS
#undef WINOGRAD_A
#undef WINOGRAD_B
#undef WINOGRAD_C
#undef WINOGRAD_D
