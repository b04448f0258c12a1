#include "scaled_power.h"

#include "../base/integers.h"

#include <math.h>

/* Fewer small numbers than one in so many do not cost what scaling does. */
enum { FEW = 4096 };

static const int POWERS[] = {[FC_F32] = 64, [FC_F64] = 512};
static const int MANTISSAS[] = {[FC_F32] = 24, [FC_F64] = 53};
static const int EXPONENTS[] = {[FC_F32] = 126, [FC_F64] = 1022};

/* x < 2^exponent, for x >= 0. */
static int exponent_of(double x) {
    int exponent;
    frexp(x, &exponent);
    return x > 0 ? exponent : -EXPONENTS[FC_F64];
}

/* As the kernels have it. */
static double bound_of(const fc_conv_spec *s, double bound) {
    return s->dtype == FC_F32 ? (double)(float)bound : bound;
}

double fc_scaled_bound(const fc_conv_spec *s, double bound, int power) {
    const double b = bound_of(s, bound);
    if (!isfinite(b) || exponent_of(fabs(b)) + power > EXPONENTS[s->dtype])
        return copysign(INFINITY, b);
    return ldexp(b, power);
}

/* Of the bounds, one that sums reach which are small: the others only must not be reached. */
static double bound_met(const fc_conv_spec *s) {
    return fmax(fmax(bound_of(s, s->clip_lo), -bound_of(s, s->clip_hi)), 0);
}

fc_scaled_limits fc_scaled_limits_of(const fc_conv_job *job) {
    enum { TRANSFORMS = 20 }; /* what Winograd's may add, of inputs, filters and outputs */
    const fc_conv_plan *plan = job->plan;
    const fc_conv_spec *s = &plan->spec;
    const fc_kernels *k = job->kernels;
    const int64_t terms = fc_group_in(s) * fc_kernel_size(s);
    const double bias = fc_conv_largest(job->packed, plan->algorithm->bias_elements(s, k), k);
    const double results = fmax(bias, bound_met(s));
    const double weight = plan->largest_weight >= 0
                              ? plan->largest_weight
                              : fc_conv_largest(plan->weights, s->out_channels * terms, k);
    const int sum = exponent_of(weight) + exponent_of((double)terms);
    return (fc_scaled_limits){
        .sums = (int)fc_max(sum, 0) + TRANSFORMS, /* the numbers themselves have to fit, too */
        .results = exponent_of(results),
        .finite = isfinite(results) && isfinite(weight),
    };
}

int fc_scaled_power_for(const fc_conv_job *job, const fc_scaled_limits *l, double largest) {
    const fc_dtype dtype = job->plan->spec.dtype;
    if (!l->finite || !isfinite(largest)) return 0;
    const int64_t sums = l->sums + exponent_of(largest);
    const int room = EXPONENTS[dtype] - (int)fc_max(sums, l->results);
    return room < MANTISSAS[dtype] ? 0 : (int)fc_min(room, POWERS[dtype]);
}

fc_walk fc_scaled_inputs(const fc_conv_job *job, int64_t n, int64_t batch) {
    const fc_conv_spec *s = &job->plan->spec;
    fc_tensor x = job->x;
    x.data = fc_at_mut(x.data, n * x.batch, job->kernels);
    return fc_walk_over(&x, job->kernels, s->channels_last, batch, s->in_channels, s->in);
}

bool fc_scaled_pays(const fc_conv_job *job) {
    enum { COPIES = 16 }; /* of a number, in the time of a subnormal product, or fewer */
    const fc_conv_spec *s = &job->plan->spec;
    const double terms = (double)(fc_group_in(s) * fc_kernel_size(s));
    const double products = (double)s->out_channels * (double)fc_out_pixels(s) * terms;
    return (double)(s->in_channels * fc_in_pixels(s)) <= COPIES * products;
}

bool fc_scaled_has_small(const fc_conv_job *job, const fc_walk *image) {
    return fc_walk_has_small(image, POWERS[job->plan->spec.dtype],
                             fc_max(image->elements / FEW, 1));
}

int fc_scaled_power(const fc_conv_job *job, const fc_scaled_limits *limits, int64_t n) {
    const fc_walk image = fc_scaled_inputs(job, n, 1);
    return fc_scaled_has_small(job, &image)
               ? fc_scaled_power_for(job, limits, fc_walk_largest(&image))
               : 0;
}
