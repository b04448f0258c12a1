"""The specification of fastconv: the same functions as plain, slow, obvious Python.

The functions here are nested loops in float64, to be read beside the formula; the fast kernels
are tested against them.  `fastconv.reference.vectorized` has the same functions in the usual
NumPy style, which is what the benchmarks compare with.  Neither is ever called by the fast
functions.
"""

from . import vectorized
from .naive import col2im, conv2d, depthwise_separable_conv2d, im2col, max_pool2d

__all__ = [
    "col2im",
    "conv2d",
    "depthwise_separable_conv2d",
    "im2col",
    "max_pool2d",
    "vectorized",
]
