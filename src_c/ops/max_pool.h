/* Max pooling over the last two axes, cut into items: blocks of planes or of rows. */
#ifndef FC_OPS_MAX_POOL_H
#define FC_OPS_MAX_POOL_H

#include "../base/status.h"
#include "../dispatch.h"
#include "conv.h"

typedef struct {
    fc_dtype dtype;
    bool ceil_mode;
    int64_t batch, channels;
    int64_t in[2], kernel[2], stride[2], dilation[2];
    int64_t pad_lo[2], pad_hi[2]; /* at most half of the kernel */
    int64_t out[2];               /* by fc_max_pool_validate, which also trims kernel and pad_lo */
} fc_max_pool_spec;

/* Pooling applied to actual arrays. */
typedef struct {
    fc_max_pool_spec spec;
    const fc_kernels *kernels;
    void (*kernel)(const fc_max_pool_args *);
    void (*copy_index)(const fc_copy_args *);
    fc_tensor x, y, index;            /* index.data is NULL where it is not wanted */
    int64_t planes, rows;             /* of one item; channels-last images are one plane */
    bool transposed;                  /* an item's planes are copied to channels-last scratch */
    int64_t plane_blocks, row_blocks; /* of one image */
    int64_t items, scratch_bytes;
} fc_max_pool_job;

/* Output size as PyTorch defines it: with ceil_mode the last window may hang
 * over the end, but must start inside the input or the padding before it. */
fc_status fc_max_pool_validate(fc_max_pool_spec *spec);

/* `index` may be NULL; its strides count int64 elements. */
void fc_max_pool_job_make(fc_max_pool_job *job, const fc_max_pool_spec *spec, const fc_isa *isa,
                          const fc_tensor *x, const fc_tensor *y, const fc_tensor *index);

/* Items [begin, end), in any order and any split. */
void fc_max_pool_run(const fc_max_pool_job *job, int64_t begin, int64_t end, void *scratch);

/* All items as a task for the threads, which refers to the job. */
fc_task fc_max_pool_task(const fc_max_pool_job *job);

#endif
