"""Running convolutions: what a call leaves behind for the next one like it."""


cdef enum:
    REMEMBERED = 16


cdef class Packed:
    """Packed weights in the form of one algorithm of one instruction set."""
    cdef void *data
    cdef double largest_weight

    def __dealloc__(self):
        free(self.data)


cdef class Prepared:
    """A plan for arrays of one type, shape and strides, and its job for a contiguous result.

    Holds no array: whether it fits is told from the arrays of the call, never from pointers.
    """
    cdef fc_conv_plan plan
    cdef fc_conv_job job
    cdef Packed packed  # None where weights come with each call
    cdef int threads    # 0 for the default
    cdef int dtype, ndim
    cdef cnp.npy_intp x_shape[4]
    cdef cnp.npy_intp x_strides[4]
    cdef cnp.npy_intp w_shape[4]
    cdef cnp.npy_intp y_shape[4]

    cdef int prepare(self, Settings settings, cnp.ndarray x, cnp.ndarray w, int kind) except -1:
        """For x as C can read it, once there is a plan."""
        cdef int i
        cdef bint last = settings.spec.channels_last
        cdef Axes axes = _axes_of(cnp.PyArray_NDIM(x), last)
        cdef int64_t batch = cnp.PyArray_DIM(x, axes.batch) if axes.batch >= 0 else 1
        cdef fc_tensor xt = _tensor(x, last), yt
        cdef fc_status status
        self.threads = settings.threads
        self.dtype = cnp.NPY_FLOAT64 if kind else cnp.NPY_FLOAT32
        self.ndim = cnp.PyArray_NDIM(x)
        for i in range(self.ndim):
            self.x_shape[i] = cnp.PyArray_DIM(x, i)
            self.x_strides[i] = cnp.PyArray_STRIDE(x, i)
        for i in range(4):
            self.w_shape[i] = cnp.PyArray_DIM(w, i)
        if axes.batch >= 0:
            self.y_shape[axes.batch] = batch
        self.y_shape[axes.channel] = self.plan.spec.out_channels
        self.y_shape[axes.y] = self.plan.spec.out[1]
        self.y_shape[axes.x] = self.plan.spec.out[2]
        yt = _contiguous(self.out_shape(), axes)
        status = fc_conv_job_make(&self.job, &self.plan, NULL, batch, &xt, &yt)
        if status != FC_OK:
            _raise(status, _describe(&self.plan.spec))
        return 0

    cdef tuple out_shape(self):
        return tuple([self.y_shape[i] for i in range(self.ndim)])

    cdef bint fits(self, cnp.ndarray x, cnp.ndarray w) noexcept:
        """Whether it is for arrays like these; w is None if the weights are packed already."""
        cdef size_t size = <size_t>self.ndim * sizeof(cnp.npy_intp)
        if cnp.PyArray_NDIM(x) != self.ndim or cnp.PyArray_TYPE(x) != self.dtype:
            return False
        if self.plan.isa != active or not cnp.PyArray_ISBEHAVED_RO(x):
            return False
        if memcmp(cnp.PyArray_DIMS(x), self.x_shape, size) != 0:
            return False
        if memcmp(cnp.PyArray_STRIDES(x), self.x_strides, size) != 0:
            return False
        if w is None:
            return True
        return (cnp.PyArray_NDIM(w) == 4 and cnp.PyArray_TYPE(w) == self.dtype
                and cnp.PyArray_ISCARRAY_RO(w)
                and memcmp(cnp.PyArray_DIMS(w), self.w_shape, sizeof(self.w_shape)) == 0)

    cdef bint accepts(self, cnp.ndarray out, tuple inputs) noexcept:
        """Whether `out` is surely a place for the result, contiguous; False decides nothing."""
        cdef size_t size = <size_t>self.ndim * sizeof(cnp.npy_intp)
        return (cnp.PyArray_NDIM(out) == self.ndim and cnp.PyArray_TYPE(out) == self.dtype
                and cnp.PyArray_ISCARRAY(out)
                and memcmp(cnp.PyArray_DIMS(out), self.y_shape, size) == 0
                and _apart(out, inputs))

    cdef object run(self, cnp.ndarray x, cnp.ndarray w, cnp.ndarray bias, out, tuple inputs):
        """Convolves; w is None if the weights are packed, `inputs` is what out must not touch."""
        cdef fc_conv_job job = self.job
        cdef fc_task task
        cdef fc_conv_plan plan
        cdef fc_status status = FC_OK
        cdef fc_tensor xt, yt
        cdef char *block = NULL
        cdef cnp.ndarray y
        if out is None:
            y = _empty(self.ndim, self.y_shape, self.dtype)
        elif isinstance(out, cnp.ndarray) and self.accepts(out, inputs):
            y = out
        else:
            y = _checked_out(out, self.out_shape(), f64 if self.plan.spec.dtype == FC_F64 else f32,
                             inputs)
            xt = _tensor(x, self.plan.spec.channels_last)
            yt = _tensor(y, self.plan.spec.channels_last)
            fc_conv_job_make(&job, &self.plan, NULL, job.images, &xt, &yt)
        job.x.data = cnp.PyArray_DATA(x)
        job.y.data = cnp.PyArray_DATA(y)
        task = fc_conv_task(&job, self.threads if self.threads else _limit)
        cdef size_t packed_size = 0
        try:
            if w is None:
                job.packed = self.packed.data
            else:
                packed_size = _aligned(self.plan.packed_bytes)
                block = <char *>fc_workspace_acquire(packed_size + task.scratch_bytes)
                if block == NULL:
                    status = FC_NO_MEMORY
                else:
                    plan = self.plan  # packing notes in it how large the weights are
                    _pack(&plan, w, bias, block)
                    job.plan = &plan
                    job.packed = block
                    task.scratch = block + packed_size
            if status == FC_OK:
                status = _run_task(&task, &job)
        finally:
            if block != NULL:
                fc_workspace_release(block)
        if status != FC_OK:
            _raise(status, f"{task.scratch_bytes + packed_size} bytes of scratch for "
                           f"{_describe(&self.plan.spec)}")
        return y if out is None else out


