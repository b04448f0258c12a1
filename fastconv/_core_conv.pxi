"""Convolution: settings, plans, and running them."""

cdef inline void _fill(int64_t *to, tuple values) noexcept:
    to[0] = 1
    to[1] = values[0]
    to[2] = values[1]


cdef str _describe(fc_conv_spec *s):
    return (f"x of {s.in_[1]}x{s.in_[2]} padded by (({s.pad_lo[1]}, {s.pad_hi[1]}), "
            f"({s.pad_lo[2]}, {s.pad_hi[2]})) with w of {s.kernel[1]}x{s.kernel[2]}, "
            f"stride ({s.stride[1]}, {s.stride[2]}), dilation ({s.dilation[1]}, {s.dilation[2]})")


cdef int _check_channels(cnp.ndarray w, bias, int64_t channels, int64_t groups) except -1:
    cdef int i
    cdef tuple w_shape = (<object>w).shape
    for i in range(4):
        if cnp.PyArray_DIM(w, i) < 1:
            raise ValueError(f"w must have no empty dimension, got shape {w_shape}")
    if channels < 1:
        raise ValueError(f"x must have at least one channel, got {channels}")
    if channels % groups:
        raise ValueError(f"groups must divide the {channels} channels of x, got {groups}")
    if cnp.PyArray_DIM(w, 0) % groups:
        raise ValueError(f"groups must divide the {w_shape[0]} output channels of w, got {groups}")
    if cnp.PyArray_DIM(w, 1) != channels // groups:
        raise ValueError(f"w must have {channels // groups} input channels ({channels} of x / "
                         f"{groups} groups), got shape {w_shape}")
    if bias is not None:
        if bias.ndim != 1 or bias.shape[0] != w_shape[0]:
            raise ValueError(f"bias must have shape ({w_shape[0]},), got shape {bias.shape}")
    return 0


cdef class Settings:
    """Everything about a convolution but its arrays, in C's own form."""
    cdef fc_conv_spec spec
    cdef bytes algorithm   # None for "auto"
    cdef bint or_else_auto  # `algorithm` is a preference: fall back to "auto" if it refuses
    cdef int threads        # 0 for the default

    # Not __init__, which may be left out or called twice.
    def __cinit__(self, tuple stride, tuple padding, tuple dilation, int64_t groups,
                  bint channels_last, double lo, double hi, str algorithm, bint exact=False,
                  bint or_else_auto=False, threads=None):
        cdef int64_t *s = self.spec.stride
        _fill(s, stride)
        _fill(self.spec.dilation, dilation)
        _fill(self.spec.pad_lo, (padding[0][0], padding[1][0]))
        _fill(self.spec.pad_hi, (padding[0][1], padding[1][1]))
        self.spec.pad_lo[0] = self.spec.pad_hi[0] = 0
        self.spec.groups = groups
        self.spec.channels_last = channels_last
        self.spec.clip_lo = lo
        self.spec.clip_hi = hi
        self.spec.exact = exact
        self.or_else_auto = or_else_auto
        self.threads = 0 if threads is None else min(threads, FC_THREADS_MOST)
        self.algorithm = None if algorithm is None else algorithm.encode()


cdef int _make_plan(fc_conv_plan *plan, Settings settings, cnp.ndarray x, cnp.ndarray w, bias,
                    int kind, bint packs_each_call) except -1:
    """Checks the shapes and chooses the algorithm."""
    cdef fc_conv_spec spec = settings.spec
    cdef fc_status status
    cdef const char *wanted = NULL
    cdef Axes axes = _axes_of(cnp.PyArray_NDIM(x), spec.channels_last)
    _check_channels(w, bias, cnp.PyArray_DIM(x, axes.channel), spec.groups)
    spec.dtype = FC_F64 if kind else FC_F32
    spec.in_channels = cnp.PyArray_DIM(x, axes.channel)
    spec.out_channels = cnp.PyArray_DIM(w, 0)
    spec.in_[0] = spec.kernel[0] = 1
    spec.in_[1] = cnp.PyArray_DIM(x, axes.y)
    spec.in_[2] = cnp.PyArray_DIM(x, axes.x)
    spec.kernel[1] = cnp.PyArray_DIM(w, 2)
    spec.kernel[2] = cnp.PyArray_DIM(w, 3)
    status = fc_conv_validate(&spec)
    if status == FC_OK:
        if settings.algorithm is not None:
            wanted = settings.algorithm
        status = fc_conv_plan_make(plan, &spec, active, wanted, packs_each_call)
        if status == FC_UNSUPPORTED and settings.or_else_auto:
            status = fc_conv_plan_make(plan, &spec, active, NULL, packs_each_call)
        if status == FC_UNSUPPORTED:
            name = settings.algorithm.decode()
            raise ValueError(f"algorithm={name!r} does not apply here: "
                             f"{_why_not(&spec, name)}")
    if status != FC_OK:
        _raise(status, _describe(&spec))
    return 0


