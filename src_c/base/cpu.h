#ifndef FC_BASE_CPU_H
#define FC_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* What this processor and its operating system can run. */
bool fc_cpu_has_baseline(void);
bool fc_cpu_has_avx2_fma(void);
bool fc_cpu_has_avx512(void);

/* Whether a core has its multiply-adds of 512 bits twice a cycle, and the third-level cache lies
 * across a mesh (Intel's servers). What is quickest depends on that: a pass over large weights
 * costs four times as many multiply-adds as on Zen 4. */
bool fc_cpu_has_far_l3(void);

/* Bytes of the third-level cache that a core shares with its neighbours, as the processor says; 32
 * MB where it says nothing. */
int64_t fc_cpu_l3_bytes(void);

#endif
