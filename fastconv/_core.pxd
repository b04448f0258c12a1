"""What the bridge uses of src_c, as C declares it."""

from libc.stdint cimport int64_t


# `bint` is an int, and functions that return one or the other are of different types.
cdef extern from "<stdbool.h>" nogil:
    ctypedef bint c_bool "bool"

cdef extern from "base/pages.h" nogil:
    void *fc_pages_allocate(size_t size)

cdef extern from "base/status.h" nogil:
    ctypedef enum fc_status:
        FC_OK
        FC_TOO_LARGE
        FC_EMPTY_OUTPUT
        FC_UNSUPPORTED
        FC_NO_MEMORY
        FC_STOPPED
    const char *fc_status_text(fc_status status)
    const char *fc_status_exception(fc_status status)

cdef extern from "base/workspace.h" nogil:
    void *fc_workspace_acquire(size_t size)
    void fc_workspace_release(void *block)

cdef extern from "base/results.h" nogil:
    void *fc_result_allocate(size_t size)
    void *fc_result_resize(void *block, size_t size)
    void fc_result_free(void *block)

cdef extern from "base/threads.h" nogil:
    enum:
        FC_THREADS_MOST
    ctypedef struct fc_task:
        int64_t items
        size_t scratch_bytes
        void *scratch
        double nanoseconds
        int threads
        c_bool (*stop)()
    int fc_task_threads(const fc_task *task)
    fc_status fc_task_run(const fc_task *task)

cdef extern from "dispatch.h" nogil:
    ctypedef enum fc_dtype:
        FC_F32
        FC_F64
    ctypedef struct fc_kernels:
        int64_t element
    ctypedef struct fc_isa:
        const char *name
        c_bool (*runs_here)()
        const fc_kernels *kernels[2]
    const fc_isa *fc_isa_at(int i)
    const fc_isa *fc_isa_find(const char *name)
    const fc_isa *fc_isa_best()

cdef extern from "ops/conv.h" nogil:
    enum:
        FC_SCRATCH_ALIGNMENT
    ctypedef struct fc_conv_spec:
        fc_dtype dtype
        bint channels_last, exact
        int64_t in_channels, out_channels, groups
        # `in` is a Python keyword
        int64_t in_ "in" [3]
        int64_t kernel[3]
        int64_t stride[3]
        int64_t dilation[3]
        int64_t pad_lo[3]
        int64_t pad_hi[3]
        double clip_lo, clip_hi
        int64_t out[3]
    ctypedef struct fc_tensor:
        void *data
        int64_t batch, channel
        int64_t axis[3]
    ctypedef struct fc_conv_algorithm:
        const char *name
        const char *family
        const char *(*refuse)(const fc_conv_spec *, const fc_kernels *)
        double (*cost)(const fc_conv_spec *, const fc_kernels *)
    ctypedef struct fc_conv_plan:
        fc_conv_spec spec
        const fc_isa *isa
        const fc_kernels *kernels
        const fc_conv_algorithm *algorithm
        int64_t packed_bytes
        double largest_weight
    ctypedef struct fc_geometry:
        int64_t items
    ctypedef struct fc_conv_job:
        const fc_conv_plan *plan
        const void *packed
        fc_tensor x, y
        int64_t images
        fc_geometry geometry
        int64_t scratch_bytes
    const fc_conv_algorithm *fc_conv_algorithm_at(int i)
    const fc_conv_algorithm *fc_conv_packs_for(const fc_conv_plan *plan)
    fc_status fc_conv_validate(fc_conv_spec *spec)
    fc_status fc_conv_plan_make(fc_conv_plan *plan, const fc_conv_spec *spec,
                                const fc_isa *isa, const char *family,
                                bint packs_each_call)
    void fc_conv_pack(fc_conv_plan *plan, const void *w, const void *bias, void *packed)
    fc_status fc_conv_job_make(fc_conv_job *job, const fc_conv_plan *plan, const void *packed,
                               int64_t batch, const fc_tensor *x, const fc_tensor *y)
    fc_task fc_conv_task(fc_conv_job *job, int threads)

cdef extern from "ops/subnormals.h" nogil:
    fc_status fc_conv_task_run(const fc_conv_job *job, const fc_task *task)

cdef extern from "ops/max_pool.h" nogil:
    ctypedef struct fc_max_pool_spec:
        fc_dtype dtype
        bint ceil_mode
        int64_t batch, channels
        int64_t in_ "in" [2]
        int64_t kernel[2]
        int64_t stride[2]
        int64_t dilation[2]
        int64_t pad_lo[2]
        int64_t pad_hi[2]
        int64_t out[2]
    fc_status fc_max_pool_validate(fc_max_pool_spec *spec)
    ctypedef struct fc_max_pool_job:
        int64_t items, scratch_bytes
    void fc_max_pool_job_make(fc_max_pool_job *job, const fc_max_pool_spec *spec,
                              const fc_isa *isa, const fc_tensor *x, const fc_tensor *y,
                              const fc_tensor *index)
    fc_task fc_max_pool_task(const fc_max_pool_job *job)

cdef extern from "ops/columns.h" nogil:
    ctypedef struct fc_columns_job:
        const fc_conv_spec *spec
        const fc_isa *isa
        const fc_tensor *image
        const fc_tensor *columns
        int64_t batch
        bint back
    fc_task fc_columns_task(const fc_columns_job *job)
