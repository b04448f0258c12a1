"""The specification: every operator as nested loops, to be read beside its formula.

Everything is computed in float64 and nothing is optimised.  The letters are those of the whole
project: n batch, g group, c input channel, k output channel, y and x output row and column,
r and s row and column of the kernel.  Inputs become nested lists first, so that every product
is one of plain Python floats.

The zeros of a zero border take part in the sum like any other pixel, so an infinite or NaN
weight gives NaN there.

References
----------
.. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
   https://arxiv.org/abs/1603.07285
.. [2] K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks
   for document processing", 2006 (im2col).
.. [3] A. G. Howard et al., "MobileNets: efficient convolutional neural networks for mobile
   vision applications", 2017, https://arxiv.org/abs/1704.04861
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ._spec import (
    Activation,
    Ints,
    Padding,
    check_separable,
    col2im_spec,
    conv_spec,
    im2col_spec,
    pad_planes,
    pool_spec,
)

__all__ = ["col2im", "conv2d", "depthwise_separable_conv2d", "im2col", "max_pool2d"]


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
    groups: int = 1,
    *,
    padding_mode: str = "zeros",
    activation: Activation = None,
) -> np.ndarray:
    """Convolve images with filters (a cross-correlation: the filters are not flipped).

    With p the padded input, and filter k reading the C/groups channels of its own group::

        out[n, k, y, x] = act(bias[k] + sum over c, r, s of
            w[k, c, r, s] * p[n, first + c, y * stride + r * dilation, x * stride + s * dilation])
        first = (k // (K / groups)) * (C / groups)

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images.
    w : array_like, shape (K, C // groups, R, S)
        Filters.
    bias : array_like, shape (K,), optional
        Added to every pixel of its output channel.
    stride, dilation : int or (int, int)
        Steps between output pixels and between taps, in input pixels.
    padding : int, (int, int), ((top, bottom), (left, right)), "valid" or "same"
        The border added to each side; see `fastconv.conv2d`.
    groups : int
        Divides channels and filters into groups that do not see each other.
    padding_mode : {"zeros", "reflect", "replicate", "circular"}
        What the border holds.
    activation : None, "relu", "relu6" or (lo, hi)
        Clips the result; NaN stays NaN.

    Returns
    -------
    ndarray of float64, shape (N, K, H', W') or (K, H', W')
        ``H' = (H + top + bottom - (R - 1) * dilation - 1) // stride + 1``, W' likewise.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or the shapes do not go together.

    Notes
    -----
    The sizes are relationship 15 of Dumoulin and Visin (2016), arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import reference
    >>> x = np.arange(9.0).reshape(1, 3, 3)
    >>> reference.conv2d(x, np.ones((1, 1, 2, 2)))
    array([[[ 8., 12.],
            [20., 24.]]])
    """
    spec = conv_spec(x, w, bias, stride, padding, dilation, groups, padding_mode, activation)
    filters, channels, taps_y, taps_x = spec.w.shape
    (stride_y, stride_x), (dilation_y, dilation_x) = spec.stride, spec.dilation
    lo, hi = spec.clip

    out = np.empty((len(spec.x), filters, *spec.out_size))
    height, width = spec.out_size
    padded = pad_planes(spec.x.astype(np.float64), spec.pads, spec.padding_mode).tolist()
    weights = spec.w.astype(np.float64).tolist()
    biases = spec.bias.astype(np.float64).tolist()

    for n in range(len(out)):
        for k in range(filters):
            first = k // (filters // spec.groups) * channels
            for y in range(height):
                for x_ in range(width):
                    total = biases[k]
                    for c in range(channels):
                        for r in range(taps_y):
                            for s in range(taps_x):
                                row = y * stride_y + r * dilation_y
                                col = x_ * stride_x + s * dilation_x
                                total += weights[k][c][r][s] * padded[n][first + c][row][col]
                    out[n, k, y, x_] = min(max(total, lo), hi)
    return out if spec.batched else out[0]


def max_pool2d(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Take the maximum of every window of every plane.

    ::

        out[n, c, y, x] = max over r, s of
            x[n, c, y * stride + r * dilation - top, x * stride + s * dilation - left]

    where taps outside the image do not count.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images.
    kernel_size : int or (int, int)
        Size of the window.
    stride : int or (int, int), optional
        Step between windows; `kernel_size` when not given.
    padding : int, (int, int), ((top, bottom), (left, right)), "valid" or "same"
        How far windows reach over each side; at most half of `kernel_size`.
    dilation : int or (int, int)
        Step between the taps of a window.
    ceil_mode : bool
        Round the output size up: the last window may hang over the high side, as long as it
        begins inside the image or its low padding.
    return_indices : bool
        Return also where each maximum was found.

    Returns
    -------
    out : ndarray of float64, shape (N, C, H', W') or (C, H', W')
        The maxima.  A NaN in a window wins over every number.  A window without a single pixel
        (possible with dilation) gives -inf.
    indices : ndarray of int64, of the shape of `out`
        Only if `return_indices`: flat position ``row * W + column`` in the plane of the input,
        of the first of several equal maxima, or of the first NaN; -1 for a window without
        a pixel.  0.0 and -0.0 are equal.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Notes
    -----
    The sizes are those of `conv2d` (Dumoulin and Visin 2016, arXiv:1603.07285, section 3), and
    the rule for `ceil_mode` is that of ``torch.nn.MaxPool2d``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import reference
    >>> out, indices = reference.max_pool2d(
    ...     np.arange(16.0).reshape(1, 4, 4), 2, return_indices=True)
    >>> out
    array([[[ 5.,  7.],
            [13., 15.]]])
    >>> indices
    array([[[ 5,  7],
            [13, 15]]])
    """
    spec = pool_spec(x, kernel_size, stride, padding, dilation, ceil_mode)
    batch, channels, in_height, in_width = spec.x.shape
    (taps_y, taps_x), (height, width) = spec.kernel, spec.out_size
    (stride_y, stride_x), (dilation_y, dilation_x) = spec.stride, spec.dilation
    (top, _), (left, _) = spec.pads

    out = np.empty((batch, channels, height, width))
    indices = np.empty(out.shape, np.int64)
    image = spec.x.astype(np.float64).tolist()

    for n in range(batch):
        for c in range(channels):
            for y in range(height):
                for x_ in range(width):
                    best, where = -math.inf, -1
                    for r in range(taps_y):
                        for s in range(taps_x):
                            row = y * stride_y + r * dilation_y - top
                            col = x_ * stride_x + s * dilation_x - left
                            if not (0 <= row < in_height and 0 <= col < in_width):
                                continue
                            value = image[n][c][row][col]
                            first_nan = math.isnan(value) and not math.isnan(best)
                            if where == -1 or value > best or first_nan:
                                best, where = value, row * in_width + col
                    out[n, c, y, x_] = best
                    indices[n, c, y, x_] = where
    if not spec.batched:
        out, indices = out[0], indices[0]
    return (out, indices) if return_indices else out


def im2col(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> np.ndarray:
    """Lay out every window of an image as a column, so that convolution is a matrix product.

    ::

        cols[n, (c * R + r) * S + s, y * W' + x] =
            p[n, c, y * stride + r * dilation, x * stride + s * dilation]

    with p the zero-padded input.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images.
    kernel_size : int or (int, int)
        Size (R, S) of the window.
    stride, padding, dilation
        As in `conv2d`.

    Returns
    -------
    ndarray of float64, shape (N, C * R * S, H' * W') or (C * R * S, H' * W')
        The layout of ``torch.nn.functional.unfold``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import reference
    >>> reference.im2col(np.arange(6.0).reshape(1, 2, 3), 2)
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    spec = im2col_spec(x, kernel_size, stride, padding, dilation)
    batch, channels = spec.data.shape[:2]
    (taps_y, taps_x), (height, width) = spec.kernel, spec.out_size
    (stride_y, stride_x), (dilation_y, dilation_x) = spec.stride, spec.dilation

    padded = pad_planes(spec.data.astype(np.float64), spec.pads)
    cols = np.empty((batch, channels * taps_y * taps_x, height * width))
    for n in range(batch):
        for c in range(channels):
            for r in range(taps_y):
                for s in range(taps_x):
                    for y in range(height):
                        for x_ in range(width):
                            row = y * stride_y + r * dilation_y
                            col = x_ * stride_x + s * dilation_x
                            tap, position = (c * taps_y + r) * taps_x + s, y * width + x_
                            cols[n, tap, position] = padded[n, c, row, col]
    return cols if spec.batched else cols[0]


def col2im(
    cols: ArrayLike,
    output_size: Ints,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> np.ndarray:
    """Add every column back to the pixels it was taken from: the transpose of `im2col`.

    It is not the inverse: a pixel seen by several windows receives the sum of all of them.

    ::

        p[n, c, y * stride + r * dilation, x * stride + s * dilation] +=
            cols[n, (c * R + r) * S + s, y * W' + x]

    and the result is p without its border.

    Parameters
    ----------
    cols : array_like, shape (N, C * R * S, H' * W') or (C * R * S, H' * W')
        Columns, as `im2col` returns them.
    output_size : int or (int, int)
        Size (H, W) of the image.
    kernel_size, stride, padding, dilation
        As in `im2col`.

    Returns
    -------
    ndarray of float64, shape (N, C, H, W) or (C, H, W)
        The layout of ``torch.nn.functional.fold``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or `cols` has not as many rows and
        columns as the sizes ask for.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import reference
    >>> x = np.ones((1, 3, 3))
    >>> reference.col2im(reference.im2col(x, 2), 3, 2)
    array([[[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]]])
    """
    spec = col2im_spec(cols, output_size, kernel_size, stride, padding, dilation)
    (taps_y, taps_x), (height, width) = spec.kernel, spec.out_size
    (stride_y, stride_x), (dilation_y, dilation_x) = spec.stride, spec.dilation
    batch, channels = len(spec.data), spec.data.shape[1] // (taps_y * taps_x)

    columns = spec.data.astype(np.float64)
    padded = pad_planes(np.zeros((batch, channels, *spec.in_size)), spec.pads)
    for n in range(batch):
        for c in range(channels):
            for r in range(taps_y):
                for s in range(taps_x):
                    for y in range(height):
                        for x_ in range(width):
                            row = y * stride_y + r * dilation_y
                            col = x_ * stride_x + s * dilation_x
                            tap, position = (c * taps_y + r) * taps_x + s, y * width + x_
                            padded[n, c, row, col] += columns[n, tap, position]
    (top, _), (left, _) = spec.pads
    image = padded[:, :, top : top + spec.in_size[0], left : left + spec.in_size[1]].copy()
    return image if spec.batched else image[0]


def depthwise_separable_conv2d(
    x: ArrayLike,
    w_depthwise: ArrayLike,
    w_pointwise: ArrayLike,
    bias_depthwise: ArrayLike | None = None,
    bias_pointwise: ArrayLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
    *,
    activation_depthwise: Activation = None,
    activation: Activation = None,
) -> np.ndarray:
    """Filter every channel by itself, then mix the channels with 1x1 filters.

    MobileNet's block (Howard et al. 2017, arXiv:1704.04861)::

        middle = conv2d(x, w_depthwise, bias_depthwise, stride, padding, dilation, groups=C,
                        activation=activation_depthwise)
        out = conv2d(middle, w_pointwise, bias_pointwise, activation=activation)

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images.
    w_depthwise : array_like, shape (C * m, 1, R, S)
        m filters for each channel.
    w_pointwise : array_like, shape (K, C * m, 1, 1)
        The mixture that each output channel is.
    bias_depthwise, bias_pointwise : array_like, shape (C * m,) and (K,), optional
        Added after each step.
    stride, padding, dilation
        Of the depthwise step, as in `conv2d`.
    activation_depthwise, activation : None, "relu", "relu6" or (lo, hi)
        Clip the result of the depthwise and of the pointwise step.

    Returns
    -------
    ndarray of float64, shape (N, K, H', W') or (K, H', W')
        The output images.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or the shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import reference
    >>> x = np.ones((2, 3, 3))
    >>> reference.depthwise_separable_conv2d(x, np.ones((2, 1, 3, 3)), np.ones((1, 2, 1, 1)))
    array([[[18.]]])
    """
    channels = check_separable(x, w_depthwise, w_pointwise)
    middle = conv2d(
        x,
        w_depthwise,
        bias_depthwise,
        stride,
        padding,
        dilation,
        channels,
        activation=activation_depthwise,
    )
    return conv2d(middle, w_pointwise, bias_pointwise, activation=activation)
