/* The im2col matrix itself, [image][channel * r * s][position], and its adjoint
 * col2im, which adds the columns back onto images. Items of im2col are the matrix's rows,
 * (image, channel, r, s), those of col2im (image, channel).
 * The convolution never builds this matrix; it is here for users' own algebra. */
#ifndef FC_OPS_COLUMNS_H
#define FC_OPS_COLUMNS_H

#include "conv.h"

/* `spec` is a validated convolution of one group with in_channels channels;
 * what is read has any strides, what is written is contiguous. A tensor of columns has its rows
 * for channels, and its positions along FC_X. */
void fc_im2col(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image, void *columns,
               int64_t begin, int64_t end);
void fc_col2im(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image,
               const fc_tensor *columns, int64_t begin, int64_t end);

/* Either of them as a task for the threads, which refers to the arguments. */
typedef struct {
    const fc_conv_spec *spec;
    const fc_isa *isa;
    const fc_tensor *image;
    const fc_tensor *columns;
    int64_t batch;
    bool back; /* col2im */
} fc_columns_job;

fc_task fc_columns_task(const fc_columns_job *job);

#endif
