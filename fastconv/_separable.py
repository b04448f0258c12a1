"""MobileNet's block: a depthwise convolution, then a pointwise one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _args, _core
from ._args import Activation, Int, Ints, Padding
from ._conv import LAYOUTS, _image, conv2d
from ._families import conv2d_depthwise


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
    layout: str = "NCHW",
    activation_depthwise: Activation = None,
    activation: Activation = None,
    out: NDArray[Any] | None = None,
    threads: Int | None = None,
) -> NDArray[Any]:
    """Convolve each channel by itself, then mix the channels pixel by pixel.

    Howard et al. 2017, *MobileNets*, arXiv:1704.04861, section 3.1: about R * S times fewer
    operations than the dense convolution of the same size.

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images; channels last with ``layout="NHWC"``.
    w_depthwise : array_like, shape (C * multiplier, 1, R, S)
        One or more filters a channel.
    w_pointwise : array_like, shape (K, C * multiplier, 1, 1)
        The mixture of channels.
    bias_depthwise, bias_pointwise : array_like, optional
        One value an output channel of either step.
    stride, padding, dilation
        Of the depthwise step, as in `conv2d`.
    activation_depthwise, activation
        Of the depthwise step and of the result, as in `conv2d`.
    layout, out, threads
        As in `conv2d`; but `out` may share memory with what the depthwise step reads.

    Returns
    -------
    ndarray, shape (N, K, H', W') or (K, H', W')
        float64, as both steps, if `x` or weights are (or integers wider than 16 bits), otherwise
        float32.

    Raises
    ------
    TypeError, ValueError, MemoryError
        As in `conv2d`.
    """
    x = _image(x)
    _core.check_dtype(x, "x")
    _args.choice(layout, "layout", LAYOUTS)
    _args.clip_bounds(activation_depthwise, "activation_depthwise")
    _args.clip_bounds(activation)
    channels = x.shape[-1 if layout == "NHWC" else -3]
    w_depthwise = _weights(w_depthwise, "w_depthwise")
    w_pointwise = _weights(w_pointwise, "w_pointwise")
    if channels < 1:
        raise ValueError(f"x must have at least one channel, got shape {x.shape}")
    if w_depthwise.shape[1] != 1 or w_depthwise.shape[0] % channels:
        raise ValueError(f"w_depthwise must have shape ({channels} * multiplier, 1, R, S), "
                         f"got {w_depthwise.shape}")
    mixed = w_depthwise.shape[0]
    if w_pointwise.shape[1:] != (mixed, 1, 1):
        raise ValueError(f"w_pointwise must have shape (K, {mixed}, 1, 1), "
                         f"got {w_pointwise.shape}")
    bias_depthwise = _bias(bias_depthwise, "bias_depthwise", mixed)
    bias_pointwise = _bias(bias_pointwise, "bias_pointwise", w_pointwise.shape[0])
    dtype = np.result_type(np.float32, x.dtype, w_depthwise.dtype, w_pointwise.dtype)
    w_depthwise = w_depthwise.astype(dtype, copy=False)
    between = conv2d_depthwise(x, w_depthwise, bias_depthwise, stride, padding, dilation,
                               layout=layout, activation=activation_depthwise, threads=threads)
    return conv2d(between, w_pointwise, bias_pointwise, layout=layout, activation=activation,
                  out=out, threads=threads)


def _weights(w: Any, name: str) -> NDArray[Any]:
    w = _core.as_array(w, name)
    _core.check_dtype(w, name)
    if w.ndim != 4 or 0 in w.shape:
        raise ValueError(f"{name} must have 4 dimensions, none of them empty, got shape {w.shape}")
    return w


def _bias(bias: Any, name: str, channels: int) -> NDArray[Any] | None:
    if bias is None:
        return None
    bias = _core.as_array(bias, name)
    _core.check_dtype(bias, name)
    if bias.shape != (channels,):
        raise ValueError(f"{name} must have shape ({channels},), got {bias.shape}")
    return bias
