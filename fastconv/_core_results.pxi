"""New arrays for results: NumPy's, in memory that is placed by base/results.h (NEP 49)."""

cdef extern from *:
    """
    static PyDataMem_Handler result_handler;
    """
    cnp.PyDataMem_Handler result_handler

# Below, NumPy's own memory, which it keeps at hand, is quicker to come by.
cdef enum:
    PLACED = 4096


cdef void *_result_malloc(void *context, size_t size) noexcept:
    return fc_result_allocate(size)


cdef void *_result_calloc(void *context, size_t count, size_t size) noexcept:
    cdef size_t bytes = count * size
    cdef void *block = NULL
    if size == 0 or bytes // size == count:
        block = fc_result_allocate(bytes)
    if block != NULL:
        memset(block, 0, bytes)
    return block


cdef void *_result_realloc(void *context, void *block, size_t size) noexcept:
    return fc_result_resize(block, size)


cdef void _result_free(void *context, void *block, size_t size) noexcept:
    fc_result_free(block)


strncpy(result_handler.name, b"fastconv", 126)
result_handler.version = 1
result_handler.allocator.ctx = NULL
result_handler.allocator.malloc = _result_malloc
result_handler.allocator.calloc = _result_calloc
result_handler.allocator.realloc = _result_realloc
result_handler.allocator.free = _result_free
cdef object _handler = PyCapsule_New(&result_handler, "mem_handler", NULL)


cdef object _empty(int ndim, cnp.npy_intp *dims, int dtype):
    cdef int i
    cdef double bytes = 8 if dtype == cnp.NPY_FLOAT64 else 4
    for i in range(ndim):
        bytes *= dims[i]
    if bytes < PLACED:
        return cnp.PyArray_EMPTY(ndim, dims, dtype, 0)
    others = cnp.PyDataMem_SetHandler(_handler)
    try:
        return cnp.PyArray_EMPTY(ndim, dims, dtype, 0)
    finally:
        cnp.PyDataMem_SetHandler(others)
