#include "cpu.h"

#include <stdatomic.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

bool fc_cpu_has_baseline(void) {
    return true;
}

/* The compilers' own detection also asks the operating system (XGETBV)
 * whether it saves the wide registers, which CPUID alone does not tell. */
bool fc_cpu_has_avx2_fma(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

bool fc_cpu_has_avx512(void) {
#if defined(__x86_64__)
    return fc_cpu_has_avx2_fma() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw");
#else
    return false;
#endif
}

bool fc_cpu_has_far_l3(void) {
#if defined(__x86_64__)
    return fc_cpu_has_avx512() && __builtin_cpu_is("intel");
#else
    return false;
#endif
}

#if defined(__x86_64__)
/* Both makers describe a cache in the same bits, each under a leaf of its own: AMD64 Architecture
 * Programmer's Manual 3, Fn8000_001D; Intel 64 Manual 2A, CPUID leaf 4. */
static int64_t l3_bytes_of(unsigned leaf) {
    enum { MOST_CACHES = 8 };
    for (unsigned i = 0; i < MOST_CACHES; i++) {
        unsigned a, b, c, d;
        if (!__get_cpuid_count(leaf, i, &a, &b, &c, &d) || (a & 0x1f) == 0) return 0;
        if (((a >> 5) & 7) != 3) continue;
        const int64_t line = (b & 0xfff) + 1, parts = ((b >> 12) & 0x3ff) + 1;
        const int64_t ways = (b >> 22) + 1, sets = (int64_t)c + 1;
        return line * parts * ways * sets;
    }
    return 0;
}
#endif

int64_t fc_cpu_l3_bytes(void) {
    /* Asked once: under a hypervisor each CPUID takes microseconds. */
    static _Atomic int64_t known;
    int64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes) return bytes;
#if defined(__x86_64__)
    bytes = l3_bytes_of(__builtin_cpu_is("amd") ? 0x8000001d : 4);
#endif
    if (!bytes) bytes = 32 << 20;
    atomic_store_explicit(&known, bytes, memory_order_relaxed);
    return bytes;
}
