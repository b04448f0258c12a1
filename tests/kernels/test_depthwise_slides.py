"""Channels-last 3 x 3 tiles that slide down the image: the same bits as `depthwise_pixels`."""

import numpy as np
import pytest
from support import Problem, check, edges, tile, to_layout

import fastconv

STRIDES = pytest.mark.parametrize("stride", [1, 2])


def problem(height, width, channels, stride, **options):
    """A convolution whose output has `height` rows and `width` columns, padded on every side."""
    rows, columns = ((n - 1) * stride for n in (height, width))
    above = 2 if rows else 1  # an image has a row at least
    return Problem((1, channels, max(rows, 1), max(columns, 1)), (channels, 1, 3, 3), stride,
                   ((above, 1), (1, 2)), groups=channels, **options)


@STRIDES
def test_every_number_of_rows(isa, dtype, stride):
    """Up to two bands of the most rows, whose sums take every turn."""
    vl = tile(isa, dtype).vl
    for height in {*range(1, 10), 14, 15, 28, 29, 57}:
        check(problem(height, 5, vl, stride), dtype, "depthwise", "NHWC")


@STRIDES
def test_every_number_of_columns(isa, dtype, stride):
    """5 to 7, their sums, and 8 and 9, of which some are computed twice."""
    vl = tile(isa, dtype).vl
    for width in range(4, 24):
        check(problem(4, width, vl, stride, activation="relu6"), dtype, "depthwise", "NHWC")


@STRIDES
def test_every_number_of_channels(isa, dtype, stride):
    vl = tile(isa, dtype).vl
    for channels in [*edges(vl), 16 * vl - 1, 16 * vl, 16 * vl + 1]:
        check(problem(5, 6, channels, stride), dtype, "depthwise", "NHWC")


@STRIDES
@pytest.mark.parametrize("pitch", [512, 1024, 2048, 4096])
def test_the_same_bits_wherever_pixels_and_results_lie(isa, dtype, stride, pitch):
    """Some of these places are left to the other kernel."""
    channels = tile(isa, dtype).vl + 1
    given = Problem((1, channels, 16, 16), (channels, 1, 3, 3), stride, 1, groups=channels)
    x, w, bias = given.arrays(dtype)
    options = {"layout": "NHWC", "algorithm": "depthwise"}
    y = fastconv.conv2d(to_layout(x, "NHWC"), w, bias, *given.geometry, **options)
    step, page, n = pitch // dtype.itemsize, 4096 // dtype.itemsize, dtype.itemsize

    def placed(shape, at):
        """An array whose pixels are `pitch` bytes apart and that begins so far behind a page."""
        room = np.zeros(np.prod(shape[:3]) * step + 2 * page, dtype)
        begin = (at - room.ctypes.data) % 4096 // n
        return room[begin:][: np.prod(shape[:3]) * step].reshape(*shape[:3], step)[..., :shape[3]]

    view = placed(to_layout(x, "NHWC").shape, 0)
    view[:] = to_layout(x, "NHWC")
    for at in (0, 64, 320, 4096 - 16):
        out = placed(y.shape, at)
        fastconv.conv2d(view, w, bias, *given.geometry, out=out, **options)
        np.testing.assert_array_equal(out, y)


def test_infinite_weights_meet_padding(isa, dtype):
    channels = tile(isa, dtype).vl
    x = np.ones((1, 8, 8, channels), dtype)
    w = np.zeros((channels, 1, 3, 3), dtype)
    w[:, :, 0, 0] = np.inf
    y = fastconv.conv2d(x, w, padding=1, groups=channels, layout="NHWC", algorithm="depthwise")
    assert np.isnan(y[:, 0]).all() and np.isnan(y[:, :, 0]).all()
    assert np.isposinf(y[:, 1:, 1:]).all()
