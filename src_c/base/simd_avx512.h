/* AVX-512 (F, VL, DQ, BW): the part of the vocabulary that needs intrinsics. */
#include <immintrin.h>

FC_INLINE __mmask16 f32_first(int64_t n) {
    return (__mmask16)_bzhi_u32(0xffff, (unsigned)n);
}
FC_INLINE __mmask8 f64_first(int64_t n) {
    return (__mmask8)_bzhi_u32(0xff, (unsigned)n);
}

#define FC_DEFINE_AVX512(T, suffix, bits) \
    FC_INLINE T##_vec T##_v_load_first(const T##_real *p, int64_t n) { \
        return (T##_vec)_mm512_maskz_loadu_##suffix(T##_first(n), p); \
    } \
    FC_INLINE T##_vec T##_v_load_range(const T##_real *p, int64_t lo, int64_t hi) { \
        return (T##_vec)_mm512_maskz_loadu_##suffix( \
            T##_first(hi) & (__typeof__(T##_first(hi)))~T##_first(lo), p); \
    } \
    FC_INLINE void T##_v_store_first(T##_real *p, T##_vec v, int64_t n) { \
        _mm512_mask_storeu_##suffix(p, T##_first(n), v); \
    } \
    FC_INLINE T##_vec T##_v_fma(T##_vec a, T##_vec b, T##_vec c) { \
        return (T##_vec)_mm512_fmadd_##suffix(a, b, c); \
    } \
    FC_INLINE T##_vec T##_v_max(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm512_max_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_min(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm512_min_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_max_nan(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm512_mask_max_##suffix(a, _mm512_cmp_##suffix##_mask(a, a, _CMP_ORD_Q), \
                                                 a, b); \
    } \
    FC_INLINE T##_vec T##_v_load_range_or(T##_vec fill, const T##_real *p, int64_t lo, \
                                          int64_t hi) { \
        return (T##_vec)_mm512_mask_loadu_##suffix( \
            fill, T##_first(hi) & (__typeof__(T##_first(hi)))~T##_first(lo), p); \
    } \
    typedef __typeof__(T##_first(0)) T##_v_flags; \
    FC_INLINE void T##_v_note_nan(T##_v_flags *flags, T##_vec a, T##_vec b) { \
        *flags |= _mm512_cmp_##suffix##_mask(a, b, _CMP_UNORD_Q); \
    } \
    FC_INLINE bool T##_v_any(T##_v_flags flags) { \
        return flags; \
    } \
    FC_INLINE void T##_v_take(T##_vec *top, T##_index_vec *at, T##_vec v, T##_index_vec v_at) { \
        const T##_v_flags better = _mm512_mask_cmp_##suffix##_mask( \
            _mm512_cmp_##suffix##_mask(*top, *top, _CMP_ORD_Q), v, *top, _CMP_NLE_UQ); \
        *top = (T##_vec)_mm512_mask_mov_##suffix(*top, better, v); \
        *at = (T##_index_vec)_mm512_mask_mov_epi##bits((__m512i)*at, better, (__m512i)v_at); \
    }
FC_DEFINE_AVX512(f32, ps, 32)
FC_DEFINE_AVX512(f64, pd, 64)
#undef FC_DEFINE_AVX512

#define FC_DEFINE_SLIDE(T, bits) \
    FC_INLINE T##_vec T##_v_slide(T##_vec a, T##_vec b, int n) { \
        switch (n) { \
        case 1: \
            return (T##_vec)_mm512_alignr_epi##bits((__m512i)b, (__m512i)a, 1); \
        case 2: \
            return (T##_vec)_mm512_alignr_epi##bits((__m512i)b, (__m512i)a, 2); \
        case 3: \
            return (T##_vec)_mm512_alignr_epi##bits((__m512i)b, (__m512i)a, 3); \
        default: \
            return (T##_vec)_mm512_alignr_epi##bits((__m512i)b, (__m512i)a, 4); \
        } \
    }
FC_DEFINE_SLIDE(f32, 32)
FC_DEFINE_SLIDE(f64, 64)
#undef FC_DEFINE_SLIDE

/* Half a vector, for a last one that is at most half full: half the work where
 * a 512-bit operation is two of 256 bits (Zen 4), no worse elsewhere. */
#define FC_HALVES 2
typedef float f32_half __attribute__((vector_size(32), may_alias));
typedef double f64_half __attribute__((vector_size(32), may_alias));
#define FC_DEFINE_HALF(T, suffix) \
    typedef T##_half T##_half_unaligned __attribute__((aligned(sizeof(T##_real)))); \
    FC_INLINE T##_half T##_h_load(const T##_real *p) { \
        return *(const T##_half_unaligned *)p; \
    } \
    FC_INLINE T##_half T##_h_load_first(const T##_real *p, int64_t n) { \
        return (T##_half)_mm256_maskz_loadu_##suffix((__mmask8)T##_first(n), p); \
    } \
    FC_INLINE void T##_h_store(T##_real *p, T##_half v) { \
        *(T##_half_unaligned *)p = v; \
    } \
    FC_INLINE void T##_h_store_first(T##_real *p, T##_half v, int64_t n) { \
        _mm256_mask_storeu_##suffix(p, (__mmask8)T##_first(n), v); \
    } \
    FC_INLINE T##_half T##_h_set1(T##_real x) { \
        return (T##_half)_mm256_set1_##suffix(x); \
    } \
    FC_INLINE T##_half T##_h_of(T##_vec v) { \
        return (T##_half)_mm512_cast##suffix##512_##suffix##256(v); \
    } \
    FC_INLINE T##_half T##_h_max(T##_half a, T##_half b) { \
        return (T##_half)_mm256_max_##suffix(a, b); \
    } \
    FC_INLINE T##_half T##_h_min(T##_half a, T##_half b) { \
        return (T##_half)_mm256_min_##suffix(a, b); \
    }
FC_DEFINE_HALF(f32, ps)
FC_DEFINE_HALF(f64, pd)
#undef FC_DEFINE_HALF

FC_INLINE f32_vec f32_v_permute(f32_vec v, f32_index_vec lanes) {
    return (f32_vec)_mm512_permutexvar_ps((__m512i)lanes, v);
}
FC_INLINE f64_vec f64_v_permute(f64_vec v, f64_index_vec lanes) {
    return (f64_vec)_mm512_permutexvar_pd((__m512i)lanes, v);
}

FC_INLINE f32_vec f32_v_evens(f32_vec a, f32_vec b) {
    const __m512i lanes =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return (f32_vec)_mm512_permutex2var_ps(a, lanes, b);
}
FC_INLINE f32_vec f32_v_odds(f32_vec a, f32_vec b) {
    const __m512i lanes =
        _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return (f32_vec)_mm512_permutex2var_ps(a, lanes, b);
}
FC_INLINE f64_vec f64_v_evens(f64_vec a, f64_vec b) {
    const __m512i lanes = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    return (f64_vec)_mm512_permutex2var_pd(a, lanes, b);
}
FC_INLINE f64_vec f64_v_odds(f64_vec a, f64_vec b) {
    const __m512i lanes = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
    return (f64_vec)_mm512_permutex2var_pd(a, lanes, b);
}

/* Inside lanes of 128 bits: shuffles that leave the multipliers alone (Zen 4). */
#define FC_MIXES 1
#define FC_DEFINE_MIXED(T, suffix, evens, odds) \
    FC_INLINE T##_vec T##_v_evens_mixed(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm512_shuffle_##suffix(a, b, evens); \
    } \
    FC_INLINE T##_vec T##_v_odds_mixed(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm512_shuffle_##suffix(a, b, odds); \
    } \
    FC_INLINE T##_vec T##_v_in_order(T##_vec v) { \
        const __m512i quarters = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7); \
        return (T##_vec)_mm512_permutexvar_pd(quarters, (__m512d)v); \
    }
