/* Which images are scaled, and by what power of two. */
#ifndef FC_OPS_SCALED_POWER_H
#define FC_OPS_SCALED_POWER_H

#include "walk.h"

/* What follows from the job alone of the powers that its images may be scaled by. */
typedef struct {
    int sums, results; /* exponents: of sums of numbers below 1; of bias and activation */
    bool finite;
} fc_scaled_limits;

fc_scaled_limits fc_scaled_limits_of(const fc_conv_job *job);

/* The inputs of `batch` images from the n-th on. */
fc_walk fc_scaled_inputs(const fc_conv_job *job, int64_t n, int64_t batch);

/* Whether copies of images take less than to convolve them as they are, if that is slow: strides
 * may leave nearly all of an image out. */
bool fc_scaled_pays(const fc_conv_job *job);

/* By what power image n is to be scaled, for it has small numbers and no large ones; otherwise 0.
 */
int fc_scaled_power(const fc_conv_job *job, const fc_scaled_limits *limits, int64_t n);

/* Whether an image has more small numbers than a few. */
bool fc_scaled_has_small(const fc_conv_job *job, const fc_walk *image);

/* By what power, for numbers up to the largest; 0 if that is not worth it. */
int fc_scaled_power_for(const fc_conv_job *job, const fc_scaled_limits *limits, double largest);

/* A bound of the fused activation times 2^power; infinite where that would overflow, for scaled
 * sums do not reach it. */
double fc_scaled_bound(const fc_conv_spec *s, double bound, int power);

#endif
