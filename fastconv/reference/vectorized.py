"""The same operators as a NumPy user would write them: the opponent in the benchmarks.

Unlike the naive forms these keep float32 and float64 as they are (mixed operands and integers
are promoted by NumPy's rules, to float32 at least), so that NumPy is timed at its best.  For
the same reason convolution is a matrix product of sliding windows rather than an `einsum`,
which is several times slower, and pooling goes tap by tap rather than along windows.

Arguments, results and errors are those of the functions of the same name in
`fastconv.reference`, but for the dtype.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from ._spec import (
    Activation,
    Ints,
    Padding,
    check_separable,
    col2im_spec,
    conv_spec,
    im2col_spec,
    overhang,
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
    """Convolve images with filters, as one matrix product for each group.

    See `fastconv.reference.conv2d`; the result has the dtype of `x` and `w` together.
    """
    spec = conv_spec(x, w, bias, stride, padding, dilation, groups, padding_mode, activation)
    dtype = np.result_type(spec.x, spec.w, np.float32)
    filters, channels, *kernel = spec.w.shape

    padded = pad_planes(spec.x.astype(dtype, copy=False), spec.pads, spec.padding_mode)
    windows = _windows(padded, kernel, spec.stride, spec.dilation)
    positions = spec.out_size[0] * spec.out_size[1]
    reduction = channels * kernel[0] * kernel[1]
    cols = windows.reshape(len(padded), spec.groups, reduction, positions)
    weights = spec.w.astype(dtype, copy=False).reshape(spec.groups, -1, reduction)

    out: np.ndarray = (weights @ cols).reshape(len(padded), filters, *spec.out_size)
    if bias is not None:
        out += spec.bias.astype(dtype, copy=False)[:, None, None]
    if activation is not None:
        np.clip(out, *spec.clip, out=out)
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
    """Take the maximum of every window, one tap of all windows at a time.

    See `fastconv.reference.max_pool2d`; the maxima have the dtype of `x`.
    """
    spec = pool_spec(x, kernel_size, stride, padding, dilation, ceil_mode)
    image = spec.x.astype(np.result_type(spec.x, np.float32), copy=False)
    in_height, in_width = image.shape[2:]
    (top, _), (left, _) = spec.pads

    padded = pad_planes(image, overhang(spec), fill=-np.inf)
    out = np.full((*image.shape[:2], *spec.out_size), -np.inf, image.dtype)
    indices = np.full(out.shape, -1, np.int64) if return_indices else None
    for rows, cols in _taps(spec.kernel, spec.stride, spec.dilation, spec.out_size):
        values = padded[:, :, rows, cols]
        if indices is None:
            np.maximum(out, values, out=out)
            continue
        row = np.arange(rows.start, rows.stop, rows.step)[:, None] - top
        col = np.arange(cols.start, cols.stop, cols.step) - left
        inside = (0 <= row) & (row < in_height) & (0 <= col) & (col < in_width)
        first_nan = np.isnan(values) & ~np.isnan(out)
        better = inside & ((indices == -1) | (values > out) | first_nan)
        np.copyto(out, values, where=better)
        np.copyto(indices, row * in_width + col, where=better)
    if not spec.batched:
        out, indices = out[0], None if indices is None else indices[0]
    return out if indices is None else (out, indices)


def im2col(
    x: ArrayLike,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> np.ndarray:
    """Lay out every window as a column.

    See `fastconv.reference.im2col`; the result has the dtype of `x`.
    """
    spec = im2col_spec(x, kernel_size, stride, padding, dilation)
    image = spec.data.astype(np.result_type(spec.data, np.float32), copy=False)
    windows = _windows(pad_planes(image, spec.pads), spec.kernel, spec.stride, spec.dilation)
    taps, positions = spec.kernel[0] * spec.kernel[1], spec.out_size[0] * spec.out_size[1]
    cols = windows.reshape(len(image), image.shape[1] * taps, positions)
    return cols if spec.batched else cols[0]


def col2im(
    cols: ArrayLike,
    output_size: Ints,
    kernel_size: Ints,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
) -> np.ndarray:
    """Add every column back to the pixels it was taken from.

    See `fastconv.reference.col2im`; the result has the dtype of `cols`.
    """
    spec = col2im_spec(cols, output_size, kernel_size, stride, padding, dilation)
    batch, taps = len(spec.data), spec.kernel[0] * spec.kernel[1]
    columns = spec.data.astype(np.result_type(spec.data, np.float32), copy=False)
    columns = columns.reshape(batch, spec.data.shape[1] // taps, taps, *spec.out_size)

    padded = pad_planes(np.zeros((*columns.shape[:2], *spec.in_size), columns.dtype), spec.pads)
    places = _taps(spec.kernel, spec.stride, spec.dilation, spec.out_size)
    for tap, (rows, cols_) in enumerate(places):
        padded[:, :, rows, cols_] += columns[:, :, tap]
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

    See `fastconv.reference.depthwise_separable_conv2d`; the result has the dtype of `x` and the
    weights together.
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


def _windows(
    padded: np.ndarray,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> np.ndarray:
    """A view of all windows, (N, C, R, S, H', W')."""
    extent = [(taps - 1) * d + 1 for taps, d in zip(kernel, dilation, strict=True)]
    windows = sliding_window_view(padded, extent, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    return windows.transpose(0, 1, 4, 5, 2, 3)


def _taps(
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    out_size: tuple[int, ...],
) -> Iterator[tuple[slice, slice]]:
    """For each tap of the kernel, where all windows have it in the padded image."""
    for tap in itertools.product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        rows, cols = (
            slice(start, start + (out - 1) * step + 1, step)
            for start, out, step in zip(starts, out_size, stride, strict=True)
        )
        yield rows, cols
