/* The SIMD vocabulary that every kernel is written in, for float and double.
 *
 * Types and arithmetic are the compilers' vector extensions; what those cannot
 * say (masks, shuffles, NaN-aware maxima) comes from one header per instruction
 * set. A kernel uses the bare names below (`vec`, `v_load`, ...); they mean the
 * float or the double form by the value of REAL_NAME at the point of use. */
#ifndef FC_BASE_SIMD_H
#define FC_BASE_SIMD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* FC_VECTOR_BYTES is set by the instruction set's unit before this point. */
typedef float f32_real;
typedef double f64_real;
typedef float f32_vec __attribute__((vector_size(FC_VECTOR_BYTES), may_alias));
typedef double f64_vec __attribute__((vector_size(FC_VECTOR_BYTES), may_alias));
typedef int32_t f32_index_vec __attribute__((vector_size(FC_VECTOR_BYTES)));
typedef int64_t f64_index_vec __attribute__((vector_size(FC_VECTOR_BYTES)));
typedef int32_t f32_lane;
typedef int64_t f64_lane;
typedef uint32_t f32_bits __attribute__((may_alias));
typedef uint64_t f64_bits __attribute__((may_alias));
enum { f32_VL = FC_VECTOR_BYTES / 4, f64_VL = FC_VECTOR_BYTES / 8 };

#define FC_INLINE static inline __attribute__((always_inline, unused))
#define FC_PRAGMA(text) _Pragma(#text)
/* Accumulators stay in registers only when every loop over them is unrolled. */
#if defined(__clang__)
#define FC_UNROLL FC_PRAGMA(clang loop unroll(full))
#else
#define FC_UNROLL FC_PRAGMA(GCC unroll 64)
#endif
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define FC_PLAIN 1
#endif
#endif

/* Before the loop over the terms of a tile's sums: four between its own instructions, which take
 * slots of the multipliers. (Of four written one after the other GCC moves the sums around.) */
#if defined(__clang__)
#define FC_UNROLL_TERMS FC_PRAGMA(clang loop unroll_count(4))
#else
#define FC_UNROLL_TERMS FC_PRAGMA(GCC unroll 4)
#endif

/* Keeps a value in a register here: stops the compiler from hoisting so many
 * loads that it has to spill. */
#if defined(__x86_64__)
#define FC_PIN(v) __asm__ volatile("" : "+v"(v))
#else
#define FC_PIN(v) __asm__ volatile("" : "+w"(v))
#endif

/* Hides where a pointer comes from: stops the compiler from computing the addresses of a
 * tile's rows ahead, more than there are registers for. */
#define FC_HOLD(p) __asm__ volatile("" : "+r"(p))

/* Into the second-level cache. A hint: of any address, and no load. */
#define FC_FETCH(p) __builtin_prefetch(p, 0, 2)

/* A function with a tile of sums in nearly all of 32 registers. By its generic tuning GCC keeps
 * pointers in those that are left, and then a vector of weights on the stack. */
#if defined(__x86_64__) && FC_VECTOR_BYTES == 64
#define FC_TUNED __attribute__((noinline, target("tune=haswell")))
#else
#define FC_TUNED __attribute__((noinline))
#endif

#define FC_DEFINE_COMMON(T) \
    typedef T##_vec T##_unaligned __attribute__((aligned(sizeof(T##_real)))); \
    FC_INLINE T##_vec T##_v_load(const T##_real *p) { \
        return *(const T##_unaligned *)p; \
    } \
    FC_INLINE void T##_v_store(T##_real *p, T##_vec v) { \
        *(T##_unaligned *)p = v; \
    } \
    /* Minus zero is x for every x; plus zero is not for -0.0, and would stay an addition. */ \
    FC_INLINE T##_vec T##_v_set1(T##_real x) { \
        return x - (T##_vec){0}; \
    } \
    FC_INLINE T##_index_vec T##_v_lanes(int step) { \
        T##_index_vec v; \
        FC_UNROLL for (int k = 0; k < T##_VL; k++) v[k] = k * step; \
        return v; \
    }
FC_DEFINE_COMMON(f32)
FC_DEFINE_COMMON(f64)
#undef FC_DEFINE_COMMON

#if FC_PLAIN
#include "simd_plain.h"
#elif FC_VECTOR_BYTES == 64
#include "simd_avx512.h"
#elif FC_VECTOR_BYTES == 32
#include "simd_avx2.h"
#elif defined(__x86_64__)
#include "simd_sse2.h"
#else
#include "simd_neon.h"
#endif

