#ifndef FC_BASE_CPU_H
#define FC_BASE_CPU_H

#include <stdbool.h>

/* What this processor and its operating system can run. */
bool fc_cpu_has_baseline(void);
bool fc_cpu_has_avx2_fma(void);
bool fc_cpu_has_avx512(void);

#endif
