"""Each convolution family by its own name, for teaching, testing and benchmarking.

Parameters, results and errors are those of `conv2d`, without `algorithm` and `precision`; a
ValueError also if the family cannot do the shape.  "dilated" and "grouped" may have Winograd do
parts of the work: for the bound of a plain sum ask `conv2d` for ``precision="exact"``.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from . import _args
from ._args import Activation, Int, Ints, Padding
from ._conv import _image, _run


def conv2d_direct(
    x: ArrayLike, w: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: Int = 1, *, layout: str = "NCHW",
    padding_mode: str = "zeros", activation: Activation = None,
    out: NDArray[Any] | None = None, threads: Int | None = None,
) -> NDArray[Any]:
    """Direct convolution: output pixels in vectors, one weight at a time broadcast to them.

    Best where a filter has few taps and channels, or groups are small: nothing is rearranged
    but a padded copy of the strip at hand.
    """
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, "direct", "auto", threads, False))


def conv2d_im2col(
    x: ArrayLike, w: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: Int = 1, *, layout: str = "NCHW",
    padding_mode: str = "zeros", activation: Activation = None,
    out: NDArray[Any] | None = None, threads: Int | None = None,
) -> NDArray[Any]:
    """Convolution as a matrix product (Chellapilla, Puri and Simard 2006), strip by strip.

    The im2col matrix is never built: a strip of the input lies channels-last in scratch, where
    each row of the matrix is a few contiguous runs.  The matrix itself is `im2col`.
    """
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, "im2col", "auto", threads, False))


def conv2d_winograd(
    x: ArrayLike, w: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: Int = 1, *, layout: str = "NCHW",
    padding_mode: str = "zeros", activation: Activation = None,
    out: NDArray[Any] | None = None, threads: Int | None = None,
) -> NDArray[Any]:
    """Winograd's minimal filtering (Lavin and Gray 2015, arXiv:1509.09308).

    Tiles of t inputs give t - r + 1 outputs of r taps on each axis, t being 6, 5 or 4: a 3x3
    kernel needs 25%, 31% or 44% of the multiplications, a 5x5 one 36%, a 1x3 one 50%; which t is
    taken depends on the shape.  A stride of s takes ceil(kernel / s) taps of s * s times the
    channels.  Images of which a dilation leaves two rows and columns take 9 products for 4
    outputs.  The error is relative to the largest value around a result, not to the result: see
    docs/numbers.md.  A ValueError if the kernel is larger than 5 strides, or on no axis larger
    than its stride, and for axes both strided and dilated.
    """
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, "winograd", "auto", threads, False))


def conv2d_dilated(
    x: ArrayLike, w: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: Int = 1, *, layout: str = "NCHW",
    padding_mode: str = "zeros", activation: Activation = None,
    out: NDArray[Any] | None = None, threads: Int | None = None,
) -> NDArray[Any]:
    """Dilated convolution (Yu and Koltun 2016, arXiv:1511.07122) by its phases.

    A dilation of d is d * d ordinary convolutions of every d-th pixel, each served by the
    fastest undilated algorithm.  A ValueError if no axis is dilated.
    """
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, "dilated", "auto", threads, False))


def conv2d_depthwise(
    x: ArrayLike, w: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: Int | None = None, *,
    layout: str = "NCHW", padding_mode: str = "zeros", activation: Activation = None,
    out: NDArray[Any] | None = None, threads: Int | None = None,
) -> NDArray[Any]:
    """Depthwise convolution: each channel has its own K / C filters (MobileNet's first half).

    `groups` may be left out; it is the number of channels of `x`, and a ValueError if it is
    given and differs.  `w` has shape (C * multiplier, 1, R, S).
    """
    x = _image(x)
    _args.choice(layout, "layout", ("NCHW", "NHWC"))
    channels = x.shape[-1 if layout == "NHWC" else -3]
    if channels < 1:
        raise ValueError(f"x must have at least one channel, got shape {x.shape}")
    if groups is None:
        groups = channels
    elif _args.positive_int(groups, "groups") != channels:
        raise ValueError(f"groups must be the {channels} channels of x for a depthwise "
                         f"convolution, got {groups}")
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, "depthwise", "auto", threads, False))


def conv2d_grouped(
    x: ArrayLike, w: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: Int = 1, *, layout: str = "NCHW",
    padding_mode: str = "zeros", activation: Activation = None,
    out: NDArray[Any] | None = None, threads: Int | None = None,
) -> NDArray[Any]:
    """Grouped convolution: independent convolutions side by side (AlexNet, ResNeXt).

    Groups of no more channels, in and out, than a vector has lanes share one, several groups at
    a time (in vectors of 2 or 4 lanes only where they fill it); larger ones go group by group
    through the fastest dense algorithm.  A ValueError if there is only one group.
    """
    if _args.positive_int(groups, "groups") < 2:
        raise ValueError(f"groups must be at least 2 for a grouped convolution, got {groups}")
    return _run(x, w, bias, out, (stride, padding, dilation, groups, layout, padding_mode,
                                  activation, "grouped", "auto", threads, True))
