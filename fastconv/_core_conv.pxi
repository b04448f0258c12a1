"""Convolution: settings, checks of the shapes, and the choice of the algorithm."""


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


cdef str _why_not(const fc_conv_spec *spec, str wanted):
    cdef int i = 0
    while wanted not in (fc_conv_algorithm_at(i).family.decode(),
                         fc_conv_algorithm_at(i).name.decode()):
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
