/* NEON (AArch64): the part of the vocabulary that needs intrinsics. Its max and
 * min give NaN where either operand is NaN, which satisfies all three. */
#include <arm_neon.h>

#include "simd_partial.h"

#define FC_DEFINE_NEON(T, suffix) \
    FC_INLINE T##_vec T##_v_fma(T##_vec a, T##_vec b, T##_vec c) { \
        return (T##_vec)vfmaq_##suffix(c, a, b); \
    } \
    FC_INLINE T##_vec T##_v_max(T##_vec a, T##_vec b) { \
        return (T##_vec)vmaxq_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_min(T##_vec a, T##_vec b) { \
        return (T##_vec)vminq_##suffix(a, b); \
    } \
    /* Its maximum loses no NaN, so there is nothing to note. */ \
    typedef bool T##_v_flags; \
    FC_INLINE void T##_v_note_nan(T##_v_flags *flags, T##_vec a, T##_vec b) { \
        (void)flags, (void)a, (void)b; \
    } \
    FC_INLINE bool T##_v_any(T##_v_flags flags) { \
        return flags; \
    } \
    FC_INLINE T##_vec T##_v_max_nan(T##_vec a, T##_vec b) { \
        return (T##_vec)vmaxq_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_evens(T##_vec a, T##_vec b) { \
        return (T##_vec)vuzp1q_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_odds(T##_vec a, T##_vec b) { \
        return (T##_vec)vuzp2q_##suffix(a, b); \
    }
FC_DEFINE_NEON(f32, f32)
FC_DEFINE_NEON(f64, f64)
#undef FC_DEFINE_NEON

FC_INLINE f32_vec f32_v_slide(f32_vec a, f32_vec b, int n) {
    switch (n) {
    case 1:
        return (f32_vec)vextq_f32(a, b, 1);
    case 2:
        return (f32_vec)vextq_f32(a, b, 2);
    default:
        return (f32_vec)vextq_f32(a, b, 3);
    }
}
FC_INLINE f64_vec f64_v_slide(f64_vec a, f64_vec b, int n) {
    (void)n;
    return (f64_vec)vextq_f64(a, b, 1);
}

FC_INLINE f32_vec v_zip32_lo(f32_vec a, f32_vec b) {
    return (f32_vec)vzip1q_f32(a, b);
}
FC_INLINE f32_vec v_zip32_hi(f32_vec a, f32_vec b) {
    return (f32_vec)vzip2q_f32(a, b);
}
FC_INLINE f32_vec v_zip64_lo(f32_vec a, f32_vec b) {
    return (f32_vec)vzip1q_f64((float64x2_t)a, (float64x2_t)b);
}
FC_INLINE f32_vec v_zip64_hi(f32_vec a, f32_vec b) {
    return (f32_vec)vzip2q_f64((float64x2_t)a, (float64x2_t)b);
}
