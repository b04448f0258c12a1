/* Partial loads and stores for instruction sets without masks: through a
 * vector on the stack, so that no byte beyond the n-th element is touched. */
#define FC_DEFINE_PARTIAL(T) \
    FC_INLINE T##_vec T##_v_load_first(const T##_real *p, int64_t n) { \
        T##_vec v = {0}; \
        if (n > T##_VL) __builtin_unreachable(); \
        memcpy(&v, p, (size_t)n * sizeof *p); \
        return v; \
    } \
    static __attribute__((noinline, unused)) \
    T##_vec T##_v_load_range_or(T##_vec v, const T##_real *p, int64_t lo, int64_t hi) { \
        for (int64_t i = lo; i < hi; i++) v[i] = p[i]; \
        return v; \
    } \
    FC_INLINE T##_vec T##_v_load_range(const T##_real *p, int64_t lo, int64_t hi) { \
        return T##_v_load_range_or((T##_vec){0}, p, lo, hi); \
    } \
    FC_INLINE T##_vec T##_v_permute(T##_vec v, T##_index_vec lanes) { \
        T##_vec out; \
        for (int k = 0; k < T##_VL; k++) out[k] = v[lanes[k]]; \
        return out; \
    } \
    FC_INLINE void T##_v_store_first(T##_real *p, T##_vec v, int64_t n) { \
        if (n > T##_VL) __builtin_unreachable(); \
        memcpy(p, &v, (size_t)n * sizeof *p); \
    }
FC_DEFINE_PARTIAL(f32)
FC_DEFINE_PARTIAL(f64)
#undef FC_DEFINE_PARTIAL
