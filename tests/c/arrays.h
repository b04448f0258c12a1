/* Arrays of the C drivers: memory that faults beyond its end (or before its start), values of every
 * kind, and views of any strides.
 *
 * With FC_TEST_MALLOC arrays come from malloc instead, exactly as long as they are, for tools that
 * watch the heap; with FC_TEST_UNDEFINED they are left as malloc gives them, for tools that know
 * what was never written. */
#ifndef FC_TESTS_ARRAYS_H
#define FC_TESTS_ARRAYS_H

#include "ops/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int64_t checks, failures;

static size_t bytes_of(fc_dtype dtype) {
    return dtype == FC_F32 ? 4 : 8;
}

/* ------------------------------------------------------------------ memory */

/* A NaN of either type, signalling in double and in every other float; as an index, far beyond
 * everything. What reads it before writing shows in the result. */
static const uint64_t POISON = 0x7ff400007fa00000;

/* By address, so that any piece of a poisoned block can be poisoned again on its own. */
static unsigned char poison_at(const unsigned char *p) {
    return (unsigned char)(POISON >> (uintptr_t)p % 8 * 8);
}

static void poison(void *block, size_t bytes) {
#ifndef FC_TEST_UNDEFINED
    unsigned char *p = block, *end = p + bytes;
    for (; p < end && (uintptr_t)p % 8; p++) *p = poison_at(p);
    for (; end - p >= 8; p += 8) memcpy(p, &POISON, 8);
    for (; p < end; p++) *p = poison_at(p);
#else
    (void)block, (void)bytes;
#endif
}

static bool poisoned(const void *block, size_t bytes) {
    const unsigned char *p = block, *end = p + bytes;
    for (; p < end && (uintptr_t)p % 8; p++)
        if (*p != poison_at(p)) return false;
    for (; end - p >= 8; p += 8)
        if (memcmp(p, &POISON, 8)) return false;
    for (; p < end; p++)
        if (*p != poison_at(p)) return false;
    return true;
}

/* One array of each role at a time: a new one replaces the last. */
typedef enum { X, W, BIAS, Y, INDEX, PACKED, SCRATCH, ROLES } role;
static bool flush_start; /* place arrays after a fence rather than before one */

/* Without SIMD's alignment unless asked for: users' arrays have their element's only. */
static void *array_of(role r, int64_t elements, size_t element, size_t alignment) {
    const size_t bytes = (size_t)elements * element;
#ifdef FC_TEST_MALLOC
    static void *held[ROLES];
    free(held[r]);
    held[r] = NULL;
    if (posix_memalign(&held[r], alignment < 8 ? 8 : alignment, bytes ? bytes : 1)) exit(2);
    void *p = held[r];
#else
    static struct {
        char *base;
        size_t room;
    } arenas[ROLES];
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (arenas[r].room < bytes) {
        const size_t room = (bytes * 2 + page) / page * page;
        if (arenas[r].base) munmap(arenas[r].base, arenas[r].room + 2 * page);
        char *base = mmap(NULL, room + 2 * page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED || mprotect(base, page, PROT_NONE) ||
            mprotect(base + page + room, page, PROT_NONE))
            exit(2);
        arenas[r].base = base;
        arenas[r].room = room;
    }
    char *first = arenas[r].base + page;
    const size_t down = (size_t)(first + arenas[r].room - bytes) % alignment;
    void *p = flush_start ? first : first + arenas[r].room - bytes - down;
#endif
    poison(p, bytes);
    return p;
}

/* ------------------------------------------------------------------ values */

typedef enum {
    UNIFORM,
    INTEGERS,
    OUTLIERS,
    TINY,
    SPECIALS,
    SUBNORMAL,
    KINDS,
    PARTLY_SUBNORMAL
} value_kind;

static uint64_t random_state = 1;

