"""Arrays: dtypes, axes, and the checks of `out`."""

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
    with np.errstate(over="ignore", invalid="ignore"):  # a float64 bias beyond float32 is inf
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
    except MemoryError:
        raise
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


cdef bint _apart(cnp.ndarray out, tuple inputs) noexcept:
    """Whether `out` is not empty and ends before each input or begins after it."""
    cdef char *lo
    cdef char *hi
    cdef char *other_lo
    cdef char *other_hi
    if cnp.PyArray_SIZE(out) == 0:
        return False
    _bounds(out, &lo, &hi)
    for named in inputs:
        array = (<tuple>named)[1]
        if array is not None and cnp.PyArray_SIZE(<cnp.ndarray>array):
            _bounds(<cnp.ndarray>array, &other_lo, &other_hi)
            if lo < other_hi and other_lo < hi:
                return False
    return True


cdef bint _surely_fits(cnp.ndarray out, tuple shape, int kind, tuple inputs):
    """The checks of _checked_out for the usual case, where they all pass; False decides nothing."""
    cdef int i
    if _type_of(out) != kind or not cnp.PyArray_ISCARRAY(out):
        return False
    if cnp.PyArray_NDIM(out) != len(shape):
        return False
    for i in range(cnp.PyArray_NDIM(out)):
        if cnp.PyArray_DIM(out, i) != <cnp.npy_intp>shape[i]:
            return False
    return _apart(out, inputs)


def _checked_out(out, tuple shape, dtype, tuple inputs):
    """`out` if results can go there, or the error that says why not."""
    cdef int kind = 1 if dtype == f64 else 0 if dtype == f32 else -1
    if isinstance(out, np.ndarray) and kind >= 0 and _surely_fits(out, shape, kind, inputs):
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
    return _empty(ndim, dims, cnp.NPY_FLOAT64 if kind else cnp.NPY_FLOAT32)


cdef int _raise(fc_status status, str context) except -1:
    exception = getattr(builtins, fc_status_exception(status).decode())
    raise exception(f"{context}: {fc_status_text(status).decode()}")