#ifndef FC_MIXES
#define FC_DEFINE_MIXED(T) \
    FC_INLINE T##_vec T##_v_evens_mixed(T##_vec a, T##_vec b) { \
        return T##_v_evens(a, b); \
    } \
    FC_INLINE T##_vec T##_v_odds_mixed(T##_vec a, T##_vec b) { \
        return T##_v_odds(a, b); \
    } \
    FC_INLINE T##_vec T##_v_in_order(T##_vec v) { \
        return v; \
    }
FC_DEFINE_MIXED(f32)
FC_DEFINE_MIXED(f64)
#undef FC_DEFINE_MIXED
#endif

#if !defined(__AVX512F__) || FC_PLAIN
#define FC_DEFINE_TAKE(T) \
    FC_INLINE void T##_v_take(T##_vec *top, T##_index_vec *at, T##_vec v, T##_index_vec v_at) { \
        const T##_index_vec better = ~(v <= *top) & (*top == *top); \
        *top = (T##_vec)(((T##_index_vec)v & better) | ((T##_index_vec) * top & ~better)); \
        *at = (v_at & better) | (*at & ~better); \
    }
FC_DEFINE_TAKE(f32)
FC_DEFINE_TAKE(f64)
#undef FC_DEFINE_TAKE
#endif

#ifndef FC_HALVES
/* Elsewhere a half of a vector costs as much as a whole one. */
#define FC_HALVES 1
#define FC_DEFINE_HALF(T) \
    typedef T##_vec T##_half; \
    FC_INLINE T##_half T##_h_load(const T##_real *p) { \
        return T##_v_load(p); \
    } \
    FC_INLINE T##_half T##_h_load_first(const T##_real *p, int64_t n) { \
        return T##_v_load_first(p, n); \
    } \
    FC_INLINE void T##_h_store(T##_real *p, T##_half v) { \
        T##_v_store(p, v); \
    } \
    FC_INLINE void T##_h_store_first(T##_real *p, T##_half v, int64_t n) { \
        T##_v_store_first(p, v, n); \
    } \
    FC_INLINE T##_half T##_h_set1(T##_real x) { \
        return T##_v_set1(x); \
    } \
    FC_INLINE T##_half T##_h_of(T##_vec v) { \
        return v; \
    } \
    FC_INLINE T##_half T##_h_max(T##_half a, T##_half b) { \
        return T##_v_max(a, b); \
    } \
    FC_INLINE T##_half T##_h_min(T##_half a, T##_half b) { \
        return T##_v_min(a, b); \
    }
FC_DEFINE_HALF(f32)
FC_DEFINE_HALF(f64)
#undef FC_DEFINE_HALF
#endif

/* Square transpose in registers: zips inside the 128-bit lanes, then whole
 * lanes. The zips and lane moves are those of the instruction set's header. */
FC_INLINE void f32_transpose_lanes(f32_vec *restrict r) {
    FC_UNROLL for (int i = 0; i < f32_VL; i += 4) {
        const f32_vec a = v_zip32_lo(r[i], r[i + 1]), b = v_zip32_hi(r[i], r[i + 1]);
        const f32_vec c = v_zip32_lo(r[i + 2], r[i + 3]), d = v_zip32_hi(r[i + 2], r[i + 3]);
        r[i] = v_zip64_lo(a, c);
        r[i + 1] = v_zip64_hi(a, c);
        r[i + 2] = v_zip64_lo(b, d);
        r[i + 3] = v_zip64_hi(b, d);
    }
}

FC_INLINE void f64_transpose_lanes(f64_vec *restrict r) {
    FC_UNROLL for (int i = 0; i < f64_VL; i += 2) {
        const f32_vec a = (f32_vec)r[i], b = (f32_vec)r[i + 1];
        r[i] = (f64_vec)v_zip64_lo(a, b);
        r[i + 1] = (f64_vec)v_zip64_hi(a, b);
    }
}

