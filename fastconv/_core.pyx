# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The bridge to C: arrays become pointers and strides, statuses become exceptions.

Arguments arrive here in one plain form (tuples of ints, see _args.py); this module checks what
only the arrays can tell (ranks, channel counts, dtypes, `out`), calls the operators of src_c/ops
without the GIL, and owns the memory they work in.
"""

import builtins

import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport free

cnp.import_array()


cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "base/status.h" nogil:
    ctypedef enum fc_status:
        FC_OK
        FC_EMPTY_OUTPUT
        FC_UNSUPPORTED
        FC_NO_MEMORY
    const char *fc_status_text(fc_status status)
    const char *fc_status_exception(fc_status status)

cdef extern from "base/workspace.h" nogil:
    void *fc_workspace_acquire(size_t size)
    void fc_workspace_release()

cdef extern from "dispatch.h" nogil:
    ctypedef enum fc_dtype:
        FC_F32
        FC_F64
    ctypedef struct fc_kernels:
        int64_t element
    ctypedef struct fc_isa:
        const char *name
        bint (*runs_here)()
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
        bint finite_weights
    ctypedef struct fc_geometry:
        int64_t items
    ctypedef struct fc_conv_job:
        fc_geometry geometry
        int64_t scratch_bytes
    const fc_conv_algorithm *fc_conv_algorithm_at(int i)
    fc_status fc_conv_validate(fc_conv_spec *spec)
    fc_status fc_conv_plan_make(fc_conv_plan *plan, const fc_conv_spec *spec,
                                const fc_isa *isa, const char *family,
                                bint packs_each_call)
    void fc_conv_pack(fc_conv_plan *plan, const void *w, const void *bias, void *packed)
    fc_status fc_conv_job_make(fc_conv_job *job, const fc_conv_plan *plan, const void *packed,
                               int64_t batch, const fc_tensor *x, const fc_tensor *y)
    void fc_conv_run(const fc_conv_job *job, int64_t begin, int64_t end, void *scratch)

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
    int64_t fc_max_pool_scratch(const fc_max_pool_spec *spec, const fc_isa *isa)
    void fc_max_pool_run(const fc_max_pool_spec *spec, const fc_isa *isa, const fc_tensor *x,
                         const fc_tensor *y, const fc_tensor *index, int64_t begin,
                         int64_t end, void *scratch)

cdef extern from "ops/columns.h" nogil:
    void fc_im2col(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image,
                   void *columns, int64_t begin, int64_t end)
    void fc_col2im(const fc_conv_spec *spec, const fc_isa *isa, const fc_tensor *image,
                   const void *columns, int64_t begin, int64_t end)


cdef const fc_isa *active = fc_isa_best()


# ---------------------------------------------------------------- instruction sets

def compiled_isas():
    """Names of the instruction sets in this build, plainest first."""
    cdef int i = 0
    names = []
    while fc_isa_at(i) != NULL:
        names.append(fc_isa_at(i).name.decode())
        i += 1
    return tuple(names)


def available_isas():
    """Names of those that this processor can run."""
    return tuple(name for name in compiled_isas() if fc_isa_find(name.encode()).runs_here())


def active_isa():
    return active.name.decode()


def set_isa(str name not None):
    global active
    cdef const fc_isa *isa = fc_isa_find(name.encode())
    if isa == NULL or not isa.runs_here():
        raise ValueError(f"isa must be one of {', '.join(available_isas())} on this machine, "
                         f"got {name!r}")
    active = isa


def algorithms():
    """What `algorithm` may name, in the order of the table."""
    cdef int i = 0
    names = []
    while fc_conv_algorithm_at(i) != NULL:
        names.append(fc_conv_algorithm_at(i).family.decode())
        i += 1
    return tuple(dict.fromkeys(names))


# ---------------------------------------------------------------- arrays

cdef object f32 = np.dtype(np.float32)
cdef object f64 = np.dtype(np.float64)
cdef dict _compute_dtypes = {}


cdef object _compute_dtype(dtype, str name):
    """The type that an input of this dtype is computed in, or a TypeError.

    NumPy's own promotion with float32: half floats and integers of up to 16 bits become
    float32, wider integers float64.
    """
    found = _compute_dtypes.get(dtype)
    if found is None:
        if dtype.kind not in "iuf" or (dtype.kind == "f" and dtype.itemsize > 8):
            raise TypeError(f"{name} must hold floats of up to 64 bits or integers, "
                            f"got dtype {dtype}")
        found = _compute_dtypes[dtype] = np.promote_types(dtype, f32)
    return found


cdef inline int _type_of(cnp.ndarray a) noexcept:
    """0 or 1 for arrays that C can read as they are (any strides), otherwise -1."""
    cdef int kind = cnp.PyArray_TYPE(a), i
    cdef cnp.npy_intp size = cnp.PyArray_ITEMSIZE(a)
    if kind != cnp.NPY_FLOAT32 and kind != cnp.NPY_FLOAT64:
        return -1
    if not cnp.PyArray_ISBEHAVED_RO(a):
        return -1
    for i in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, i) % size:
            return -1
    return 0 if kind == cnp.NPY_FLOAT32 else 1


cdef inline cnp.ndarray _as_type(cnp.ndarray a, int kind):
    """`a` itself where C can read it, otherwise a native, aligned copy."""
    if _type_of(a) == kind:
        return a
    return np.array(a, dtype=f64 if kind else f32, order="C", subok=False)


cdef inline int _common_type(cnp.ndarray a, str a_name, cnp.ndarray b, str b_name) except -1:
    cdef int kind = _type_of(a)
    if kind >= 0 and kind == _type_of(b):
        return kind
    if f64 in (_compute_dtype(a.dtype, a_name), _compute_dtype(b.dtype, b_name)):
        return 1
    return 0


def check_dtype(cnp.ndarray a not None, str name not None):
    """A TypeError that names the array if its dtype is none that is computed with."""
    _compute_dtype(a.dtype, name)


def as_array(value, str name not None):
    """`value` as an ndarray of numbers; a TypeError that names it otherwise."""
    if type(value) is np.ndarray:
        return value
    try:
        return np.asarray(value)
    except Exception as error:
        raise TypeError(f"{name} must be an array of numbers, got a "
                        f"{type(value).__name__}: {error}") from None


cdef struct Axes:
    # Positions of the axes in an array; batch is -1 for an unbatched one.
    int batch
    int channel
    int y
    int x


cdef inline Axes _axes_of(int ndim, bint channels_last) noexcept:
    cdef Axes a
    cdef int first = ndim - 3
    a.batch = first - 1
    a.channel = first + 2 if channels_last else first
    a.y = first if channels_last else first + 1
    a.x = a.y + 1
    return a


cdef inline fc_tensor _tensor(cnp.ndarray a, bint channels_last) noexcept:
    cdef fc_tensor t
    cdef cnp.npy_intp size = cnp.PyArray_ITEMSIZE(a)
    cdef Axes axes = _axes_of(cnp.PyArray_NDIM(a), channels_last)
    t.data = cnp.PyArray_DATA(a)
    t.batch = cnp.PyArray_STRIDE(a, axes.batch) // size if axes.batch >= 0 else 0
    t.channel = cnp.PyArray_STRIDE(a, axes.channel) // size
    t.axis[0] = 0
    t.axis[1] = cnp.PyArray_STRIDE(a, axes.y) // size
    t.axis[2] = cnp.PyArray_STRIDE(a, axes.x) // size
    return t


cdef tuple _shape(int ndim, bint channels_last, int64_t n, int64_t c, int64_t y, int64_t x):
    cdef tuple image = (y, x, c) if channels_last else (c, y, x)
    return (n, *image) if ndim == 4 else image


def _self_overlapping(a):
    """Whether two elements may lie at one address: strides that do not nest."""
    extent = a.itemsize
    for stride, size in sorted((abs(s), n) for s, n in zip(a.strides, a.shape) if n > 1):
        if stride < extent:
            return True
        extent += stride * (size - 1)
    return False


cdef inline void _bounds(cnp.ndarray a, char **lo, char **hi) noexcept:
    """The addresses between which every element of a non-empty array lies."""
    cdef int i
    cdef cnp.npy_intp reach
    lo[0] = hi[0] = <char *>cnp.PyArray_DATA(a)
    for i in range(cnp.PyArray_NDIM(a)):
        reach = (cnp.PyArray_DIM(a, i) - 1) * cnp.PyArray_STRIDE(a, i)
        if reach < 0:
            lo[0] += reach
        else:
            hi[0] += reach
    hi[0] += cnp.PyArray_ITEMSIZE(a)


cdef bint _surely_fits(cnp.ndarray out, tuple shape, int kind, tuple inputs):
    """The checks of _checked_out for the usual case, where they all pass; False decides nothing."""
    cdef int i
    cdef char *lo
    cdef char *hi
    cdef char *other_lo
    cdef char *other_hi
    if _type_of(out) != kind or not cnp.PyArray_ISCARRAY(out):
        return False
    if cnp.PyArray_NDIM(out) != len(shape) or cnp.PyArray_SIZE(out) == 0:
        return False
    for i in range(cnp.PyArray_NDIM(out)):
        if cnp.PyArray_DIM(out, i) != <cnp.npy_intp>shape[i]:
            return False
    _bounds(out, &lo, &hi)
    for _, array in inputs:
        if array is not None and cnp.PyArray_SIZE(array):
            _bounds(array, &other_lo, &other_hi)
            if lo < other_hi and other_lo < hi:
                return False
    return True


def _checked_out(out, tuple shape, dtype, tuple inputs):
    """`out` if results can go there, or the error that says why not."""
    if isinstance(out, np.ndarray) and _surely_fits(out, shape, 1 if dtype == f64 else 0, inputs):
        return out
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, got {type(out).__name__}")
    if out.shape != shape:
        raise ValueError(f"out must have shape {shape}, got {out.shape}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise ValueError(f"out must have dtype {dtype} in native byte order, got {out.dtype!r}")
    if not out.flags.writeable:
        raise ValueError("out must be writeable, got a read-only array")
    if not out.flags.aligned or any(s % out.itemsize for s in out.strides):
        raise ValueError(f"out must be aligned to its items, got strides {out.strides} at "
                         f"address {out.ctypes.data:#x}")
    if out.size and _self_overlapping(out):
        raise ValueError(f"out must not overlap itself, got strides {out.strides} for "
                         f"shape {out.shape}")
    for name, array in inputs:
        if array is not None and np.may_share_memory(out, array) and _shares(out, array):
            raise ValueError(f"out must not share memory with {name}, got an overlapping array")
    return out


cdef bint _shares(a, b):
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except Exception:  # too hard to decide: refuse rather than compute nonsense
        return True


cdef object _new(tuple shape, int kind):
    cdef int i, ndim = <int>len(shape)
    cdef cnp.npy_intp dims[8]
    for i in range(ndim):
        dims[i] = shape[i]
    return cnp.PyArray_EMPTY(ndim, dims, cnp.NPY_FLOAT64 if kind else cnp.NPY_FLOAT32, 0)


cdef int _raise(fc_status status, str context) except -1:
    exception = getattr(builtins, fc_status_exception(status).decode())
    raise exception(f"{context}: {fc_status_text(status).decode()}")


# ---------------------------------------------------------------- convolution

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

    def __init__(self, tuple stride, tuple padding, tuple dilation, int64_t groups,
                 bint channels_last, double lo, double hi, str algorithm, bint exact=False,
                 bint or_else_auto=False):
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


cdef object _run(const fc_conv_plan *plan, const void *packed, size_t packed_in_workspace,
                 cnp.ndarray w, bias, cnp.ndarray x, out, tuple inputs):
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
    cdef char *scratch
    cdef const void *w_data = cnp.PyArray_DATA(w)
    cdef const void *bias_data = NULL
    if bias is not None:
        bias_data = cnp.PyArray_DATA(bias)
    cdef fc_status status = fc_conv_job_make(&job, &mine, packed, batch, &xt, &yt)
    if status != FC_OK:
        _raise(status, _describe(&mine.spec))
    with nogil:
        scratch = <char *>fc_workspace_acquire(<size_t>job.scratch_bytes + packed_in_workspace)
        if scratch == NULL:
            status = FC_NO_MEMORY
        else:
            if packed == NULL:
                fc_conv_pack(&mine, w_data, bias_data, scratch)
                (<const void **>&packed)[0] = scratch
                scratch += packed_in_workspace
                status = fc_conv_job_make(&job, &mine, packed, batch, &xt, &yt)
            fc_conv_run(&job, 0, job.geometry.items, scratch)
            fc_workspace_release()
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
    return _run(&plan, NULL, _aligned(plan.packed_bytes), w, bias, _as_type(x, kind), out, inputs)


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

    def __init__(self, cnp.ndarray w not None, bias, groups):
        if 0 < (<object>w).shape[0] < groups:
            raise ValueError(f"groups must divide the {(<object>w).shape[0]} output channels "
                             f"of w, got {groups}")
        _check_channels(w, bias, (<object>w).shape[1] * groups, groups)
        _compute_dtype(w.dtype, "w")
        if bias is not None:
            _compute_dtype(bias.dtype, "bias")
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
        return _run(&plan, packed.data, 0, self.w, None, _as_type(x, kind), out,
                    (("x", x), ("w", self.w)))

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


# ---------------------------------------------------------------- max pooling

def max_pool(cnp.ndarray x not None, tuple kernel, tuple stride, tuple padding, tuple dilation,
             bint ceil_mode, bint return_indices, bint channels_last, out):
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
    cdef void *scratch
    with nogil:
        scratch = fc_workspace_acquire(<size_t>fc_max_pool_scratch(&spec, active))
        if scratch == NULL:
            status = FC_NO_MEMORY
        else:
            fc_max_pool_run(&spec, active, &xt, &yt, it_or_null, 0, spec.batch * spec.channels,
                            scratch)
            fc_workspace_release()
    if status != FC_OK:
        _raise(status, context)
    result = y if out is None else out
    return (result, index) if return_indices else result


def store(out, result, x):
    """Copies a finished result into `out` after the checks that `out` always gets."""
    _checked_out(out, result.shape, result.dtype, (("x", x),))
    out[...] = result
    return out


# ---------------------------------------------------------------- im2col and col2im

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
        _raise(status, f"{what} of {shape[2]}x{shape[3]} with kernel_size={kernel}, "
                       f"stride={stride}, padding={padding}, dilation={dilation}")
    return 0


def im2col(cnp.ndarray x not None, tuple kernel, tuple stride, tuple padding, tuple dilation):
    cdef fc_conv_spec spec
    cdef int kind = 1 if _compute_dtype(x.dtype, "x") == f64 else 0
    x = _as_type(x, kind)
    _columns_spec(&spec, (<object>x).shape, kernel, stride, padding, dilation, kind,
                  "x")
    cdef int64_t batch = cnp.PyArray_DIM(x, 0), channels = cnp.PyArray_DIM(x, 1)
    cdef int64_t items = batch * channels
    cdef cnp.ndarray columns = np.empty(
        (batch, channels * kernel[0] * kernel[1], spec.out[1] * spec.out[2]),
        f64 if kind else f32)
    cdef fc_tensor image = _tensor(x, False)
    cdef void *data = cnp.PyArray_DATA(columns)
    with nogil:
        fc_im2col(&spec, active, &image, data, 0, items)
    return columns


def col2im(cnp.ndarray columns not None, tuple shape, tuple kernel, tuple stride,
           tuple padding, tuple dilation):
    cdef fc_conv_spec spec
    cdef int kind = 1 if _compute_dtype(columns.dtype, "cols") == f64 else 0
    columns = cnp.PyArray_GETCONTIGUOUS(_as_type(columns, kind))
    _columns_spec(&spec, shape, kernel, stride, padding, dilation, kind, "output_size")
    if (<object>columns).shape[2] != spec.out[1] * spec.out[2]:
        raise ValueError(f"cols must have {spec.out[1] * spec.out[2]} positions "
                         f"({spec.out[1]} x {spec.out[2]} outputs), got shape "
                         f"{(<object>columns).shape}")
    cdef int64_t items = shape[0] * shape[1]
    cdef cnp.ndarray x = np.zeros(shape, f64 if kind else f32)
    cdef fc_tensor image = _tensor(x, False)
    cdef const void *data = cnp.PyArray_DATA(columns)
    with nogil:
        fc_col2im(&spec, active, &image, data, 0, items)
    return x
