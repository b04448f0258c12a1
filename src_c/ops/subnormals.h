/* A convolution of subnormal numbers, at the speed of any other. */
#ifndef FC_OPS_SUBNORMALS_H
#define FC_OPS_SUBNORMALS_H

#include "conv.h"

/* fc_task_run for the task of a job. Where sums or their terms are subnormal, images with small
 * numbers are convolved as if no exponent were too low, and the results rounded once; everything
 * else has the bits of fc_task_run. FC_NO_MEMORY also if there is none for a copy of an image. */
fc_status fc_conv_task_run(const fc_conv_job *job, const fc_task *task);

#endif
