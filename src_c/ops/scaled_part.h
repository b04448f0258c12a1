/* An image in parts, each as a convolution of its own, so that a part of the input and of the
 * result stay in the second-level cache: groups of planes; or rows, where channels are last or one.
 */
#ifndef FC_OPS_SCALED_PART_H
#define FC_OPS_SCALED_PART_H

#include "conv.h"

/* Bytes of the arrays of a part of the groups, for each thread. */
enum { FC_PART_BYTES = 512 * 1024 };

typedef struct {
    fc_conv_plan plan;
    const void *packed, *bias;
    int64_t x, y; /* where its arrays begin */
} fc_part;

/* Into how many; of rows, whatever the number of threads. */
int64_t fc_parts_of(const fc_conv_plan *plan, int threads);
fc_part fc_part_at(const fc_conv_job *job, int64_t parts, int64_t i);

/* Bytes of an image and its result. */
int64_t fc_part_image_bytes(const fc_conv_plan *plan);

#endif
