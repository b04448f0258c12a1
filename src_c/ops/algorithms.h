/* The rows of the table of convolution algorithms, one file each. */
#ifndef FC_OPS_ALGORITHMS_H
#define FC_OPS_ALGORITHMS_H

#include "conv.h"

/* To read weights, which come from the caller's memory. */
double fc_conv_read_cost(const fc_conv_spec *s, const fc_kernels *k);
/* The pack_cost of rows that make `packed` bytes of the weights, at so much for 64 of them, and of
 * those that only rearrange the weights. */
double fc_conv_transform_cost(const fc_conv_spec *s, const fc_kernels *k, double packed,
                              double line);
double fc_conv_copy_cost(const fc_conv_spec *s, const fc_kernels *k);

/* The part of the input that is read: strides beyond the kernel leave some out. */
double fc_share_read(const fc_conv_spec *s);

/* What loading channels-last strips of planes costs where such strides, beyond 2, leave no runs:
 * element by element, in time that does not depend on the vectors' length. */
double fc_copy_by_element(const fc_conv_spec *s, const fc_kernels *k);

extern const fc_conv_algorithm fc_conv_direct;
extern const fc_conv_algorithm fc_conv_im2col;
extern const fc_conv_algorithm fc_conv_dilated;
extern const fc_conv_algorithm fc_conv_depthwise;
extern const fc_conv_algorithm fc_conv_depthwise_pixels;
extern const fc_conv_algorithm fc_conv_grouped;
extern const fc_conv_algorithm fc_conv_winograd6;
extern const fc_conv_algorithm fc_conv_winograd5;
extern const fc_conv_algorithm fc_conv_winograd4;
extern const fc_conv_algorithm fc_conv_winograd3;

#endif
