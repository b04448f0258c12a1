"""The depthwise algorithm: filters with and without a kernel of their own, and its refusals."""

import itertools

import numpy as np
import pytest
from support import Problem, check

import fastconv


@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3), (3, 5), (1, 7), (5, 5), (9, 9)])
def test_kernels_and_strides(isa, dtype, layout, kernel):
    """Square 3, 5, 7 of stride 1 and 2 have a kernel of their own; the rest goes by planes."""
    for stride, dilation in itertools.product([1, 2, 3, (1, 2)], [1, 2]):
        problem = Problem((2, 3, 19, 20), (3, 1, *kernel), stride, "same", dilation, groups=3)
        check(problem, dtype, "depthwise", layout)


@pytest.mark.parametrize("multiplier", [1, 2, 5])
def test_multiplier(isa, dtype, layout, multiplier):
    for channels, kernel in itertools.product([2, 7, 17], [3, 4]):
        problem = Problem((1, channels, 6, 7), (channels * multiplier, 1, kernel, kernel), 1,
                          ((2, 0), (1, 3)), groups=channels, activation=(-1.0, 0.5))
        check(problem, dtype, "depthwise", layout)


def test_more_padding_than_image(isa, dtype, layout):
    for kernel, padding in itertools.product([3, 5, 7], [6, ((7, 0), (0, 9))]):
        for stride in (1, 2):
            problem = Problem((1, 2, 1, 2), (2, 1, kernel, kernel), stride, padding, groups=2)
            check(problem, dtype, "depthwise", layout)


def test_strips_of_columns_and_rows(isa, dtype, layout):
    """Planes beyond the scratch of one strip."""
    for size, kernel, stride in [((3, 30000), 3, 1), ((400, 150), 5, 2), ((300, 200), 7, 1)]:
        problem = Problem((1, 2, *size), (2, 1, kernel, kernel), stride, 1, groups=2)
        if dtype == np.float32:
            check(problem, dtype, "depthwise", layout)


def test_refuses_what_is_not_depthwise():
    x, w = np.ones((1, 4, 5, 5)), np.ones((4, 2, 3, 3))
    with pytest.raises(ValueError, match="algorithm='depthwise' does not apply here: groups"):
        fastconv.conv2d(x, w, groups=2, algorithm="depthwise")
    with pytest.raises(ValueError, match="^groups must be the 4 channels of x .* got 2$"):
        fastconv.conv2d_depthwise(x, w, groups=2)


def test_groups_may_be_left_out(isa, dtype, layout):
    x = np.ones((5, 6, 3) if layout == "NHWC" else (3, 5, 6), dtype)
    w = np.ones((6, 1, 3, 3), dtype)
    expected = fastconv.conv2d(x, w, groups=3, layout=layout, algorithm="depthwise")
    np.testing.assert_array_equal(fastconv.conv2d_depthwise(x, w, layout=layout), expected)
    one = fastconv.conv2d_depthwise(x[:, :, :1] if layout == "NHWC" else x[:1], w[:2],
                                    layout=layout)
    assert (one == 9).all()
