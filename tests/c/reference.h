/* What a convolution must give: the exact sum in a wider type, and the derived bounds of
 * docs/numbers.md on the distance from it. */
#ifndef FC_TESTS_REFERENCE_H
#define FC_TESTS_REFERENCE_H

#include "arrays.h"
#include "problems.h"

#include <float.h>

static double gamma_of(int64_t n, double u) {
    return (double)n * u / (1 - (double)n * u);
}

static double roundoff_of(fc_dtype dtype) {
    return dtype == FC_F32 ? 0x1p-24 : 0x1p-53;
}

/* The least positive number: below the normal ones a product errs by up to half of it. */
static double tiny_of(fc_dtype dtype) {
    return dtype == FC_F32 ? 0x1p-149 : 0x1p-1074;
}

/* In the order [n][k][z][y][x]; `own` is the error of the value itself. */
typedef struct {
    int64_t count;
    double *value, *sum_bound, *own;
} reference;

static void free_reference(reference *r) {
    free(r->value), free(r->sum_bound), free(r->own);
}

static double *doubles(int64_t count) {
    double *p = calloc((size_t)count + !count, sizeof *p);
    if (!p) exit(2);
    return p;
}

/* x[image][channel][plane][row][column], zero where that is padding. */
static double padded_at(const problem *p, const double *x, int64_t n, int64_t c, int64_t plane,
                        int64_t row, int64_t column) {
    const int64_t depth = depth_of(p).in;
    if (plane < 0 || plane >= depth || row < 0 || row >= p->height || column < 0 ||
        column >= p->width)
        return 0;
    return x[(((n * p->channels + c) * depth + plane) * p->height + row) * p->width + column];
}

/* One element, and the sum of magnitudes that bounds its error. Padding takes part as zero. */
static long double sum_at(const problem *p, const double *x, const double *w, const double *bias,
                          int64_t n, int64_t k, const int64_t at[3], long double *size) {
    const depth_axis z = depth_of(p);
    const int64_t in = p->channels / p->groups, first = k / (p->filters / p->groups) * in;
    long double value = bias ? bias[k] : 0;
    *size = fabsl(value);
    const double *filter = w + k * in * z.kernel * p->kernel[0] * p->kernel[1];
    for (int64_t c = 0; c < in; c++)
        for (int64_t q = 0; q < z.kernel; q++)
            for (int64_t r = 0; r < p->kernel[0]; r++)
                for (int64_t s = 0; s < p->kernel[1]; s++) {
                    const long double term =
                        (long double)*filter++ *
                        padded_at(p, x, n, first + c, at[0] * z.stride + q * z.dilation - z.pad[0],
                                  at[1] * p->stride[0] + r * p->dilation[0] - p->pad[0],
                                  at[2] * p->stride[1] + s * p->dilation[1] - p->pad[2]);
                    value += term;
                    *size += fabsl(term);
                }
    return value;
}

static reference reference_of(const problem *p, fc_dtype dtype, const double *x, const double *w,
                              const double *bias) {
    const int64_t depth = out_depth(p), height = out_size(p, 0), width = out_size(p, 1);
    const int64_t taps = p->channels / p->groups * depth_of(p).kernel * p->kernel[0] * p->kernel[1];
    reference r = {.count = p->batch * p->filters * depth * height * width};
    r.value = doubles(r.count);
    r.sum_bound = doubles(r.count);
    r.own = doubles(r.count);
    /* The sum in long double rounds too; where that is a double, its bound is as large. And the
     * expected value is kept in double. */
    const double own = gamma_of(taps + 1, (double)LDBL_EPSILON / 2) + 0x1p-53;
    const double gamma = gamma_of(taps + 1, roundoff_of(dtype));
    const double tiny = (double)(taps + 1) * tiny_of(dtype);
    int64_t i = 0;
    for (int64_t n = 0; n < p->batch; n++)
        for (int64_t k = 0; k < p->filters; k++)
            for (int64_t each = 0; each < depth * height * width; each++, i++) {
                const int64_t at[] = {each / width / height, each / width % height, each % width};
                long double size;
                r.value[i] = (double)sum_at(p, x, w, bias, n, k, at, &size);
                r.own[i] = own * (double)size + tiny_of(FC_F64);
                r.sum_bound[i] = gamma * (double)size + tiny + r.own[i];
            }
    return r;
}

#endif
