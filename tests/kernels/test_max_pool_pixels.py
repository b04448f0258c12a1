"""Pooling with channels in vectors: every remainder of channels, every kind of window."""

import itertools

import numpy as np
import pytest
from support import canary, edges, tile

import fastconv
from fastconv.reference import vectorized

# Square ones that have a form of their own at strides 1 and 2, and others.
WINDOWS = [2, 3, 5, 4, (1, 3), (3, 2)]


def values(dtype, *shape):
    """Few different values, so that there are ties."""
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape).astype(dtype)


def check(x, *arguments):
    """`x` has its channels last, and more of them to either side."""
    expected, where = vectorized.max_pool2d(np.moveaxis(x, -1, 1), *arguments, return_indices=True)
    given, _ = canary(x)
    out, intact = canary(np.zeros_like(np.moveaxis(expected, 1, -1)), sentinel=7)
    fastconv.max_pool2d(given, *arguments, layout="NHWC", out=out)
    np.testing.assert_array_equal(np.moveaxis(out, -1, 1), expected, f"{x.shape} {arguments}")
    out[:] = 7
    _, indices = fastconv.max_pool2d(given, *arguments, True, layout="NHWC", out=out)
    np.testing.assert_array_equal(np.moveaxis(out, -1, 1), expected, f"{x.shape} {arguments}")
    np.testing.assert_array_equal(np.moveaxis(indices, -1, 1), where, f"{x.shape} {arguments}")
    assert intact()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_channels_around_the_vector(isa, dtype, stride):
    vl = tile(isa, dtype).vl
    for channels in [*edges(vl), 4 * vl, 5 * vl + 1]:
        for window in WINDOWS:
            check(values(dtype, 2, 7, 6, channels), window, stride, 0, 1, False)


def test_rows_in_parts(isa, dtype):
    """Of so many channels parts of a row hold eight windows."""
    for window, padding in itertools.product((2, 3), (0, 1)):
        check(values(dtype, 1, 5, 39, 128), window, 2, padding, 1, False)


def test_windows_that_meet(isa, dtype):
    """Columns are folded for several windows: 256 at a time, of windows up to 128 wide."""
    vl = tile(isa, dtype).vl
    for width, window, stride, dilation in [(600, (4, 7), 1, 1), (600, (2, 7), 3, 2),
                                            (300, (2, 128), 5, 1), (300, (2, 129), 2, 1),
                                            (40, (9, 9), 8, 1), (40, (9, 9), 9, 1)]:
        padding = (window[0] // 2, window[1] // 2)
        check(values(dtype, 1, 12, width, vl + 1), window, stride, padding, dilation, False)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_padding_and_dilation(isa, dtype, ceil_mode):
    for window, stride, dilation in itertools.product(WINDOWS, [1, 2], [1, 2]):
        rows, columns = window if isinstance(window, tuple) else (window, window)
        padding = ((rows // 2, 0), (columns // 2, columns // 2))
        check(values(dtype, 1, 9, 10, 5), window, stride, padding, dilation, ceil_mode)


def test_nan_wins_wherever_it_is(isa, dtype):
    x = values(dtype, 1, 5, 6, 2 * tile(isa, dtype).vl + 1)
    for channel in range(x.shape[-1]):
        marked = x.copy()
        marked[0, channel % 5, channel % 6, channel] = np.nan
        for window, stride in itertools.product((2, 3, 5, 4), (1, 2)):
            check(marked, window, stride, 1, 1, False)
