/* What every check shares: how a case is put together, and how a failure is told. */
#ifndef FC_TESTS_CHECK_H
#define FC_TESTS_CHECK_H

#include "arrays.h"
#include "problems.h"

/* Everything about a case but its geometry. */
typedef struct {
    fc_dtype dtype;
    bool channels_last, bias, flush_start;
    int x_view, y_view;
    value_kind values;
    double clip_lo, clip_hi;
    uint64_t seed;
} form;

static const form plain_form = {.bias = true, .clip_lo = -INFINITY, .clip_hi = INFINITY, .seed = 1};

#ifndef FC_TEST_FAILURES
#define FC_TEST_FAILURES 50 /* which say enough */
#endif

static void fail(const fc_isa *isa, const form *f, const problem *p, const char *what,
                 const char *how, int64_t at, double got, double wanted) {
    failures++;
    printf("%s %s %s: %s\n", isa ? isa->name : "any", f->dtype == FC_F32 ? "f32" : "f64", what,
           how);
    printf("  at %lld got %.17g, wanted %.17g\n", (long long)at, got, wanted);
    printf("  batch %lld, channels %lld -> %lld in %lld groups, image %lld x %lld, kernel %lld x "
           "%lld, stride %lld %lld, dilation %lld %lld, pad %lld %lld %lld %lld, depth %lld kernel "
           "%lld stride %lld dilation %lld pad %lld %lld\n",
           (long long)p->batch, (long long)p->channels, (long long)p->filters, (long long)p->groups,
           (long long)p->height, (long long)p->width, (long long)p->kernel[0],
           (long long)p->kernel[1], (long long)p->stride[0], (long long)p->stride[1],
           (long long)p->dilation[0], (long long)p->dilation[1], (long long)p->pad[0],
           (long long)p->pad[1], (long long)p->pad[2], (long long)p->pad[3], (long long)p->depth.in,
           (long long)p->depth.kernel, (long long)p->depth.stride, (long long)p->depth.dilation,
           (long long)p->depth.pad[0], (long long)p->depth.pad[1]);
    printf("  %s, views %#x -> %#x, values %d, seed %llu, bias %d, clip %g %g\n",
           f->channels_last ? "channels last" : "channels first", f->x_view, f->y_view, f->values,
           (unsigned long long)f->seed, f->bias, f->clip_lo, f->clip_hi);
    if (failures == FC_TEST_FAILURES) exit(1);
}

static double clipped(const form *f, double v) {
    return v < f->clip_lo ? f->clip_lo : v > f->clip_hi ? f->clip_hi : v;
}

/* Whether the bit patterns agree, all NaN being one. */
static int64_t first_difference(const double *a, const double *b, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!same(a[i], b[i]) || (a[i] == 0 && signbit(a[i]) != signbit(b[i]))) return i;
    return -1;
}

#endif
