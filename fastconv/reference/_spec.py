"""What both references agree on before they compute: shapes, sizes, borders and errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._args import (
    Activation,
    Ints,
    Padding,
    Pairs,
    choice,
    clip_bounds,
    per_axis,
    positive_int,
)
from .._args import padding as padding_pairs

__all__ = [
    "Activation",
    "ColSpec",
    "ConvSpec",
    "Ints",
    "Padding",
    "Pairs",
    "PoolSpec",
    "check_separable",
    "col2im_spec",
    "conv_spec",
    "im2col_spec",
    "overhang",
    "pad_planes",
    "pool_spec",
    "real_array",
]

_PAD_MODES: dict[str, Any] = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}


class ConvSpec(NamedTuple):
    """A convolution with every argument checked and in its plainest form."""

    x: np.ndarray  # (N, C, H, W)
    w: np.ndarray  # (K, C/groups, R, S)
    bias: np.ndarray  # (K,)
    stride: tuple[int, ...]
    pads: Pairs
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str
    clip: tuple[float, float]
    out_size: tuple[int, ...]
    batched: bool


class PoolSpec(NamedTuple):
    """A max pooling with every argument checked and in its plainest form."""

    x: np.ndarray  # (N, C, H, W)
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: Pairs
    dilation: tuple[int, ...]
    out_size: tuple[int, ...]
    batched: bool


class ColSpec(NamedTuple):
    """The geometry that im2col and col2im share; `data` is what goes in."""

    data: np.ndarray
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: Pairs
    dilation: tuple[int, ...]
    in_size: tuple[int, ...]
    out_size: tuple[int, ...]
    batched: bool


def real_array(value: Any, name: str, ranks: tuple[int, ...]) -> np.ndarray:
    """Return `value` as an array of real numbers whose rank is one of `ranks`."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim not in ranks:
        wanted = " or ".join(str(rank) for rank in ranks)
        raise ValueError(f"{name} must have {wanted} dimensions, got shape {array.shape}")
    return array


def conv_spec(
    x: Any,
    w: Any,
    bias: Any,
    stride: Ints,
    padding: Padding,
    dilation: Ints,
    groups: int,
    padding_mode: str,
    activation: Activation,
) -> ConvSpec:
    """Check the arguments of a 2-D convolution; arrays keep their own dtype."""
    x, batched = _images(x)
    w = real_array(w, "w", (4,))
    if 0 in w.shape:
        raise ValueError(f"w must not have an axis of length 0, got shape {w.shape}")
    filters, channels_per_group, *kernel = w.shape
    channels = x.shape[1]
    groups = positive_int(groups, "groups")
    if channels % groups or filters % groups:
        raise ValueError(
            f"groups must divide the {channels} channels of x and the {filters} filters of w, "
            f"got {groups}"
        )
    if channels_per_group != channels // groups:
        raise ValueError(
            f"w must have {channels // groups} channels ({channels} channels of x / {groups} "
            f"groups), got shape {w.shape}"
        )
    bias = np.zeros(filters, x.dtype) if bias is None else real_array(bias, "bias", (1,))
    if bias.shape != (filters,):
        raise ValueError(
            f"bias must have one value for each of the {filters} filters, got shape {bias.shape}"
        )
    in_size = x.shape[2:]
    stride, pads, dilation = _geometry(in_size, tuple(kernel), stride, padding, dilation)
    choice(padding_mode, "padding_mode", tuple(_PAD_MODES))
    _check_border(in_size, pads, padding_mode)
    out_size = _out_size(in_size, tuple(kernel), stride, pads, dilation)
    clip = clip_bounds(activation)
    return ConvSpec(
        x, w, bias, stride, pads, dilation, groups, padding_mode, clip, out_size, batched
    )


def pool_spec(
    x: Any,
    kernel_size: Ints,
    stride: Ints | None,
    padding: Padding,
    dilation: Ints,
    ceil_mode: bool,
) -> PoolSpec:
    """Check the arguments of a 2-D pooling."""
    x, batched = _images(x)
    in_size = x.shape[2:]
    kernel = per_axis(kernel_size, "kernel_size", 2, 1)
    stride = kernel if stride is None else stride
    stride, pads, dilation = _geometry(in_size, kernel, stride, padding, dilation)
    for pair, taps in zip(pads, kernel, strict=True):
        if max(pair) > taps // 2:
            raise ValueError(
                f"padding must be at most half of kernel_size {kernel}, got {padding!r}"
            )
    out_size = _out_size(in_size, kernel, stride, pads, dilation, bool(ceil_mode))
    return PoolSpec(x, kernel, stride, pads, dilation, out_size, batched)


def overhang(spec: PoolSpec) -> Pairs:
    """Return the padding that covers all windows, also those that `ceil_mode` lets hang over."""
    pads = []
    for size, taps, step, spread, out, (lo, _) in zip(
        spec.x.shape[2:],
        spec.kernel,
        spec.stride,
        spec.dilation,
        spec.out_size,
        spec.pads,
        strict=True,
    ):
        end = (out - 1) * step + (taps - 1) * spread + 1
        pads.append((lo, max(end - lo - size, 0)))
    return tuple(pads)


