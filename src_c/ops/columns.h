/* The im2col matrix itself, [image][channel * r * s][position], and its adjoint
 * col2im, which adds the columns back onto images. Items of im2col are the matrix's rows,
 * (image, channel, r, s), those of col2im (image, channel).
 * The convolution never builds this matrix; it is here for users' own algebra. */
#ifndef FC_OPS_COLUMNS_H
#define FC_OPS_COLUMNS_H

#include "conv.h"

/* `spec` is a validated convolution of one group with in_channels channels;
 * the images of im2col have any strides, those of col2im and all columns are contiguous. */
void fc_im2col(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image, void *columns,
               int64_t begin, int64_t end);
void fc_col2im(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image,
               const void *columns, int64_t begin, int64_t end);

/* Either of them as a task for the threads, which refers to the arguments. */
typedef struct {
    const fc_conv_spec *spec;
    const fc_isa *isa;
    const fc_tensor *image;
    void *columns; /* read only by col2im */
    int64_t batch;
    bool back; /* col2im */
} fc_columns_job;

fc_task fc_columns_task(const fc_columns_job *job);

#endif
