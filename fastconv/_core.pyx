# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The bridge to C: arrays become pointers and strides, statuses become exceptions.

Arguments arrive here in one plain form (tuples of ints, see _args.py); this module checks what
only the arrays can tell (ranks, channel counts, dtypes, `out`), calls the operators of src_c/ops
without the GIL, and owns the memory they work in.
"""

import builtins
import math

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport INT64_MAX, int64_t, uintptr_t
from libc.stdlib cimport free
from libc.string cimport memcmp, memset, strncpy

cnp.import_array()


cdef const fc_isa *active = fc_isa_best()


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


def set_isa(name):
    global active
    names = available_isas()
    if name not in names:
        raise ValueError(f"isa must be one of {', '.join(names)} on this machine, got {name!r}")
    # The name as it is here: a C string would end at a NUL in the caller's.
    active = fc_isa_find(names[names.index(name)].encode())


cdef list _table():
    """(family, name) of each algorithm."""
    cdef int i = 0
    entries = []
    while fc_conv_algorithm_at(i) != NULL:
        entries.append((fc_conv_algorithm_at(i).family.decode(),
                        fc_conv_algorithm_at(i).name.decode()))
        i += 1
    return entries


def algorithms():
    """What `algorithm` may name, in the order of the table."""
    return tuple(dict.fromkeys([family for family, _ in _table()]))


def rows():
    """The rows of the table by name: where a family has several, `algorithm` may name one."""
    return tuple([name for _, name in _table()])


include "_core_tasks.pxi"
include "_core_results.pxi"
include "_core_arrays.pxi"
include "_core_conv.pxi"
include "_core_run.pxi"
include "_core_plan.pxi"
include "_core_pool.pxi"
include "_core_columns.pxi"
