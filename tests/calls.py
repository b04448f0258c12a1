"""A valid call of every public function, of which a test changes one argument at a time."""

import numpy as np

import fastconv

F32 = np.float32


def values(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F32)


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


def call(name, **changes):
    function, arguments = CALLS[name]
    return function(**{**arguments, **changes})


def arrays_of(name):
    """Names of the arguments that are arrays."""
    return [k for k, v in CALLS[name][1].items() if isinstance(v, np.ndarray)]
