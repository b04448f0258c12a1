/* Max pooling over the last two axes. Items are planes (image, channel). */
#ifndef FC_OPS_MAX_POOL_H
#define FC_OPS_MAX_POOL_H

#include "../base/status.h"
#include "../dispatch.h"
#include "conv.h"

typedef struct {
    fc_dtype dtype;
    bool ceil_mode;
    int64_t batch, channels;
    int64_t in[2], kernel[2], stride[2], dilation[2], pad_lo[2], pad_hi[2];
    int64_t out[2]; /* by fc_max_pool_validate, which also trims kernel and pad_lo */
} fc_max_pool_spec;

/* Output size as PyTorch defines it: with ceil_mode the last window may hang
 * over the end, but must start inside the input or the padding before it. */
fc_status fc_max_pool_validate(fc_max_pool_spec *spec);

int64_t fc_max_pool_scratch(const fc_max_pool_spec *spec, const fc_isa *isa);

/* Planes [begin, end). `index` may be NULL; its strides count int64 elements. */
void fc_max_pool_run(const fc_max_pool_spec *spec, const fc_isa *isa, const fc_tensor *x,
                     const fc_tensor *y, const fc_tensor *index, int64_t begin, int64_t end,
                     void *scratch);

/* All planes as a task for the threads, which refers to the arguments. */
typedef struct {
    const fc_max_pool_spec *spec;
    const fc_isa *isa;
    const fc_tensor *x, *y, *index;
} fc_max_pool_job;

fc_task fc_max_pool_task(const fc_max_pool_job *job);

#endif
