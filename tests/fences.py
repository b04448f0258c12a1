"""Arrays that end, or begin, at a page that nobody may touch."""

import ctypes
import mmap

import numpy as np

PAGE = mmap.PAGESIZE
_PROT_NONE = 0
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def fenced(array, side="end"):
    """A C-contiguous copy flush with a PROT_NONE page after its end, or before its start.

    One element read or written beyond that side is a segmentation fault.
    """
    array = np.ascontiguousarray(array)
    pages = -(-max(array.nbytes, 1) // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    anchor = ctypes.c_char.from_buffer(memory)
    address = ctypes.addressof(anchor)
    del anchor
    for guard in (address, address + (pages + 1) * PAGE):
        if _libc.mprotect(guard, PAGE, _PROT_NONE):
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = PAGE if side == "start" else (pages + 1) * PAGE - array.nbytes
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy
