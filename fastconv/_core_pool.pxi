"""Max pooling."""


def max_pool(cnp.ndarray x not None, tuple kernel, tuple stride, tuple padding, tuple dilation,
             bint ceil_mode, bint return_indices, bint channels_last, out,
             threads):
    cdef fc_max_pool_spec spec
    cdef int i, ndim = cnp.PyArray_NDIM(x), kind
    cdef fc_status status
    compute = _compute_dtype(x.dtype, "x")
    kind = 1 if compute == f64 else 0
    cdef object original = x
    x = _as_type(x, kind)
    cdef Axes axes = _axes_of(ndim, channels_last)
    spec.dtype = FC_F64 if kind else FC_F32
    spec.ceil_mode = ceil_mode
    spec.batch = cnp.PyArray_DIM(x, axes.batch) if axes.batch >= 0 else 1
    spec.channels = cnp.PyArray_DIM(x, axes.channel)
    spec.in_[0] = cnp.PyArray_DIM(x, axes.y)
    spec.in_[1] = cnp.PyArray_DIM(x, axes.x)
    for i in range(2):
        spec.kernel[i] = kernel[i]
        spec.stride[i] = stride[i]
        spec.dilation[i] = dilation[i]
        spec.pad_lo[i] = padding[i][0]
        spec.pad_hi[i] = padding[i][1]
    if spec.channels < 1:
        raise ValueError(f"x must have at least one channel, got shape {original.shape}")
    status = fc_max_pool_validate(&spec)
    context = (f"x of {spec.in_[0]}x{spec.in_[1]} with kernel_size={kernel}, "
               f"stride={stride}, padding={padding}, dilation={dilation}")
    if status != FC_OK:
        _raise(status, context)
    cdef tuple shape = _shape(ndim, channels_last, spec.batch, spec.channels, spec.out[0],
                              spec.out[1])
    cdef cnp.ndarray y, index
    if out is None:
        y = _new(shape, kind)
    else:
        y = _checked_out(out, shape, f64 if kind else f32, (("x", original),))
    cdef fc_tensor xt = _tensor(x, channels_last), yt = _tensor(y, channels_last), it
    cdef fc_tensor *it_or_null = NULL
    if return_indices:
        index = np.empty(shape, np.int64)
        it = _tensor(index, channels_last)
        it_or_null = &it
    cdef fc_max_pool_job job
    fc_max_pool_job_make(&job, &spec, active, &xt, &yt, it_or_null)
    cdef fc_task task = fc_max_pool_task(&job)
    task.threads = _threads_of(threads)
    status = _run_task(&task)
    if status != FC_OK:
        _raise(status, context)
    result = y if out is None else out
    return (result, index) if return_indices else result


def store(out, result, x):
    """Copies a finished result into `out` after the checks that `out` always gets."""
    _checked_out(out, result.shape, result.dtype, (("x", x),))
    out[...] = result
    return out
