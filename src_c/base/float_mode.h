/* The floating-point mode of a thread: rounding, subnormal numbers, exception masks. The same bits
 * on every thread only if all of them work in the caller's. */
#ifndef FC_BASE_FLOAT_MODE_H
#define FC_BASE_FLOAT_MODE_H

#include <stdbool.h>
#include <stdint.h>

/* With what operations leave behind in the mode: those on subnormal numbers, and those whose result
 * is one, rounded. None where no processor is known that takes long over them. */
#if defined(__x86_64__)
enum { FC_MODE_FLUSHES = 0x8040, FC_MODE_MET_SUBNORMAL = 0x0012 };
#else
enum { FC_MODE_FLUSHES = 0x1000000, FC_MODE_MET_SUBNORMAL = 0 };
#endif

/* Whether an overflow, or an operation without a result, ends the program. */
static inline bool fc_mode_traps(uint32_t mode) {
#if defined(__x86_64__)
    return (~mode & 0x0480) != 0;
#else
    return (mode & 0x0500) != 0;
#endif
}

static inline uint32_t fc_float_mode(void) {
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr();
#else
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return (uint32_t)mode;
#endif
}

static inline void fc_set_float_mode(uint32_t mode) {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(mode);
#else
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode));
#endif
}

#endif
