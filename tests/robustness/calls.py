"""A valid call of every public function, of which a case changes one argument at a time.

All values are small integers, so that sums of products are exact in any order and results can be
compared to the bit; Winograd's transforms round, by far less than the half that would show.
"""

import numpy as np

import fastconv
from fastconv.reference import vectorized

F32 = np.float32


def values(*shape):
    return np.random.default_rng(sum(shape)).integers(-4, 5, shape).astype(F32)


def _plan(x, w, out=None, **arguments):
    return fastconv.Conv2d(w, **arguments)(x, out)


CONVOLUTIONS = {
    "conv2d": (fastconv.conv2d, {"w": values(4, 4, 3, 3)}),
    "conv2d_direct": (fastconv.conv2d_direct, {"w": values(4, 4, 3, 3)}),
    "conv2d_im2col": (fastconv.conv2d_im2col, {"w": values(4, 4, 3, 3)}),
    "conv2d_dilated": (fastconv.conv2d_dilated, {"w": values(4, 4, 3, 3), "dilation": 2}),
    "conv2d_depthwise": (fastconv.conv2d_depthwise, {"w": values(4, 1, 3, 3), "groups": 4}),
    "conv2d_grouped": (fastconv.conv2d_grouped, {"w": values(4, 2, 3, 3), "groups": 2}),
    "conv2d_winograd": (fastconv.conv2d_winograd, {"w": values(4, 4, 3, 3)}),
    "Conv2d": (_plan, {"w": values(4, 4, 3, 3)}),
}
for _, _arguments in CONVOLUTIONS.values():
    _arguments.update(x=values(2, 4, 9, 8), bias=values(4))

OTHERS = {
    "max_pool2d": (fastconv.max_pool2d, {"x": values(2, 4, 9, 8), "kernel_size": 3}),
    "im2col": (fastconv.im2col, {"x": values(2, 4, 9, 8), "kernel_size": 3}),
    "col2im": (fastconv.col2im, {"cols": values(2, 36, 42), "output_size": (9, 8),
                                 "kernel_size": 3}),
    "depthwise_separable_conv2d": (
        fastconv.depthwise_separable_conv2d,
        {"x": values(2, 4, 9, 8), "w_depthwise": values(4, 1, 3, 3),
         "w_pointwise": values(5, 4, 1, 1), "bias_depthwise": values(4),
         "bias_pointwise": values(5)},
    ),
}
CALLS = {**CONVOLUTIONS, **OTHERS}
WITH_OUT = [*CONVOLUTIONS, "max_pool2d", "depthwise_separable_conv2d"]
WITH_KERNEL_SIZE = ["max_pool2d", "im2col", "col2im"]
EVERY_ARRAY = [(target, name) for target in CALLS
               for name, value in CALLS[target][1].items() if isinstance(value, np.ndarray)]
# What the reference does not take, since it does not change values of a channels-first result.
_HOW = {"algorithm", "precision", "threads", "out", "layout"}


def call(target, **changes):
    function, arguments = CALLS[target]
    return function(**{**arguments, **changes})


def expected(target, **changes):
    """The same by the reference, in float64; always channels first."""
    arguments = {k: v for k, v in {**CALLS[target][1], **changes}.items() if k not in _HOW}
    name = "conv2d" if target in CONVOLUTIONS else target
    return getattr(vectorized, name)(**arguments)


def right(target, want=None, **changes):
    """Assert that a valid call gives the right result: exactly, but for Winograd's rounding."""
    got = call(target, **changes)
    got = got[0] if isinstance(got, tuple) else got
    want = expected(target, **changes) if want is None else want
    if target in ("conv2d", "Conv2d", "conv2d_winograd"):
        got = np.rint(got)
    assert type(got) is np.ndarray or got is changes.get("out"), type(got)
    np.testing.assert_array_equal(got, want)
