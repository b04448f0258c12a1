/* AVX2 + FMA: the part of the vocabulary that needs intrinsics. */
#include <immintrin.h>

FC_INLINE __m256i f32_first(int64_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lanes);
}
FC_INLINE __m256i f64_first(int64_t n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}

#define FC_DEFINE_AVX2(T, suffix) \
    FC_INLINE T##_vec T##_v_load_first(const T##_real *p, int64_t n) { \
        return (T##_vec)_mm256_maskload_##suffix(p, T##_first(n)); \
    } \
    FC_INLINE T##_vec T##_v_fma(T##_vec a, T##_vec b, T##_vec c) { \
        return (T##_vec)_mm256_fmadd_##suffix(a, b, c); \
    } \
    FC_INLINE T##_vec T##_v_load_range(const T##_real *p, int64_t lo, int64_t hi) { \
        return (T##_vec)_mm256_maskload_##suffix( \
            p, _mm256_andnot_si256(T##_first(lo), T##_first(hi))); \
    } \
    FC_INLINE T##_vec T##_v_load_range_or(T##_vec fill, const T##_real *p, int64_t lo, \
                                          int64_t hi) { \
        const __m256i inside = _mm256_andnot_si256(T##_first(lo), T##_first(hi)); \
        return (T##_vec)_mm256_blendv_##suffix(fill, _mm256_maskload_##suffix(p, inside), \
                                               (T##_vec)inside); \
    } \
    typedef T##_vec T##_v_flags; \
    FC_INLINE void T##_v_note_nan(T##_v_flags *flags, T##_vec a, T##_vec b) { \
        *flags = _mm256_or_##suffix(*flags, _mm256_cmp_##suffix(a, b, _CMP_UNORD_Q)); \
    } \
    FC_INLINE bool T##_v_any(T##_v_flags flags) { \
        return _mm256_movemask_##suffix(flags) != 0; \
    } \
    FC_INLINE T##_vec T##_v_max(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm256_max_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_min(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm256_min_##suffix(a, b); \
    } \
    FC_INLINE T##_vec T##_v_max_nan(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm256_blendv_##suffix(_mm256_max_##suffix(a, b), a, \
                                               _mm256_cmp_##suffix(a, a, _CMP_UNORD_Q)); \
    }
FC_DEFINE_AVX2(f32, ps)
FC_DEFINE_AVX2(f64, pd)
#undef FC_DEFINE_AVX2

FC_INLINE f32_vec f32_v_slide(f32_vec a, f32_vec b, int n) {
    const __m256i lo = (__m256i)a, hi = (__m256i)_mm256_permute2f128_ps(a, b, 0x21);
    switch (n) {
    case 1:
        return (f32_vec)_mm256_alignr_epi8(hi, lo, 4);
    case 2:
        return (f32_vec)_mm256_alignr_epi8(hi, lo, 8);
    case 3:
        return (f32_vec)_mm256_alignr_epi8(hi, lo, 12);
    default:
        return (f32_vec)hi;
    }
}
FC_INLINE f64_vec f64_v_slide(f64_vec a, f64_vec b, int n) {
    const f64_vec middle = (f64_vec)_mm256_permute2f128_pd(a, b, 0x21);
    switch (n) {
    case 1:
        return (f64_vec)_mm256_shuffle_pd(a, middle, 5);
    case 2:
        return middle;
    default:
        return (f64_vec)_mm256_shuffle_pd(middle, b, 5);
    }
}

/* By halves: AMD's masked store takes a dozen cycles. */
FC_INLINE void f32_v_store_first(float *p, f32_vec v, int64_t n) {
    __m128 part = _mm256_castps256_ps128(v);
    if (n & 8) {
        f32_v_store(p, v);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, part);
        part = _mm256_extractf128_ps(v, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, part);
        part = _mm_movehl_ps(part, part);
        p += 2;
    }
    if (n & 1) _mm_store_ss(p, part);
}
FC_INLINE void f64_v_store_first(double *p, f64_vec v, int64_t n) {
    __m128d part = _mm256_castpd256_pd128(v);
    if (n & 4) {
        f64_v_store(p, v);
        return;
    }
    if (n & 2) {
        _mm_storeu_pd(p, part);
        part = _mm256_extractf128_pd(v, 1);
        p += 2;
    }
    if (n & 1) _mm_store_sd(p, part);
}
FC_INLINE f32_vec f32_v_permute(f32_vec v, f32_index_vec lanes) {
    return (f32_vec)_mm256_permutevar8x32_ps(v, (__m256i)lanes);
}
FC_INLINE f64_vec f64_v_permute(f64_vec v, f64_index_vec lanes) {
    const f64_index_vec halves = lanes * 2 | (lanes * 2 + 1) << 32;
    return (f64_vec)_mm256_permutevar8x32_ps((__m256)v, (__m256i)halves);
}

/* The in-lane shuffle leaves the two middle 64-bit quarters exchanged. */
#define FC_MIXES 1
#define FC_DEFINE_MIXED(T, suffix, evens, odds) \
    FC_INLINE T##_vec T##_v_evens_mixed(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm256_shuffle_##suffix(a, b, evens); \
    } \
    FC_INLINE T##_vec T##_v_odds_mixed(T##_vec a, T##_vec b) { \
        return (T##_vec)_mm256_shuffle_##suffix(a, b, odds); \
    } \
    FC_INLINE T##_vec T##_v_in_order(T##_vec v) { \
        return (T##_vec)_mm256_permute4x64_pd((__m256d)v, 0xd8); \
    } \
    FC_INLINE T##_vec T##_v_evens(T##_vec a, T##_vec b) { \
        return T##_v_in_order(T##_v_evens_mixed(a, b)); \
    } \
    FC_INLINE T##_vec T##_v_odds(T##_vec a, T##_vec b) { \
        return T##_v_in_order(T##_v_odds_mixed(a, b)); \
    }
FC_DEFINE_MIXED(f32, ps, 0x88, 0xdd)
FC_DEFINE_MIXED(f64, pd, 0x0, 0xf)
#undef FC_DEFINE_MIXED

FC_INLINE f32_vec v_zip32_lo(f32_vec a, f32_vec b) {
    return (f32_vec)_mm256_unpacklo_ps(a, b);
}
FC_INLINE f32_vec v_zip32_hi(f32_vec a, f32_vec b) {
    return (f32_vec)_mm256_unpackhi_ps(a, b);
}
FC_INLINE f32_vec v_zip64_lo(f32_vec a, f32_vec b) {
    return (f32_vec)_mm256_unpacklo_pd((__m256d)a, (__m256d)b);
}
FC_INLINE f32_vec v_zip64_hi(f32_vec a, f32_vec b) {
    return (f32_vec)_mm256_unpackhi_pd((__m256d)a, (__m256d)b);
}
FC_INLINE f32_vec v_even_lanes(f32_vec a, f32_vec b) {
    return (f32_vec)_mm256_permute2f128_ps(a, b, 0x20);
}
FC_INLINE f32_vec v_odd_lanes(f32_vec a, f32_vec b) {
    return (f32_vec)_mm256_permute2f128_ps(a, b, 0x31);
}
