/* Arithmetic on sizes that notices when it leaves int64: one `bool` collects
 * every overflow of an expression, to be asked once at its end. */
#ifndef FC_BASE_CHECKED_H
#define FC_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline int64_t fc_mul(int64_t a, int64_t b, bool *overflow) {
    int64_t product;
    *overflow |= __builtin_mul_overflow(a, b, &product);
    return product;
}

static inline int64_t fc_add(int64_t a, int64_t b, bool *overflow) {
    int64_t sum;
    *overflow |= __builtin_add_overflow(a, b, &sum);
    return sum;
}

#endif