FC_DEFINE_MIXED(f32, ps, 0x88, 0xdd)
FC_DEFINE_MIXED(f64, pd, 0x00, 0xff)
#undef FC_DEFINE_MIXED

FC_INLINE f32_vec v_zip32_lo(f32_vec a, f32_vec b) {
    return (f32_vec)_mm512_unpacklo_ps(a, b);
}
FC_INLINE f32_vec v_zip32_hi(f32_vec a, f32_vec b) {
    return (f32_vec)_mm512_unpackhi_ps(a, b);
}
FC_INLINE f32_vec v_zip64_lo(f32_vec a, f32_vec b) {
    return (f32_vec)_mm512_unpacklo_pd((__m512d)a, (__m512d)b);
}
FC_INLINE f32_vec v_zip64_hi(f32_vec a, f32_vec b) {
    return (f32_vec)_mm512_unpackhi_pd((__m512d)a, (__m512d)b);
}
FC_INLINE f32_vec v_even_lanes(f32_vec a, f32_vec b) {
    return (f32_vec)_mm512_shuffle_f32x4(a, b, 0x88);
}
FC_INLINE f32_vec v_odd_lanes(f32_vec a, f32_vec b) {
    return (f32_vec)_mm512_shuffle_f32x4(a, b, 0xdd);
}