cdef str _why_not(const fc_conv_spec *spec, str family):
    cdef int i = 0
    while fc_conv_algorithm_at(i).family.decode() != family:
        i += 1
    return _refusals(spec)[fc_conv_algorithm_at(i).name.decode()]


cdef dict _refusals(const fc_conv_spec *spec):
    """Why each algorithm refuses this problem; those that accept map to None."""
    cdef int i = 0
    cdef const char *why
    cdef const fc_conv_algorithm *row
    reasons = {}
    while fc_conv_algorithm_at(i) != NULL:
        row = fc_conv_algorithm_at(i)
        why = row.refuse(spec, active.kernels[<int>spec.dtype])
        reasons[row.name.decode()] = None if why == NULL else why.decode()
        i += 1
    return reasons


cdef object _run(const fc_conv_plan *plan, int threads, const void *packed,
                 size_t packed_in_workspace, cnp.ndarray w, bias, cnp.ndarray x, out,
                 tuple inputs):
    """Runs a plan on x; packs first, into the workspace, where `packed` is NULL."""
    cdef const fc_conv_spec *spec = &plan.spec
    cdef int ndim = cnp.PyArray_NDIM(x)
    cdef bint last = spec.channels_last
    cdef Axes axes = _axes_of(ndim, last)
    cdef int64_t batch = cnp.PyArray_DIM(x, axes.batch) if axes.batch >= 0 else 1
    cdef tuple shape = _shape(ndim, last, batch, spec.out_channels, spec.out[1], spec.out[2])
    cdef int kind = 1 if spec.dtype == FC_F64 else 0
    cdef cnp.ndarray y
    if out is None:
        y = _new(shape, kind)
    else:
        y = _checked_out(out, shape, f64 if kind else f32, inputs)
    cdef fc_tensor xt = _tensor(x, last), yt = _tensor(y, last)
    cdef fc_conv_job job
    cdef fc_conv_plan mine = plan[0]
    cdef fc_task task
    cdef char *block = NULL
    cdef const void *w_data = cnp.PyArray_DATA(w)
    cdef const void *bias_data = NULL
    if bias is not None:
        bias_data = cnp.PyArray_DATA(bias)
    cdef fc_status status = fc_conv_job_make(&job, &mine, packed, batch, &xt, &yt)
    if status != FC_OK:
        _raise(status, _describe(&mine.spec))
    task = fc_conv_task(&job)
    task.threads = threads if threads else _limit
    if packed == NULL:
        block = <char *>fc_workspace_acquire(<size_t>job.scratch_bytes + packed_in_workspace)
        if block == NULL:
            status = FC_NO_MEMORY
        else:
            with nogil:
                fc_conv_pack(&mine, w_data, bias_data, block)
            job.packed = block
            task.scratch = block + packed_in_workspace
    try:
        if status == FC_OK:
            status = _run_task(&task)
    finally:
        if block != NULL:
            fc_workspace_release(block)
    if status != FC_OK:
        _raise(status, f"{job.scratch_bytes + packed_in_workspace} bytes of scratch for "
                       f"{_describe(&mine.spec)}")
    return y if out is None else out


cdef inline size_t _aligned(int64_t size) noexcept nogil:
    return (<size_t>size + FC_SCRATCH_ALIGNMENT - 1) // FC_SCRATCH_ALIGNMENT * FC_SCRATCH_ALIGNMENT


def conv(Settings settings not None, cnp.ndarray x not None, cnp.ndarray w not None, bias, out):
    """One convolution, weights packed for this call alone."""
    cdef fc_conv_plan plan
    cdef int kind = _common_type(x, "x", w, "w")
    _make_plan(&plan, settings, x, w, bias, kind, True)
    inputs = (("x", x), ("w", w), ("bias", bias))
    if bias is not None:
        _compute_dtype(bias.dtype, "bias")
        bias = np.ascontiguousarray(_as_type(bias, kind))
    w = cnp.PyArray_GETCONTIGUOUS(_as_type(w, kind))
    return _run(&plan, settings.threads, NULL, _aligned(plan.packed_bytes), w, bias,
                _as_type(x, kind), out, inputs)


cdef class Packed:
    """Packed weights for one algorithm of one instruction set."""
    cdef void *data
    cdef bint finite_weights

    def __dealloc__(self):
        free(self.data)


