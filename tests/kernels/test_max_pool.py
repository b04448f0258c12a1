"""The pooling kernel, whose results are exact: every edge, stride, memory order and odd value."""

import itertools

import numpy as np
import pytest
from support import canary, edges, from_layout, tile, to_layout

import fastconv
from fastconv.reference import vectorized


def check(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False, layout="NCHW"):
    arguments = (kernel, stride, padding, dilation, ceil_mode)
    expected, where = vectorized.max_pool2d(x, *arguments, return_indices=True)
    given, _ = canary(to_layout(x, layout))
    got = fastconv.max_pool2d(given, *arguments, layout=layout)
    label = f"{x.shape} {arguments} {layout}"
    assert got.dtype == x.dtype
    np.testing.assert_array_equal(from_layout(got, layout), expected, label)

    out, intact = canary(np.zeros_like(got), sentinel=7)
    again, indices = fastconv.max_pool2d(given, *arguments, True, layout=layout, out=out)
    assert again is out and intact()
    np.testing.assert_array_equal(out, got, label)
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(from_layout(indices, layout), where, label)
    strided, intact = canary(np.zeros_like(got), sentinel=7)
    fastconv.max_pool2d(given, *arguments, layout=layout, out=strided)
    np.testing.assert_array_equal(strided, got, label)
    assert intact()


def values(dtype, *shape):
    """Few different values, so that there are ties."""
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape).astype(dtype)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_widths_around_the_vector(isa, dtype, layout, stride):
    vl = tile(isa, dtype).vl
    for width, kernel in itertools.product([*edges(vl), 2 * vl, 4 * vl + 1], (1, 2, 3)):
        if width >= kernel:
            check(values(dtype, 1, 2, kernel + 1, width), kernel, stride, layout=layout)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_padding_stride_dilation_and_ceil_mode(isa, dtype, layout, ceil_mode):
    shapes = itertools.product([2, 3, (1, 4), (5, 2)], [1, 2, (2, 3)], [1, 2, (1, 3)])
    for kernel, stride, dilation in shapes:
        rows, columns = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = ((rows // 2, 0), (columns // 2, columns // 2))
        x = values(dtype, 2, 3, 11, 13)
        check(x, kernel, stride, padding, dilation, ceil_mode, layout)


def test_window_of_the_image_s_size(isa, dtype):
    for size in [(1, 1), (7, 3), (2, 37)]:
        check(values(dtype, 1, 2, *size), size)


def test_nan_wins_everywhere(isa, dtype, layout):
    vl = tile(isa, dtype).vl
    x = values(dtype, 1, 2, 5, 2 * vl + 3)
    for at in range(x.shape[-1]):
        marked = x.copy()
        marked[0, 0, at % 5, at] = np.nan
        for window, stride in itertools.product((2, 3, 5), (1, 2, 3)):
            check(marked, window, stride, 1, layout=layout)


def test_nan_wins_where_windows_are_apart(isa, dtype):
    """One at a time: any of them has all be pooled again."""
    x = values(dtype, 1, 1, 2, 4 * tile(isa, dtype).vl + 6)
    for place in range(x.size):
        marked = x.copy()
        marked.flat[place] = np.nan
        check(marked, 2, 2)


def test_infinities(isa, dtype, layout):
    for value in (-np.inf, np.inf):
        for stride in (1, 2, 3):
            check(np.full((1, 1, 4, 21), value, dtype), 3, stride, 1, layout=layout)


def test_views(isa, dtype):
    base = values(dtype, 2, 4, 23, 46)
    for x in (base[:, ::-1], base[..., ::2], base[..., ::-1], base.transpose(0, 1, 3, 2),
              base[:, :, 3:-2, 5:-4], np.broadcast_to(base[:, :, :1], base.shape)):
        for stride in (1, 2):
            expected = fastconv.max_pool2d(x.copy(), 3, stride, 1)
            np.testing.assert_array_equal(fastconv.max_pool2d(x, 3, stride, 1), expected)
