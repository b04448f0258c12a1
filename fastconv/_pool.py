"""Max pooling."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _args, _core
from ._args import Int, Ints, Padding, Pairs
from ._conv import LAYOUTS, _image

# kernel, stride, padding, dilation, ceil_mode, return_indices, channels_last
Window = tuple[tuple[int, ...], tuple[int, ...], Pairs, tuple[int, ...], bool, bool, bool]


@overload
def max_pool2d(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints | None = ...,
    padding: Padding = ...,
    dilation: Ints = ...,
    ceil_mode: bool = ...,
    return_indices: Literal[False] = ...,
    *,
    layout: str = ...,
    out: NDArray[Any] | None = ...,
    threads: Int | None = ...,
) -> NDArray[Any]: ...
@overload
def max_pool2d(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints | None = ...,
    padding: Padding = ...,
    dilation: Ints = ...,
    ceil_mode: bool = ...,
    *,
    return_indices: Literal[True],
    layout: str = ...,
    out: NDArray[Any] | None = ...,
    threads: Int | None = ...,
) -> tuple[NDArray[Any], NDArray[Any]]: ...
@overload
def max_pool2d(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints | None = ...,
    padding: Padding = ...,
    dilation: Ints = ...,
    ceil_mode: bool = ...,
    return_indices: bool = ...,
    *,
    layout: str = ...,
    out: NDArray[Any] | None = ...,
    threads: Int | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]: ...
def max_pool2d(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    layout: str = "NCHW",
    out: NDArray[Any] | None = None,
    threads: Int | None = None,
) -> Any:
    """The largest value of each window.

    ::

        y[n, c, i, j] = max_{r, s} x[n, c, i * stride + r * dilation - pad,
                                           j * stride + s * dilation - pad]

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images; channels last with ``layout="NHWC"``.  Any strides.
    kernel_size : int or (int, int)
        Size of the window, in taps.
    stride : int or (int, int), optional
        Pixels between windows; `kernel_size` if None.
    padding : int, (int, int), ((lo, hi), (lo, hi)), "valid" or "same", optional
        Pixels of -infinity around the image, at most half of `kernel_size` on each side, those
        of "same" too, which dilated windows may therefore not have.
    dilation : int or (int, int), optional
        Pixels between the taps of a window.
    ceil_mode : bool, optional
        Also keep a last window that hangs over the end, if it starts inside the image or the
        padding before it: PyTorch's rule.
    return_indices : bool, optional
        Also return where each maximum was found.
    layout : {"NCHW", "NHWC"}, optional
        Order of the axes of `x` and of the result.
    out : ndarray, optional
        Where to put the maxima, as in `conv2d`.
    threads : int, optional
        At most this many threads.

    Returns
    -------
    y : ndarray, shape (N, C, H', W') or (C, H', W'), in the layout of `x`
        Of the dtype of `x`, but float32 for floats of 16 bits.  A NaN in a window
        is its maximum; a window that lies wholly in padding gives -infinity (the smallest
        integer).  Zeros of either sign are equal: which one is returned is not defined.
    indices : ndarray of int64, only with `return_indices`
        Flat position ``row * W + column`` in the plane of the first maximum (the first NaN; in
        PyTorch the last), -1 for a window that lies wholly in padding.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As in `conv2d`; also a ValueError for padding beyond half of `kernel_size`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    >>> fastconv.max_pool2d(x, 2)
    array([[[ 5.,  7.],
            [13., 15.]]], dtype=float32)
    """
    x = _image(x)
    _args.choice(layout, "layout", LAYOUTS)
    ceil_mode = _args.flag(ceil_mode, "ceil_mode")
    return_indices = _args.flag(return_indices, "return_indices")
    if threads is not None:
        threads = _args.positive_int(threads, "threads")
    kernel = _args.per_axis(kernel_size, "kernel_size", 2, 1)
    steps = kernel if stride is None else _args.per_axis(stride, "stride", 2, 1)
    dilations = _args.per_axis(dilation, "dilation", 2, 1)
    image = x.shape[-3:-1] if layout == "NHWC" else x.shape[-2:]
    pads = _args.padding(padding, 2, image, kernel, steps, dilations)
    if any(max(pad) > k // 2 for pad, k in zip(pads, kernel, strict=True)):
        raise ValueError(f"padding must be at most half of kernel_size={kernel}, got {padding!r}")
    window = (kernel, steps, pads, dilations, ceil_mode, return_indices, layout == "NHWC")
    if x.dtype.kind in "iu":
        return _pool_integers(x, window, out, threads)
    return _core.max_pool(x, *window, out, threads)


def _pool_integers(x: NDArray[Any], window: Window, out: Any, threads: int | None) -> Any:
    """Pool integers as floats that order alike: themselves where exact, otherwise their ranks."""
    keys, values = x, None
    if x.dtype.itemsize == 8:
        keys = x.astype(np.float64)
        if x.size and max(-keys.min(), keys.max()) >= 2**53:
            values, ranks = np.unique(x, return_inverse=True)
            keys = ranks.reshape(x.shape).astype(np.float64)
    pooled = _core.max_pool(keys, *window, None, threads)
    y, *indices = pooled if isinstance(pooled, tuple) else (pooled,)
    empty = np.isneginf(y)
    y[empty] = 0
    native = x.dtype.newbyteorder("=")
    y = y.astype(native) if values is None else values[y.astype(np.intp)].astype(native)
    y[empty] = np.iinfo(x.dtype).min
    if out is not None:
        y = _core.store(out, y, x)
    return (y, *indices) if indices else y
