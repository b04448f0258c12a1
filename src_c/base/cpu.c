#include "cpu.h"

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
