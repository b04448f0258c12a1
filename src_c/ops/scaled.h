/* Convolution of small numbers: images times a power of two, and the results scaled back. */
#ifndef FC_OPS_SCALED_H
#define FC_OPS_SCALED_H

#include "conv.h"

/* The whole job, those images scaled that are to be. */
fc_status fc_scaled_run(const fc_conv_job *job, const fc_task *task);

#endif
