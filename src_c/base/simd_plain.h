/* The vocabulary in plain C, whatever the vector: what the other headers mean, lane by lane.
 * MemorySanitizer takes their instructions for calls whose every lane must be defined, though
 * lanes beyond an edge are computed and dropped; this it can follow. */
#include "simd_partial.h"

/* Lane i of the result, for every i, is `lane`. */
#define FC_LANES(T, lane) \
    T##_vec r; \
    FC_UNROLL for (int i = 0; i < T##_VL; i++) r[i] = (lane); \
    return r

#define FC_DEFINE_PLAIN(T) \
    FC_INLINE T##_vec T##_choose(T##_index_vec mask, T##_vec a, T##_vec b) { \
        return (T##_vec)((mask & (T##_index_vec)a) | (~mask & (T##_index_vec)b)); \
    } \
    FC_INLINE T##_vec T##_v_fma(T##_vec a, T##_vec b, T##_vec c) { \
        FC_LANES(T, sizeof(T##_real) == 4 \
                        ? (T##_real)__builtin_fmaf((float)a[i], (float)b[i], (float)c[i]) \
                        : (T##_real)__builtin_fma(a[i], b[i], c[i])); \
    } \
    FC_INLINE T##_vec T##_v_max(T##_vec a, T##_vec b) { \
        return T##_choose(a > b, a, b); \
    } \
    FC_INLINE T##_vec T##_v_min(T##_vec a, T##_vec b) { \
        return T##_choose(a < b, a, b); \
    } \
    FC_INLINE T##_vec T##_v_max_nan(T##_vec a, T##_vec b) { \
        return T##_choose((a > b) | (a != a), a, b); \
    } \
    typedef T##_index_vec T##_v_flags; \
    FC_INLINE void T##_v_note_nan(T##_v_flags *flags, T##_vec a, T##_vec b) { \
        *flags |= (a != a) | (b != b); \
    } \
    FC_INLINE bool T##_v_any(T##_v_flags flags) { \
        bool any = false; \
        for (int i = 0; i < T##_VL; i++) any |= flags[i] != 0; \
        return any; \
    } \
    FC_INLINE T##_vec T##_v_evens(T##_vec a, T##_vec b) { \
        FC_LANES(T, i < T##_VL / 2 ? a[2 * i] : b[2 * i - T##_VL]); \
    } \
    FC_INLINE T##_vec T##_v_odds(T##_vec a, T##_vec b) { \
        FC_LANES(T, i < T##_VL / 2 ? a[2 * i + 1] : b[2 * i + 1 - T##_VL]); \
    } \
    FC_INLINE T##_vec T##_v_slide(T##_vec a, T##_vec b, int n) { \
        FC_LANES(T, i + n < T##_VL ? a[i + n] : b[i + n - T##_VL]); \
    }
FC_DEFINE_PLAIN(f32)
FC_DEFINE_PLAIN(f64)
#undef FC_DEFINE_PLAIN

/* Within lanes of 128 bits, four floats: i & 3 counts in the lane, i & ~3 is its first. */
FC_INLINE f32_vec v_zip32_lo(f32_vec a, f32_vec b) {
    FC_LANES(f32, i & 1 ? b[(i & ~3) + (i & 3) / 2] : a[(i & ~3) + (i & 3) / 2]);
}
FC_INLINE f32_vec v_zip32_hi(f32_vec a, f32_vec b) {
    FC_LANES(f32, i & 1 ? b[(i & ~3) + 2 + (i & 3) / 2] : a[(i & ~3) + 2 + (i & 3) / 2]);
}
FC_INLINE f32_vec v_zip64_lo(f32_vec a, f32_vec b) {
    FC_LANES(f32, i & 2 ? b[i - 2] : a[i]);
}
FC_INLINE f32_vec v_zip64_hi(f32_vec a, f32_vec b) {
    FC_LANES(f32, i & 2 ? b[i] : a[i + 2]);
}
/* Whole lanes: every other one of a, then of b. */
FC_INLINE f32_vec v_even_lanes(f32_vec a, f32_vec b) {
    FC_LANES(f32, i < f32_VL / 2 ? a[2 * i - (i & 3)] : b[2 * i - (i & 3) - f32_VL]);
}
FC_INLINE f32_vec v_odd_lanes(f32_vec a, f32_vec b) {
    FC_LANES(f32, i < f32_VL / 2 ? a[2 * i - (i & 3) + 4] : b[2 * i - (i & 3) + 4 - f32_VL]);
}
#undef FC_LANES
