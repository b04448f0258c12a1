"""Depthwise with channels innermost: in place or by strips, whole blocks of channels."""

import itertools

import numpy as np
import pytest
from support import Problem, check, from_layout, tile, to_layout

import fastconv


def strided(x):
    """The same values where neither channels nor columns are contiguous."""
    return np.repeat(x, 2, -1)[..., ::2]


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 5)])
def test_same_bits_in_place_and_from_strips(isa, dtype, kernel):
    for channels, stride in itertools.product((3, 20, 300), (1, 2)):
        given = Problem((2, channels, 9, 13), (channels, 1, *kernel), stride, 1, groups=channels)
        y = check(given, dtype, "depthwise", "NHWC")
        x, w, bias = given.arrays(dtype)
        x = to_layout(x, "NHWC")
        options = {"layout": "NHWC", "algorithm": "depthwise"}
        for view in (strided(x), np.moveaxis(np.moveaxis(x, -1, -3).copy(), -3, -1)):
            again = fastconv.conv2d(view, w, bias, *given.geometry, **options)
            np.testing.assert_array_equal(again, y)
        out = strided(np.zeros_like(y))
        fastconv.conv2d(x, w, bias, *given.geometry, out=out, **options)
        np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 2)])
def test_several_pixels_a_vector(isa, dtype, kernel):
    """Channels that fill a part of one: all numbers of pixels, of which the last move back."""
    vl = tile(isa, dtype).vl
    for channels, width in itertools.product({2, 3, vl // 2, vl // 2 + 1}, (1, 2, vl - 1, vl + 3)):
        for stride, dilation in ((1, 1), ((2, 1), 1), ((3, 1), (1, 2))):
            given = Problem((2, channels, 7, width), (channels, 1, *kernel), stride, (3, 2),
                            dilation, groups=channels, activation="relu")
            y = check(given, dtype, "depthwise_pixels", "NHWC")
            x, w, bias = given.arrays(dtype)
            out = strided(np.zeros_like(y))
            fastconv.conv2d(strided(to_layout(x, "NHWC")), w, bias, *given.geometry, layout="NHWC",
                            algorithm="depthwise_pixels", activation="relu", out=out)
            np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_narrow_images(isa, dtype, kernel):
    """Of one or two columns."""
    channels = tile(isa, dtype).vl + 1
    for rows, columns, stride in itertools.product(range(1, 6), (1, 2), (1, 2)):
        size = ((rows - 1) * stride + 1, (columns - 1) * stride + 1)
        given = Problem((1, channels, *size), (channels, 1, kernel, kernel), stride, kernel // 2,
                        groups=channels)
        check(given, dtype, "depthwise_pixels", "NHWC")


def test_pixels_half_a_page_apart(isa, dtype):
    """Where they are crowded in a cache each is a tile."""
    channels = 2048 // dtype.itemsize
    for size, kernel in itertools.product((6, 7), (3, 5)):
        given = Problem((1, channels, size, size), (channels, 1, kernel, kernel), 2, 1,
                        groups=channels)
        check(given, dtype, "depthwise_pixels", "NHWC")


def test_blocks_of_channels(isa, dtype):
    """More than 64 vectors, balanced."""
    channels = 129 * tile(isa, dtype).vl + 1
    given = Problem((1, channels, 5, 6), (channels, 1, 3, 3), 1, 1, groups=channels)
    check(given, dtype, "depthwise_pixels", "NHWC")


def test_strips_of_rows_and_columns(isa):
    for size in ((1, 5000), (90, 70)):
        given = Problem((1, 40, *size), (40, 1, 1, 3), 1, (0, 1), groups=40)
        check(given, np.float32, "depthwise", "NHWC")


def test_agrees_with_planes(isa, dtype):
    """The two rows of the family differ in the order of their sums only."""
    given = Problem((1, 33, 8, 9), (33, 1, 3, 3), 1, 1, groups=33)
    x, w, bias = given.arrays(dtype)
    rows = [from_layout(fastconv.conv2d(to_layout(x, layout), w, bias, *given.geometry,
                                        layout=layout, algorithm="depthwise"), layout)
            for layout in ("NCHW", "NHWC")]
    np.testing.assert_allclose(*rows, rtol=1e-4, atol=1e-5)
