"""The im2col matrix and its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _args, _core
from ._args import Ints, Padding
from ._conv import _image


def im2col(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> NDArray[Any]:
    """Every window of each image as a column of a matrix.

    ``w.reshape(K, -1) @ im2col(x, ...)`` is the convolution (Chellapilla, Puri and Simard 2006,
    *High Performance Convolutional Neural Networks for Document Processing*).

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images.
    kernel_size : int or (int, int)
        Rows and columns of a window, R and S.
    stride, padding, dilation
        As in `conv2d`.

    Returns
    -------
    ndarray, shape (N, C * R * S, L) or (C * R * S, L)
        L = H' * W' windows; zeros where a window reaches into the padding.  float64 if `x` is
        or holds integers of more than 16 bits, otherwise float32.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As in `conv2d`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.im2col(np.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    array([[[0., 2.],
            [1., 3.]]])
    """
    x = _image(x)
    images = x if x.ndim == 4 else x[np.newaxis]
    columns = _core.im2col(images, *_window(x.shape[-2:], kernel_size, stride, padding, dilation))
    return columns if x.ndim == 4 else columns[0]


def col2im(
    cols: ArrayLike,
    output_size: Ints,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> NDArray[Any]:
    """Add the columns of an `im2col` matrix back onto images, where they came from.

    The adjoint of `im2col`, not its inverse: pixels under several windows receive the sum.

    Parameters
    ----------
    cols : array_like, shape (N, C * R * S, L) or (C * R * S, L)
        One column a window.  Any strides.
    output_size : int or (int, int)
        Height and width of the images.
    kernel_size, stride, padding, dilation
        As in `im2col`.

    Returns
    -------
    ndarray, shape (N, C, H, W) or (C, H, W)

    Raises
    ------
    TypeError, ValueError, MemoryError
        As in `conv2d`.
    """
    cols = _core.as_array(cols, "cols")
    if cols.ndim not in (2, 3):
        raise ValueError(f"cols must have 3 dimensions (N, C * R * S, L), or 2 unbatched, "
                         f"got shape {cols.shape}")
    size = _args.per_axis(output_size, "output_size", 2, 1)
    window = _window(size, kernel_size, stride, padding, dilation)
    taps = window[0][0] * window[0][1]
    if cols.shape[-2] == 0 or cols.shape[-2] % taps:
        raise ValueError(f"cols must have a multiple of {taps} rows for "
                         f"kernel_size={window[0]}, got shape {cols.shape}")
    batch = cols if cols.ndim == 3 else cols[np.newaxis]
    shape = (batch.shape[0], batch.shape[1] // taps, *size)
    images = _core.col2im(batch, shape, *window)
    return images if cols.ndim == 3 else images[0]


def _window(size: tuple[int, ...], kernel_size: Any, stride: Any, padding: Any,
            dilation: Any) -> tuple[Any, ...]:
    kernel = _args.per_axis(kernel_size, "kernel_size", 2, 1)
    stride = _args.per_axis(stride, "stride", 2, 1)
    dilation = _args.per_axis(dilation, "dilation", 2, 1)
    return kernel, stride, _args.padding(padding, 2, size, kernel, stride, dilation), dilation