/* r[group * P + i], lane l  ->  r[l * P + i], lane group, with P = VL / lanes. */
#if FC_VECTOR_BYTES == 16
#define FC_EXCHANGE_LANES(T) (void)0
#elif FC_VECTOR_BYTES == 32
#define FC_EXCHANGE_LANES(T) \
    enum { P = T##_VL / 2 }; \
    FC_UNROLL for (int i = 0; i < P; i++) { \
        const f32_vec a = (f32_vec)r[i], b = (f32_vec)r[P + i]; \
        r[i] = (T##_vec)v_even_lanes(a, b); \
        r[P + i] = (T##_vec)v_odd_lanes(a, b); \
    }
#else
#define FC_EXCHANGE_LANES(T) \
    enum { P = T##_VL / 4 }; \
    FC_UNROLL for (int i = 0; i < P; i++) { \
        const f32_vec a = (f32_vec)r[i], b = (f32_vec)r[P + i]; \
        const f32_vec c = (f32_vec)r[2 * P + i], d = (f32_vec)r[3 * P + i]; \
        const f32_vec ab0 = v_even_lanes(a, b), ab1 = v_odd_lanes(a, b); \
        const f32_vec cd0 = v_even_lanes(c, d), cd1 = v_odd_lanes(c, d); \
        r[i] = (T##_vec)v_even_lanes(ab0, cd0); \
        r[P + i] = (T##_vec)v_even_lanes(ab1, cd1); \
        r[2 * P + i] = (T##_vec)v_odd_lanes(ab0, cd0); \
        r[3 * P + i] = (T##_vec)v_odd_lanes(ab1, cd1); \
    }
#endif
FC_INLINE void f32_v_transpose(f32_vec *restrict r) {
    f32_transpose_lanes(r);
    FC_EXCHANGE_LANES(f32);
}
FC_INLINE void f64_v_transpose(f64_vec *restrict r) {
    f64_transpose_lanes(r);
    FC_EXCHANGE_LANES(f64);
}
#undef FC_EXCHANGE_LANES

#define FC_PASTE_(a, b) a##_##b
#define FC_PASTE(a, b) FC_PASTE_(a, b)
#define FC_NAME(name) FC_PASTE(REAL_NAME, name)

#define real FC_NAME(real)
#define vec FC_NAME(vec)
#define VL FC_NAME(VL)
#define v_load FC_NAME(v_load) /* VL elements, any alignment */
#define v_store FC_NAME(v_store)
#define v_load_first FC_NAME(v_load_first) /* the first n lanes; touches no other byte */
#define v_load_range \
    FC_NAME(v_load_range) /* lanes [lo, hi), zero elsewhere; touches no other byte */
#define v_load_range_or \
    FC_NAME( \
        v_load_range_or) /* (fill, p, lo, hi): v_load_range with the lanes of `fill` elsewhere */
#define v_store_first FC_NAME(v_store_first)
#define v_set1 FC_NAME(v_set1)
/* a * b + c: where copies of one sum must round alike, the compiler shall not choose. */
#define v_fma FC_NAME(v_fma)
#define v_max FC_NAME(v_max)           /* b where either is NaN */
#define v_min FC_NAME(v_min)           /* b where either is NaN */
#define v_max_nan FC_NAME(v_max_nan)   /* NaN where either is NaN */
#define v_flags FC_NAME(v_flags)       /* remembers, beginning with {0}: */
#define v_note_nan FC_NAME(v_note_nan) /* (flags, a, b): a NaN that v_max may lose */
#define v_any FC_NAME(v_any)
#define v_take FC_NAME(v_take)  /* (top, at, v, v_at): where v is larger or the first NaN */
#define v_lane FC_NAME(lane)    /* the integer of a vector's lane */
#define real_bits FC_NAME(bits) /* a number's, as an integer */
#define v_index FC_NAME(index_vec)
#define v_lanes FC_NAME(v_lanes) /* 0, step, 2 * step, ... */
#define v_evens FC_NAME(v_evens) /* a0 a2 ... b0 b2 ... */
#define v_odds FC_NAME(v_odds)   /* a1 a3 ... b1 b3 ... */
/* The same in whatever order is quickest, the same for both; v_in_order mends it. */
#define v_evens_mixed FC_NAME(v_evens_mixed)
#define v_odds_mixed FC_NAME(v_odds_mixed)
#define v_in_order FC_NAME(v_in_order)
#define v_slide FC_NAME(v_slide)         /* a_n a_n+1 ... b_0 ... b_n-1, for 0 < n < VL, n <= 4 */
#define v_permute FC_NAME(v_permute)     /* (v, lanes): v[lanes[0]] v[lanes[1]] ... */
#define v_transpose FC_NAME(v_transpose) /* VL vectors, in place */
/* The same for the first VL / FC_HALVES lanes. */
#define half FC_NAME(half)
#define h_load FC_NAME(h_load)
#define h_load_first FC_NAME(h_load_first)
#define h_store FC_NAME(h_store)
#define h_store_first FC_NAME(h_store_first)
#define h_set1 FC_NAME(h_set1)
#define h_of FC_NAME(h_of)
#define h_max FC_NAME(h_max)
#define h_min FC_NAME(h_min)

#endif