cdef class Plan:
    """Weights, packed once for each algorithm and instruction set; see fastconv.Conv2d."""
    cdef cnp.ndarray w
    cdef object bias
    cdef dict packed  # by (kind, isa, algorithm)

    def __cinit__(self, cnp.ndarray w not None, bias, groups):
        cdef tuple shape = (<object>w).shape
        _compute_dtype(w.dtype, "w")
        if bias is not None:
            _compute_dtype(bias.dtype, "bias")
        if 0 not in shape and shape[0] < groups:
            raise ValueError(f"groups must divide the {shape[0]} output channels of w, "
                             f"got {groups}")
        _check_channels(w, bias, shape[1] * min(groups, shape[0]), groups)
        self.w = w
        self.bias = bias
        self.packed = {}

    cdef Packed _packed_for(self, fc_conv_plan *plan, int kind):
        key = (kind, plan.isa.name, <uintptr_t>plan.algorithm)
        cdef Packed packed = self.packed.get(key)
        if packed is None:
            packed = Packed()
            packed.data = aligned_alloc(FC_SCRATCH_ALIGNMENT, _aligned(plan.packed_bytes))
            if packed.data == NULL:
                raise MemoryError(f"{plan.packed_bytes} bytes of packed weights")
            w = cnp.PyArray_GETCONTIGUOUS(_as_type(self.w, kind))
            bias = None
            if self.bias is not None:
                bias = np.ascontiguousarray(_as_type(self.bias, kind))
            fc_conv_pack(plan, cnp.PyArray_DATA(w),
                         NULL if bias is None else cnp.PyArray_DATA(bias), packed.data)
            packed.finite_weights = plan.finite_weights
            self.packed[key] = packed
        plan.finite_weights = packed.finite_weights
        return packed

    def run(self, Settings settings not None, cnp.ndarray x not None, out):
        cdef fc_conv_plan plan
        cdef int kind = _common_type(x, "x", self.w, "w")
        _make_plan(&plan, settings, x, self.w, self.bias, kind, False)
        cdef Packed packed = self._packed_for(&plan, kind)
        return _run(&plan, settings.threads, packed.data, 0, self.w, None, _as_type(x, kind),
                    out, (("x", x), ("w", self.w)))

    def explain(self, Settings settings not None, tuple shape not None):
        """What a call with an input of this shape would do, as a dict."""
        cdef fc_conv_plan plan
        cdef fc_conv_job job
        # A zero-stride view has the shape without the memory.
        x = np.lib.stride_tricks.as_strided(np.empty(1, f32), shape, (0,) * len(shape))
        cdef int kind = _common_type(x, "x", self.w, "w")
        _make_plan(&plan, settings, x, self.w, self.bias, kind, False)
        cdef bint last = plan.spec.channels_last
        cdef Axes axes = _axes_of(len(shape), last)
        cdef int64_t batch = shape[axes.batch] if axes.batch >= 0 else 1
        cdef fc_conv_spec *s = &plan.spec
        # Contiguous strides: what the call would see.
        result = _shape(len(shape), last, batch, s.out_channels, s.out[1], s.out[2])
        cdef fc_tensor xt = _contiguous(shape, axes), yt = _contiguous(result, axes)
        cdef fc_status status = fc_conv_job_make(&job, &plan, NULL, batch, &xt, &yt)
        if status != FC_OK:
            _raise(status, _describe(s))
        cdef fc_task task = fc_conv_task(&job)
        task.threads = settings.threads if settings.threads else _limit
        n = s.in_channels // s.groups * s.kernel[1] * s.kernel[2]
        rows = {}
        for name, why in _refusals(s).items():
            rows[name] = why if why is not None else _cost_of(s, name)
        return {
            "algorithm": plan.algorithm.name.decode(),
            "isa": plan.isa.name.decode(),
            "dtype": "float64" if kind else "float32",
            "out_shape": result,
            "items": job.geometry.items,
            "threads": fc_task_threads(&task),
            "scratch_bytes": job.scratch_bytes,
            "packed_bytes": plan.packed_bytes,
            "flops": 2 * n * batch * s.out_channels * s.out[1] * s.out[2],
            "reduction": n,
            "algorithms": rows,
        }


cdef double _cost_of(const fc_conv_spec *spec, str name):
    cdef int i = 0
    while fc_conv_algorithm_at(i).name.decode() != name:
        i += 1
    return fc_conv_algorithm_at(i).cost(spec, active.kernels[<int>spec.dtype])


cdef fc_tensor _contiguous(tuple shape, Axes axes):
    cdef fc_tensor t
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * shape[i + 1]
    t.data = NULL
    t.batch = strides[axes.batch] if axes.batch >= 0 else 0
    t.channel = strides[axes.channel]
    t.axis[0] = 0
    t.axis[1] = strides[axes.y]
    t.axis[2] = strides[axes.x]
    return t