cdef inline size_t _aligned(int64_t size) noexcept nogil:
    return (<size_t>size + FC_SCRATCH_ALIGNMENT - 1) // FC_SCRATCH_ALIGNMENT * FC_SCRATCH_ALIGNMENT


cdef void _pack(fc_conv_plan *plan, cnp.ndarray w, cnp.ndarray bias, void *packed):
    cdef const void *w_data = cnp.PyArray_DATA(w)
    cdef const void *bias_data = NULL if bias is None else cnp.PyArray_DATA(bias)
    with nogil:
        fc_conv_pack(plan, w_data, bias_data, packed)


cdef class Memo:
    """The last few that were prepared, newest first: bounded, whatever shapes come by."""
    cdef list prepared

    def __cinit__(self):
        self.prepared = []

    cdef Prepared find(self, cnp.ndarray x, cnp.ndarray w):
        for p in self.prepared:
            if (<Prepared>p).fits(x, w):
                return p
        return None

    cdef int remember(self, Prepared p) except -1:
        self.prepared.insert(0, p)
        del self.prepared[REMEMBERED:]
        return 0


# ---- weights given with each call

# (arguments, Memo), newest first.  The arguments are compared by identity, which is safe for
# immutable ones as long as they are held, and takes no time.
cdef list _calls = []


cdef bint _immutable(object value) noexcept:
    if value is None or type(value) in (int, str, bool, float):
        return True
    if type(value) is not tuple:
        return False
    for item in <tuple>value:
        if not _immutable(item):
            return False
    return True


cdef Memo _memo_of(tuple arguments):
    cdef tuple call, known
    cdef Py_ssize_t i, count = len(arguments)
    for entry in _calls:
        known = <tuple>(<tuple>entry)[0]
        for i in range(count):
            if known[i] is not arguments[i]:
                break
        else:
            return <Memo>(<tuple>entry)[1]
    return None


def conv_again(x, w, bias, out, tuple arguments not None):
    """The result of a call like one of the last few, or None: nothing was decided, see `conv`."""
    cdef Memo memo
    cdef Prepared p
    if not cnp.PyArray_CheckExact(x) or not cnp.PyArray_CheckExact(w):
        return None
    memo = _memo_of(arguments)
    if memo is None:
        return None
    p = memo.find(x, w)
    if p is None:
        return None
    if bias is not None:
        if not cnp.PyArray_CheckExact(bias) or not _is_bias(bias, p):
            return None
    return p.run(x, w, bias, out, (("x", x), ("w", w), ("bias", bias)))


cdef bint _is_bias(cnp.ndarray bias, Prepared p) noexcept:
    return (cnp.PyArray_NDIM(bias) == 1 and cnp.PyArray_TYPE(bias) == p.dtype
            and cnp.PyArray_ISCARRAY_RO(bias) and cnp.PyArray_DIM(bias, 0) == p.w_shape[0])


def conv(Settings settings not None, cnp.ndarray x not None, cnp.ndarray w not None, bias, out,
         tuple arguments not None):
    """One convolution, weights packed for this call alone; remembered under its arguments."""
    cdef int kind = _common_type(x, "x", w, "w")
    cdef Prepared p = Prepared()
    cdef Memo memo
    _make_plan(&p.plan, settings, x, w, bias, kind, True)
    inputs = (("x", x), ("w", w), ("bias", bias))
    if bias is not None:
        _compute_dtype(bias.dtype, "bias")
        bias = np.ascontiguousarray(_as_type(bias, kind))
    x = _as_type(x, kind)
    p.prepare(settings, x, w, kind)
    if all([_immutable(a) for a in arguments]):
        memo = _memo_of(arguments)
        if memo is None:
            memo = Memo()
            _calls.insert(0, (arguments, memo))
            del _calls[REMEMBERED:]
        memo.remember(p)
    return p.run(x, cnp.PyArray_GETCONTIGUOUS(_as_type(w, kind)), bias, out, inputs)
