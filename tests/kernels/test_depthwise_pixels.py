"""The channels-last depthwise tiles: rows by columns of one vector of channels."""

import numpy as np
import pytest
from support import Problem, check, edges, tile

import fastconv

WINDOWS = pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2), (7, 1)])


def problem(height, width, channels, kernel, stride, **options):
    """A convolution whose output has `height` rows and `width` columns, padded on every side."""
    pads = [((2, 1), (1, 2))[i] for i in range(2)]
    rows, columns = ((n - 1) * stride + kernel - 3 for n in (height, width))
    return Problem((1, channels, max(rows, 1), max(columns, 1)), (channels, 1, kernel, kernel),
                   stride, tuple(pads), groups=channels, **options)


def takes_pixels(given, dtype):
    _, w, bias = given.arrays(dtype)
    plan = fastconv.Conv2d(w, bias, *given.geometry, layout="NHWC", algorithm="depthwise")
    n, c, h, width = given.x
    return plan.explain((n, h, width, c))["algorithm"] == "depthwise_pixels"


@WINDOWS
def test_every_number_of_rows_and_columns(isa, dtype, kernel, stride):
    """1 to 11 covers each mixture of tiles, and those that move back."""
    vl = tile(isa, dtype).vl
    for n in range(1, 12):
        for size in ((n, 4), (3, n)):
            given = problem(*size, vl, kernel, stride)
            assert takes_pixels(given, dtype)
            check(given, dtype, "depthwise", "NHWC")


@WINDOWS
def test_images_of_one_tile(isa, dtype, kernel, stride):
    vl = tile(isa, dtype).vl
    for height, width in ((1, 1), (1, 2), (2, 1), (2, 2)):
        for channels in (vl, 2 * vl + 1):
            check(problem(height, width, channels, kernel, stride), dtype, "depthwise", "NHWC")


@WINDOWS
def test_every_number_of_channels(isa, dtype, kernel, stride):
    """Around one vector, and around a block, whose last vector moves back."""
    vl = tile(isa, dtype).vl
    for channels in [*edges(vl), 16 * vl - 1, 16 * vl, 16 * vl + 1]:
        check(problem(3, 5, channels, kernel, stride), dtype, "depthwise", "NHWC")


@pytest.mark.parametrize("kernel", [(1, 1), (1, 5), (4, 1), (2, 3), (9, 9)])
def test_any_other_filter(isa, dtype, kernel):
    vl = tile(isa, dtype).vl
    for channels in (vl - 1 or 1, 2 * vl + 1):
        for stride, dilation in [(1, 1), (3, 1), (1, 2), ((2, 1), (1, 3))]:
            given = Problem((2, channels, 19, 14), (channels, 1, *kernel), stride, 6, dilation,
                            groups=channels, activation="relu")
            check(given, dtype, "depthwise", "NHWC")


def test_infinite_weights_meet_padding(isa, dtype):
    """Padding is the number zero: where an infinite weight meets it the result is NaN."""
    vl = tile(isa, dtype).vl
    for channels, kernel in ((vl, 3), (vl, 4), (1, 3)):
        x = np.ones((1, 6, 6, channels), dtype)
        w = np.zeros((channels, 1, kernel, kernel), dtype)
        w[:, :, 0, 0] = np.inf
        y = fastconv.conv2d(x, w, padding=1, groups=channels, layout="NHWC", algorithm="depthwise")
        assert np.isnan(y[:, 0]).all() and np.isnan(y[:, :, 0]).all()
        assert np.isposinf(y[:, 1:, 1:]).all()
