"""Convolution: the functions and the plan that users call."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from . import _args, _core
from ._args import Activation, Int, Ints, Padding

LAYOUTS = ("NCHW", "NHWC")
ALGORITHMS = tuple(dict.fromkeys(("auto", *_core.algorithms(), *_core.rows())))
PRECISIONS = ("auto", "exact")


def conv2d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    dilation: Ints = 1,
    groups: Int = 1,
    *,
    layout: str = "NCHW",
    padding_mode: str = "zeros",
    activation: Activation = None,
    algorithm: str = "auto",
    precision: str = "auto",
    out: NDArray[Any] | None = None,
    threads: Int | None = None,
) -> NDArray[Any]:
    """Convolve a batch of images with a bank of filters.

    The cross-correlation that neural networks call convolution (Dumoulin and Visin 2016,
    arXiv:1603.07285), with g = k // (K / groups)::

        y[n, k, i, j] = act(bias[k] + sum_{c, r, s} w[k, c, r, s]
                            * x[n, g * C/groups + c,
                                i * stride + r * dilation - pad,
                                j * stride + s * dilation - pad])

    Parameters
    ----------
    x : array_like, shape (N, C, H, W) or (C, H, W)
        Images; (N, H, W, C) or (H, W, C) with ``layout="NHWC"``.  Any strides.
    w : array_like, shape (K, C / groups, R, S)
        Filters, in this order for both layouts.
    bias : array_like, shape (K,), optional
        Added to each output channel.
    stride, dilation : int or (int, int), optional
        Pixels between window positions, and between the taps of a window, at least 1.
    padding : int, (int, int), ((lo, hi), (lo, hi)), "valid" or "same", optional
        Zeros around the image, in pixels.  "same" keeps the size (divided by the stride,
        rounded up); an odd one goes to the high end.
    groups : int, optional
        Splits channels and filters in this many independent convolutions.
    layout : {"NCHW", "NHWC"}, optional
        Order of the axes of `x` and of the result.
    padding_mode : {"zeros"}, optional
        Other modes are not available yet.
    activation : {"relu", "relu6"} or (lo, hi), optional
        Clips the result while it is still in registers.
    algorithm : {"auto", "direct", "im2col", "winograd", "dilated", "depthwise", "grouped"}
        "auto" takes what the cost model expects to be fastest for this shape, packing of the
        weights included (a `Conv2d` packs once, and may take another).  Rows of a family, as
        `Conv2d.explain` lists them, may be named too: "winograd4".
    precision : {"auto", "exact"}, optional
        "exact" keeps to algorithms with the first error bound below: all but Winograd.
    out : ndarray, optional
        Where to put the result: any strides, but writeable, of the result's shape and dtype,
        and sharing no memory with the inputs.
    threads : int, optional
        At most this many threads; the default is `get_num_threads`.

    Returns
    -------
    ndarray, shape (N, K, H', W') or (K, H', W')
        In the layout of `x`.  float64 if `x` or `w` is (or is an integer wider than 16 bits),
        otherwise float32; `bias` is converted to it.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or an array the wrong dtype.
    ValueError
        If an argument is out of range or the shapes do not fit; it names the argument.
    MemoryError
        If there is no memory for the result or for scratch.

    Notes
    -----
    ``|y - y_exact| <= gamma_n * (sum |x| |w| + |bias|)`` with gamma_n = n u / (1 - n u),
    n = C/groups * R * S + 1 and u = 2**-24 (2**-53 for float64): Higham 2002, *Accuracy and
    Stability of Numerical Algorithms*, section 3.1.  Winograd, which "auto" may take for
    kernels larger than their stride, and inside "dilated", has a bound relative to the largest
    sum within its tile instead, see docs/numbers.md.  Padding takes part as the number zero,
    so an infinite weight over padding gives NaN.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    >>> w = np.ones((1, 1, 2, 2), np.float32)
    >>> fastconv.conv2d(x, w)
    array([[[ 8., 12.],
            [20., 24.]]], dtype=float32)
    """
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, algorithm, precision, threads, False))


def _settings_for(x_shape: tuple[int, ...], w_shape: tuple[int, ...], stride: Any, padding: Any,
                  dilation: Any, groups: Any, layout: Any, padding_mode: Any, activation: Any,
                  algorithm: Any, precision: Any, threads: Any,
                  or_else_auto: bool = False) -> _core.Settings:
    """Check every argument that is not an array and put it in C's form."""
    # The type first: an array would compare item by item.
    if type(layout) is not str or layout != "NCHW":
        _args.choice(layout, "layout", LAYOUTS)
    if type(padding_mode) is not str or padding_mode != "zeros":
        _args.choice(padding_mode, "padding_mode", ("zeros",))
    if type(precision) is not str or precision != "auto":
        _args.choice(precision, "precision", PRECISIONS)
    if type(algorithm) is not str or algorithm != "auto":
        algorithm = _args.choice(algorithm, "algorithm", ALGORITHMS)
    if algorithm == "auto":
        algorithm = None
    if threads is not None:
        threads = _args.positive_int(threads, "threads")
    stride = _args.per_axis(stride, "stride", 2, 1)
    dilation = _args.per_axis(dilation, "dilation", 2, 1)
    groups = _args.positive_int(groups, "groups")
    channels_last = layout == "NHWC"
    image = x_shape[-3:-1] if channels_last else x_shape[-2:]
    pads = _args.padding(padding, 2, image, w_shape[2:], stride, dilation)
    lo, hi = _args.clip_bounds(activation)
    return _core.Settings(stride, pads, dilation, groups, channels_last, lo, hi, algorithm,
                          precision == "exact", or_else_auto, threads)


def _run(x: Any, w: Any, bias: Any, out: Any, arguments: tuple[Any, ...]) -> NDArray[Any]:
    """Convolve; `arguments` are those of `_settings_for` after the shapes."""
    y = _core.conv_again(x, w, bias, out, arguments)
    if y is not None:
        return y
    x = _image(x)
    w, bias = _filters(w, bias)
    return _core.conv(_settings_for(x.shape, w.shape, *arguments), x, w, bias, out, arguments)


def _image(x: Any) -> NDArray[Any]:
    x = _core.as_array(x, "x")
    if x.ndim != 4 and x.ndim != 3:
        raise ValueError(f"x must have 4 dimensions, or 3 unbatched, got shape {x.shape}")
    return x


def _filters(w: Any, bias: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    w = _core.as_array(w, "w")
    if w.ndim != 4:
        raise ValueError(f"w must have 4 dimensions (K, C/groups, R, S), got shape {w.shape}")
    return w, None if bias is None else _core.as_array(bias, "bias")
