"""Pooling with any window: those without a form of their own, and arrays of any strides."""

import itertools

import numpy as np
import pytest
from support import canary, edges, tile

import fastconv
from fastconv.reference import vectorized


def values(dtype, *shape):
    """Few different values, so that there are ties."""
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape).astype(dtype)


def check(x, *arguments):
    expected, where = vectorized.max_pool2d(x, *arguments, return_indices=True)
    given, _ = canary(x)
    out, intact = canary(np.zeros_like(expected), sentinel=7)
    fastconv.max_pool2d(given, *arguments, out=out)
    np.testing.assert_array_equal(out, expected, f"{x.shape} {arguments}")
    _, indices = fastconv.max_pool2d(given, *arguments, return_indices=True, out=out)
    np.testing.assert_array_equal(out, expected, f"{x.shape} {arguments}")
    np.testing.assert_array_equal(indices, where, f"{x.shape} {arguments}")
    assert intact()


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows_without_a_form(isa, dtype, stride):
    for width in edges(tile(isa, dtype).vl):
        for kernel in (1, 4, (2, 3), (3, 2), 7):
            if width >= np.max(kernel):
                check(values(dtype, 1, 2, 9, width), kernel, stride)


def test_dilation_and_padding(isa, dtype):
    for kernel, stride, dilation in itertools.product([2, 3], [1, 2], [2, (1, 3), (4, 1)]):
        check(values(dtype, 1, 2, 11, 23), kernel, stride, ((1, 0), (0, 1)), dilation)


def test_strides_of_every_kind(isa, dtype):
    """Every second column and backwards, read and written."""
    x = values(dtype, 2, 3, 9, 40)
    for view in (np.s_[..., ::2], np.s_[..., ::-1], np.s_[..., ::-3]):
        for kernel, stride in itertools.product((2, 3, 4), (1, 2, 3)):
            expected, where = vectorized.max_pool2d(x[view], kernel, stride, return_indices=True)
            got, indices = fastconv.max_pool2d(x[view], kernel, stride, return_indices=True)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(indices, where)
            room = np.full((*expected.shape[:-1], 3 * expected.shape[-1]), 7, dtype)
            fastconv.max_pool2d(x[view], kernel, stride, out=room[..., ::-3])
            np.testing.assert_array_equal(room[..., ::-3], expected)
            assert (room[..., 0::3] == 7).all() and (room[..., 1::3] == 7).all()


def test_nan_wins(isa, dtype):
    x = values(dtype, 1, 2, 5, 37)
    for at in range(x.shape[-1]):
        marked = x.copy()
        marked[0, 0, at % 5, at] = np.nan
        check(marked, 4, 1 + at % 3, 1)


def test_the_first_of_equal_maxima_in_one_channel(isa, dtype):
    x = np.zeros((1, 1, 9, 10), dtype)
    _, index = fastconv.max_pool2d(x, 4, return_indices=True)
    np.testing.assert_array_equal(index[0, 0], [[0, 4], [40, 44]])
