/* The im2col matrix itself, [image][channel * r * s][position], and its adjoint
 * col2im, which adds the columns back onto images. Items are (image, channel).
 * The convolution never builds this matrix; it is here for users' own algebra. */
#ifndef FC_OPS_COLUMNS_H
#define FC_OPS_COLUMNS_H

#include "conv.h"

/* `spec` is a validated convolution of one group with in_channels channels;
 * images have any strides, columns are contiguous. */
void fc_im2col(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image, void *columns,
               int64_t begin, int64_t end);
void fc_col2im(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image,
               const void *columns, int64_t begin, int64_t end);

#endif
