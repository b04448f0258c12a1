/* SSE2, the x86-64 baseline: the part of the vocabulary that needs intrinsics. */
#include <emmintrin.h>

#include "simd_partial.h"

#define FC_DEFINE_SSE2(T, suffix) \
    FC_INLINE T##_vec T##_v_fma(T##_vec a, T##_vec b, T##_vec c) { \
        return a * b + c; \
    } \
    FC_INLINE T##_vec T##_v_max(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm_max_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_min(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm_min_##suffix(a, b); \
    } \
    typedef T##_vec T##_v_flags; \
    FC_INLINE void T##_v_note_nan(T##_v_flags *flags, T##_vec a, T##_vec b) { \
        *flags = _mm_or_##suffix(*flags, _mm_cmpunord_##suffix(a, b)); \
    } \
    FC_INLINE bool T##_v_any(T##_v_flags flags) { \
        return _mm_movemask_##suffix(flags) != 0; \
    } \
    FC_INLINE T##_vec T##_v_max_nan(T##_vec a, T##_vec b) { \
        const T##_vec nan = (T##_vec)_mm_cmpunord_##suffix(a, a); \
        return (T##_vec)_mm_or_##suffix(_mm_and_##suffix(nan, a), \
                                        _mm_andnot_##suffix(nan, _mm_max_##suffix(a, b))); \
    }
FC_DEFINE_SSE2(f32, ps)
FC_DEFINE_SSE2(f64, pd)
#undef FC_DEFINE_SSE2

FC_INLINE f32_vec f32_v_slide(f32_vec a, f32_vec b, int n) {
    switch (n) {
    case 1:
        return (f32_vec)_mm_shuffle_ps(a, _mm_shuffle_ps(a, b, 0x0f), 0x89);
    case 2:
        return (f32_vec)_mm_shuffle_ps(a, b, 0x4e);
    default:
        return (f32_vec)_mm_shuffle_ps(_mm_shuffle_ps(a, b, 0x0f), b, 0x98);
    }
}
FC_INLINE f64_vec f64_v_slide(f64_vec a, f64_vec b, int n) {
    (void)n;
    return (f64_vec)_mm_shuffle_pd(a, b, 1);
}

FC_INLINE f32_vec f32_v_evens(f32_vec a, f32_vec b) {
    return (f32_vec)_mm_shuffle_ps(a, b, 0x88);
}
FC_INLINE f32_vec f32_v_odds(f32_vec a, f32_vec b) {
    return (f32_vec)_mm_shuffle_ps(a, b, 0xdd);
}
FC_INLINE f64_vec f64_v_evens(f64_vec a, f64_vec b) {
    return (f64_vec)_mm_unpacklo_pd(a, b);
}
FC_INLINE f64_vec f64_v_odds(f64_vec a, f64_vec b) {
    return (f64_vec)_mm_unpackhi_pd(a, b);
}

FC_INLINE f32_vec v_zip32_lo(f32_vec a, f32_vec b) {
    return (f32_vec)_mm_unpacklo_ps(a, b);
}
FC_INLINE f32_vec v_zip32_hi(f32_vec a, f32_vec b) {
    return (f32_vec)_mm_unpackhi_ps(a, b);
}
FC_INLINE f32_vec v_zip64_lo(f32_vec a, f32_vec b) {
    return (f32_vec)_mm_unpacklo_pd((__m128d)a, (__m128d)b);
}
FC_INLINE f32_vec v_zip64_hi(f32_vec a, f32_vec b) {
    return (f32_vec)_mm_unpackhi_pd((__m128d)a, (__m128d)b);
}