static uint64_t random_bits(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

static double subnormal_scale(fc_dtype dtype) {
    return dtype == FC_F32 ? 0x1p-127 : 0x1p-1023;
}

static double random_value(value_kind kind, fc_dtype dtype) {
    const double specials[] = {NAN, INFINITY, -INFINITY, -0.0};
    const double v = (double)(random_bits() >> 7) / (1 << 23) - 1;
    switch (kind) {
    case INTEGERS:
        return floor(v * 9);
    case OUTLIERS:
        return random_bits() % 32 ? v : v * 1e4;
    case TINY: /* products are subnormal */
        return v * (dtype == FC_F32 ? 0x1p-70 : 0x1p-520);
    case SUBNORMAL:
        return v * subnormal_scale(dtype);
    case SPECIALS:
        return random_bits() % 64 ? v : specials[random_bits() % 4];
    default:
        return v;
    }
}

/* `elements` doubles that are exact in the type under test. */
static double *random_values(int64_t elements, value_kind kind, fc_dtype dtype) {
    double *p = malloc((size_t)elements * sizeof *p);
    if (!p) exit(2);
    for (int64_t i = 0; i < elements; i++) {
        p[i] = random_value(kind, dtype);
        if (dtype == FC_F32) p[i] = (double)(float)p[i];
    }
    return p;
}

/* Some images, or stretches of them, become subnormal. */
static void make_partly_subnormal(double *p, int64_t images, int64_t each, fc_dtype dtype) {
    for (int64_t n = 0; n < images; n++, p += each) {
        const int64_t length = random_bits() % 3 ? each : 1 + (int64_t)random_bits() % each;
        for (int64_t i = 0; i < each; i += length) {
            if (random_bits() % 2) continue;
            for (int64_t j = i; j < each && j < i + length; j++) {
                p[j] *= subnormal_scale(dtype);
                if (dtype == FC_F32) p[j] = (double)(float)p[j];
            }
        }
    }
}

static double get(const void *p, int64_t i, fc_dtype dtype) {
    return dtype == FC_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void set(void *p, int64_t i, double value, fc_dtype dtype) {
    if (dtype == FC_F32)
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* ------------------------------------------------------------------- views */

/* An array of [n][c][y][x] in memory, `elements` of which the view spans. */
typedef struct {
    fc_tensor t;
    void *data;
    int64_t size[4], elements;
    fc_dtype dtype;
} array;

/* Bits of a view: how it departs from C order. */
enum {
    STEP_2 = 1,
    STEP_3 = 2,
    PITCH = 4,
    TRANSPOSED = 8,
    REVERSED_X = 16,
    REVERSED_Y = 32,
    REVERSED_C = 64,
    BROADCAST_C = 128, /* of inputs only: one channel, seen again and again */
};

static array array_in(role r, int view, const int64_t size[4], fc_dtype dtype, size_t element,
                      bool channels_last) {
    enum { N, C, H, V };
    int order[4] = {N, channels_last ? H : C, channels_last ? V : H, channels_last ? C : V};
    if (view & TRANSPOSED) {
        for (int i = 0; i < 4; i++) order[i] = order[i] == H ? V : order[i] == V ? H : order[i];
    }
    const bool reversed[4] = {false, view & REVERSED_C, view & REVERSED_Y, view & REVERSED_X};
    int64_t stride[4], step = view & STEP_2 ? 2 : view & STEP_3 ? 3 : 1, origin = 0, last = 0;
    for (int i = 3; i >= 0; i--) {
        const int axis = order[i];
        stride[axis] = axis == C && (view & BROADCAST_C) ? 0 : step;
        last += (size[axis] - 1) * stride[axis];
        if (reversed[axis]) {
            origin += (size[axis] - 1) * stride[axis];
            stride[axis] = -stride[axis];
        }
        if (stride[axis]) step *= size[axis];
        if (i == 3 && (view & PITCH)) step += 5;
    }
    array a = {.dtype = dtype, .elements = last + 1};
    memcpy(a.size, size, sizeof a.size);
    a.data = array_of(r, a.elements, element, element);
    a.t = (fc_tensor){.data = (char *)a.data + origin * (int64_t)element,
                      .batch = stride[N],
                      .channel = stride[C],
                      .axis = {0, stride[H], stride[V]}};
    return a;
}

static int64_t at(const fc_tensor *t, int64_t n, int64_t c, int64_t y, int64_t x) {
    return n * t->batch + c * t->channel + y * t->axis[FC_Y] + x * t->axis[FC_X];
}

/* Every element in the order [n][c][y][x], counted by i, at position `where`. */
#define FOR_EACH(a, i, where) \
    for (int64_t i = 0, n_ = 0; n_ < (a)->size[0]; n_++) \
        for (int64_t c_ = 0; c_ < (a)->size[1]; c_++) \
            for (int64_t y_ = 0; y_ < (a)->size[2]; y_++) \
                for (int64_t x_ = 0, where = at(&(a)->t, n_, c_, y_, 0); x_ < (a)->size[3]; \
                     x_++, i++, where += (a)->t.axis[FC_X])

/* Broadcast channels end up equal, so what was written is read back. */
static void fill(const array *a, double *values) {
    FOR_EACH(a, i, where) set(a->t.data, where, values[i], a->dtype);
    FOR_EACH(a, i, where) values[i] = get(a->t.data, where, a->dtype);
}

/* Takes the results out; whether all that lies between them is as it was. */
static bool take(const array *a, double *values) {
    FOR_EACH(a, i, where) values[i] = get(a->t.data, where, a->dtype);
#ifdef FC_TEST_UNDEFINED
    return true;
#else
    const size_t element = bytes_of(a->dtype);
    FOR_EACH(a, i, where) poison((char *)a->t.data + where * (int64_t)element, element);
    return poisoned(a->data, (size_t)a->elements * element);
#endif
}

#endif
