/* Small integer helpers that every floor shares. */
#ifndef FC_BASE_INTEGERS_H
#define FC_BASE_INTEGERS_H

#include <stdint.h>

static inline int64_t fc_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t fc_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t fc_clamp(int64_t value, int64_t lo, int64_t hi) {
    return fc_min(fc_max(value, lo), hi);
}

static inline int64_t fc_ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static inline int64_t fc_round_up(int64_t a, int64_t multiple) {
    return fc_ceil_div(a, multiple) * multiple;
}

/* Where the i-th of `parts` balanced pieces of [0, total) begins: sizes differ
 * by one at most, so that no piece is left with a scalar remainder. */
static inline int64_t fc_share(int64_t total, int64_t parts, int64_t i) {
    return parts == 1 ? total * i : total * i / parts; /* small images wait for a division */
}

#endif
