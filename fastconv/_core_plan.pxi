"""Plans: weights packed ahead, for every algorithm and instruction set that a call may need."""


cdef class Weights:
    """Weights and what was made of them, which `Conv2d.__init__` called again replaces as one."""
    cdef cnp.ndarray w
    cdef object bias
    cdef dict packed  # by (kind, isa, algorithm)
    cdef Memo memo

    def __cinit__(self, cnp.ndarray w not None, bias, groups):
        cdef tuple shape = (<object>w).shape
        if len(shape) != 4:
            raise ValueError(f"w must have 4 dimensions, got shape {shape}")
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
        self.memo = Memo()

    cdef Packed packed_for(self, fc_conv_plan *plan, int kind):
        key = (kind, plan.isa.name, <uintptr_t>fc_conv_packs_for(plan))
        cdef Packed packed = self.packed.get(key)
        if packed is None:
            packed = Packed()
            packed.data = fc_pages_allocate(plan.packed_bytes)
            if packed.data == NULL:
                raise MemoryError(f"{plan.packed_bytes} bytes of packed weights")
            w = cnp.PyArray_GETCONTIGUOUS(_as_type(self.w, kind))
            bias = None
            if self.bias is not None:
                bias = np.ascontiguousarray(_as_type(self.bias, kind))
            _pack(plan, w, bias, packed.data)
            packed.largest_weight = plan.largest_weight
            self.packed[key] = packed
        plan.largest_weight = packed.largest_weight
        return packed


@cython.auto_pickle(False)  # Conv2d does
cdef class Plan:
    """Weights, packed once for each algorithm and instruction set; see fastconv.Conv2d."""
    cdef public Weights _weights

    def __call__(self, x, out=None):
        """Convolve `x`; shapes, `out` and errors as in `conv2d`."""
        cdef Prepared p
        cdef Weights own = self._weights
        if own is not None and cnp.PyArray_CheckExact(x):
            p = own.memo.find(x, None)
            if p is not None:
                return p.run(x, None, None, out, (("x", x), ("w", own.w)))
        return self._call(x, out)


def conv_with(Weights own not None, Settings settings not None, cnp.ndarray x not None, out):
    """A plan's call with an input that is new; remembered for those like it."""
    cdef int kind = _common_type(x, "x", own.w, "w")
    cdef Prepared p = Prepared()
    inputs = (("x", x), ("w", own.w))
    _make_plan(&p.plan, settings, x, own.w, own.bias, kind, False)
    p.packed = own.packed_for(&p.plan, kind)
    x = _as_type(x, kind)
    p.prepare(settings, x, own.w, kind)
    own.memo.remember(p)
    return p.run(x, None, None, out, inputs)


def explain_with(Weights own not None, Settings settings not None, tuple shape not None):
    """What a call with an input of this shape would do, as a dict."""
    cdef fc_conv_plan plan
    cdef fc_conv_job job
    # A zero-stride view has the shape without the memory.
    x = np.lib.stride_tricks.as_strided(np.empty(1, f32), shape, (0,) * len(shape))
    cdef int kind = _common_type(x, "x", own.w, "w")
    _make_plan(&plan, settings, x, own.w, own.bias, kind, False)
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
    cdef fc_task task = fc_conv_task(&job, settings.threads if settings.threads else _limit)
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
        "inner": fc_conv_packs_for(&plan).name.decode(),
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