def check_separable(x: Any, w_depthwise: Any, w_pointwise: Any) -> int:
    """Check what is special to a depthwise separable block, and return its input channels."""
    channels: int = _images(x)[0].shape[1]
    depthwise = real_array(w_depthwise, "w_depthwise", (4,)).shape
    pointwise = real_array(w_pointwise, "w_pointwise", (4,)).shape
    if depthwise[1] != 1 or depthwise[0] % channels or 0 in depthwise:
        raise ValueError(
            f"w_depthwise must have the shape ({channels} * m, 1, R, S), got {depthwise}"
        )
    if pointwise[1:] != (depthwise[0], 1, 1) or 0 in pointwise:
        raise ValueError(
            f"w_pointwise must have the shape (K, {depthwise[0]}, 1, 1), got {pointwise}"
        )
    return channels


def im2col_spec(
    x: Any, kernel_size: Ints, stride: Ints, padding: Padding, dilation: Ints
) -> ColSpec:
    """Check the arguments of im2col."""
    x, batched = _images(x)
    in_size = x.shape[2:]
    kernel = per_axis(kernel_size, "kernel_size", 2, 1)
    stride, pads, dilation = _geometry(in_size, kernel, stride, padding, dilation)
    out_size = _out_size(in_size, kernel, stride, pads, dilation)
    return ColSpec(x, kernel, stride, pads, dilation, in_size, out_size, batched)


def col2im_spec(
    cols: Any,
    output_size: Ints,
    kernel_size: Ints,
    stride: Ints,
    padding: Padding,
    dilation: Ints,
) -> ColSpec:
    """Check the arguments of col2im."""
    cols = real_array(cols, "cols", (2, 3))
    batched = cols.ndim == 3
    cols = cols if batched else cols[None]
    in_size = per_axis(output_size, "output_size", 2, 1)
    kernel = per_axis(kernel_size, "kernel_size", 2, 1)
    stride, pads, dilation = _geometry(in_size, kernel, stride, padding, dilation)
    out_size = _out_size(in_size, kernel, stride, pads, dilation)
    taps, positions = kernel[0] * kernel[1], out_size[0] * out_size[1]
    if cols.shape[1] == 0 or cols.shape[1] % taps or cols.shape[2] != positions:
        raise ValueError(
            f"cols must have a multiple of {taps} rows (taps of a kernel) and {positions} "
            f"columns (positions of a window), got shape {cols.shape[1:]}"
        )
    return ColSpec(cols, kernel, stride, pads, dilation, in_size, out_size, batched)


def pad_planes(
    x: np.ndarray, pads: Pairs, padding_mode: str = "zeros", fill: float = 0.0
) -> np.ndarray:
    """Return `x` with a border round its last two axes."""
    widths = ((0, 0),) * (x.ndim - 2) + pads
    if padding_mode == "zeros":
        return np.pad(x, widths, constant_values=fill)
    return np.pad(x, widths, mode=_PAD_MODES[padding_mode])


def _images(x: Any) -> tuple[np.ndarray, bool]:
    """Return `x` as (N, C, H, W), and whether it came with a batch axis."""
    x = real_array(x, "x", (3, 4))
    batched = x.ndim == 4
    x = x if batched else x[None]
    if x.shape[1] == 0:
        raise ValueError(f"x must have at least one channel, got shape {x.shape}")
    return x, batched


def _geometry(
    in_size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: Ints,
    padding: Padding,
    dilation: Ints,
) -> tuple[tuple[int, ...], Pairs, tuple[int, ...]]:
    stride = per_axis(stride, "stride", 2, 1)
    dilation = per_axis(dilation, "dilation", 2, 1)
    return stride, padding_pairs(padding, 2, in_size, kernel, stride, dilation), dilation


def _out_size(
    in_size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    pads: Pairs,
    dilation: tuple[int, ...],
    ceil_mode: bool = False,
) -> tuple[int, ...]:
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(in_size, pads, strict=True))
    extent = tuple((taps - 1) * d + 1 for taps, d in zip(kernel, dilation, strict=True))
    out_size = []
    for size, full, span, step, (lo, _) in zip(in_size, padded, extent, stride, pads, strict=True):
        hanging = step - 1 if ceil_mode else 0
        out = (full + hanging - span) // step + 1
        # A window may hang over the high side, but not begin there: it would see nothing.
        if ceil_mode and (out - 1) * step >= size + lo:
            out -= 1
        if out < 1:
            raise ValueError(
                f"kernel must fit into the padded input, got a (dilated) kernel of "
                f"{_by(extent)} and a padded input of {_by(padded)}"
            )
        out_size.append(out)
    return tuple(out_size)


def _check_border(in_size: tuple[int, ...], pads: Pairs, padding_mode: str) -> None:
    """A mirror does not repeat its edge, and a border is taken from the image once only."""
    if padding_mode in ("zeros", "replicate"):
        return
    for size, pair in zip(in_size, pads, strict=True):
        most = size - 1 if padding_mode == "reflect" else size
        if max(pair) > max(most, 0):
            raise ValueError(
                f'padding must be at most {most} for padding_mode="{padding_mode}" on an axis '
                f"of {size}, got {pads}"
            )


def _by(size: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in size)
