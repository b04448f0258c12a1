"""The im2col matrix and its adjoint."""

cdef int _columns_spec(fc_conv_spec *spec, tuple shape, tuple kernel, tuple stride,
                       tuple padding, tuple dilation, int kind, str what) except -1:
    cdef fc_status status
    if shape[1] < 1:
        raise ValueError(f"x must have at least one channel, got shape {shape}")
    spec.dtype = FC_F64 if kind else FC_F32
    spec.channels_last = False
    spec.in_channels = shape[1]
    spec.out_channels = spec.groups = 1
    _fill(spec.in_, (shape[2], shape[3]))
    _fill(spec.kernel, kernel)
    _fill(spec.stride, stride)
    _fill(spec.dilation, dilation)
    _fill(spec.pad_lo, (padding[0][0], padding[1][0]))
    _fill(spec.pad_hi, (padding[0][1], padding[1][1]))
    spec.pad_lo[0] = spec.pad_hi[0] = 0
    status = fc_conv_validate(spec)
    if status != FC_OK:
        _raise(status, _geometry(shape, kernel, stride, padding, dilation, what))
    return 0


cdef str _geometry(tuple shape, tuple kernel, tuple stride, tuple padding, tuple dilation,
                   str what):
    return (f"{what} of {shape[2]}x{shape[3]} with kernel_size={kernel}, stride={stride}, "
            f"padding={padding}, dilation={dilation}")


cdef inline fc_tensor _rows(cnp.ndarray columns) noexcept:
    """The matrix as C has it: rows for channels, positions along the last axis."""
    cdef fc_tensor t
    cdef cnp.npy_intp size = cnp.PyArray_ITEMSIZE(columns)
    t.data = cnp.PyArray_DATA(columns)
    t.batch = cnp.PyArray_STRIDE(columns, 0) // size
    t.channel = cnp.PyArray_STRIDE(columns, 1) // size
    t.axis[0] = t.axis[1] = 0
    t.axis[2] = cnp.PyArray_STRIDE(columns, 2) // size
    return t


cdef cnp.ndarray _result(tuple shape, int kind, str what):
    """Room for a result, or an error that says what it was for: NumPy's own names no argument."""
    if math.prod(shape) > INT64_MAX // 8:
        _raise(FC_TOO_LARGE, f"{what}, a result of shape {shape}")
    try:
        return np.empty(shape, f64 if kind else f32)
    except MemoryError as error:
        raise MemoryError(f"{what}: {error}") from None


def im2col(cnp.ndarray x not None, tuple kernel, tuple stride, tuple padding, tuple dilation):
    cdef fc_conv_spec spec
    cdef int kind = 1 if _compute_dtype(x.dtype, "x") == f64 else 0
    x = _as_type(x, kind)
    _columns_spec(&spec, (<object>x).shape, kernel, stride, padding, dilation, kind,
                  "x")
    cdef int64_t batch = cnp.PyArray_DIM(x, 0), channels = cnp.PyArray_DIM(x, 1)
    cdef cnp.ndarray columns = _result(
        (batch, channels * kernel[0] * kernel[1], spec.out[1] * spec.out[2]), kind,
        _geometry((<object>x).shape, kernel, stride, padding, dilation, "x"))
    cdef fc_tensor image = _tensor(x, False), rows = _rows(columns)
    cdef fc_columns_job job = [&spec, active, &image, &rows, batch, False]
    cdef fc_task task = fc_columns_task(&job)
    task.threads = _limit
    _run_task(&task)
    return columns


def col2im(cnp.ndarray columns not None, tuple shape, tuple kernel, tuple stride,
           tuple padding, tuple dilation):
    cdef fc_conv_spec spec
    cdef int kind = 1 if _compute_dtype(columns.dtype, "cols") == f64 else 0
    columns = _as_type(columns, kind)
    _columns_spec(&spec, shape, kernel, stride, padding, dilation, kind, "output_size")
    if (<object>columns).shape[2] != spec.out[1] * spec.out[2]:
        raise ValueError(f"cols must have {spec.out[1] * spec.out[2]} positions "
                         f"({spec.out[1]} x {spec.out[2]} outputs), got shape "
                         f"{(<object>columns).shape}")
    cdef cnp.ndarray x = _result(shape, kind, _geometry(shape, kernel, stride, padding, dilation,
                                                        "output_size"))
    cdef fc_tensor image = _tensor(x, False), rows = _rows(columns)
    cdef fc_columns_job job = [&spec, active, &image, &rows, shape[0], True]
    cdef fc_task task = fc_columns_task(&job)
    task.threads = _limit
    _run_task(&task)
    return x
