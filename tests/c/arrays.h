/* Arrays of the self-test: random values, and room beyond that must stay untouched. */
#ifndef FC_TESTS_ARRAYS_H
#define FC_TESTS_ARRAYS_H

#include "ops/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENTINEL = 77, MARGIN = 64 };

static int checks, failures;

static void fail(const fc_isa *isa, fc_dtype dtype, const char *what, int problem, double got,
                 double wanted) {
    failures++;
    printf("%s %s %s, problem %d: got %.17g, wanted %.17g\n", isa->name,
           dtype == FC_F32 ? "f32" : "f64", what, problem, got, wanted);
}

/* Arrays hold doubles that are exact in the type under test. */
static double get(const void *p, int64_t i, fc_dtype dtype) {
    return dtype == FC_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void set(void *p, int64_t i, double value, fc_dtype dtype) {
    if (dtype == FC_F32)
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

static void *block(int64_t elements) {
    /* Room beyond, to notice what is written there. */
    const size_t bytes = ((size_t)(elements + MARGIN) * 8 + 63) / 64 * 64;
    void *p = aligned_alloc(64, bytes);
    if (!p) exit(2);
    memset(p, SENTINEL, bytes);
    return p;
}

static bool overrun(const void *p, int64_t elements, fc_dtype dtype) {
    const unsigned char *end = (const unsigned char *)p + elements * (dtype == FC_F32 ? 4 : 8);
    for (int i = 0; i < MARGIN; i++)
        if (end[i] != SENTINEL) return true;
    return false;
}

static void *random_block(int64_t elements, fc_dtype dtype) {
    static uint64_t state = 1;
    void *p = block(elements);
    for (int64_t i = 0; i < elements; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        set(p, i, (double)(state >> 40) / (1 << 23) - 1, dtype);
    }
    return p;
}

static fc_tensor tensor(void *data, int64_t channels, int64_t height, int64_t width,
                        bool channels_last) {
    fc_tensor t = {.data = data, .batch = channels * height * width};
    t.channel = channels_last ? 1 : height * width;
    t.axis[FC_X] = channels_last ? channels : 1;
    t.axis[FC_Y] = width * t.axis[FC_X];
    return t;
}

static int64_t at(const fc_tensor *t, int64_t n, int64_t c, int64_t y, int64_t x) {
    return n * t->batch + c * t->channel + y * t->axis[FC_Y] + x * t->axis[FC_X];
}

#endif
