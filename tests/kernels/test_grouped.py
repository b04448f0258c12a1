"""The grouped tile: several whole groups in one vector, inputs spread over their lanes."""

import itertools

import numpy as np
import pytest
from support import Problem, accepts, check, tile

import fastconv

SIZES = pytest.mark.parametrize("size", [2, 4, 8, 16])


def check_or_refuse(problem, dtype, layout, size, vl):
    """Groups wider than a vector are for the dense algorithms: refused, not wrong."""
    assert accepts(problem, dtype, "grouped", layout) == (size <= vl)
    if size <= vl:
        check(problem, dtype, "grouped", layout)


# Channels in and out of a group that take lanes from a table.
@pytest.mark.parametrize("each", [(1, 2), (1, 3), (2, 1), (3, 3), (5, 5), (6, 6), (7, 7), (4, 2),
                                  (2, 4), (3, 8), (8, 3), (8, 4), (12, 12), (13, 16), (17, 2)])
def test_groups_of_any_size(isa, dtype, layout, each):
    vl = tile(isa, dtype).vl
    for groups, kernel, stride in [(2, (3, 3), 1), (5, (1, 1), 1), (7, (2, 3), 2), (16, (1, 1), 1)]:
        size = max(each)
        problem = Problem((2, groups * each[0], 5, 11), (groups * each[1], each[0], *kernel),
                          stride, kernel[0] // 2, groups=groups)
        assert accepts(problem, dtype, "grouped", layout) == (size <= vl and vl >= 8)
        if size <= vl and vl >= 8:
            check(problem, dtype, "grouped", layout)


@SIZES
def test_in_place_and_by_strips(isa, dtype, size):
    """Channels last: read where they lie without padding, in padded strips otherwise."""
    for groups, width, padding in itertools.product((3, 4, 9), (5, 40), (0, 1)):
        channels = groups * size
        problem = Problem((1, channels, 6, width), (channels, size, 3, 3), (2, 1), padding, 1,
                          groups)
        check_or_refuse(problem, dtype, "NHWC", size, tile(isa, dtype).vl)


def test_not_a_number_stays_in_its_group(isa, dtype, layout):
    """Lanes that a panel leaves idle read their neighbours' channels."""
    x = np.ones((1, 15, 3, 4), dtype)
    x[:, 4] = np.nan
    w = np.ones((15, 3, 1, 1), dtype)
    x = x if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(x, 1, -1))
    y = fastconv.conv2d_grouped(x, w, groups=5, layout=layout)
    y = y if layout == "NCHW" else np.moveaxis(y, -1, 1)
    assert np.isnan(y).all(axis=(0, 2, 3)).tolist() == [False] * 3 + [True] * 3 + [False] * 9
    assert not np.isnan(np.delete(y, [3, 4, 5], 1)).any()


@SIZES
def test_every_number_of_groups(isa, dtype, layout, size):
    """Odd counts leave the last vector part empty."""
    for groups in (2, 3, 5, 7, 8, 11):
        channels = groups * size
        problem = Problem((1, channels, 4, 5), (channels, size, 3, 3), padding=1, groups=groups)
        check_or_refuse(problem, dtype, layout, size, tile(isa, dtype).vl)


@SIZES
def test_every_number_of_pixels(isa, dtype, layout, size):
    pixels = tile(isa, dtype).grouped_pixels
    for width in [*range(1, pixels + 2), 2 * pixels + 3]:
        problem = Problem((2, 3 * size, 1, width), (3 * size, size, 1, 1), groups=3)
        check_or_refuse(problem, dtype, layout, size, tile(isa, dtype).vl)


@SIZES
def test_three_taps_along_rows_of_every_width(isa, dtype, layout, size):
    """Tiles of 1, 7 and 14 pixels, the last of which may begin within the one before."""
    for width, stride in itertools.product([*range(1, 17), 21, 27, 30], (1, 2)):
        columns = stride * (width - 1) + 1
        problem = Problem((1, 3 * size, 3, columns), (3 * size, size, 3, 3), stride, 1, groups=3)
        check_or_refuse(problem, dtype, layout, size, tile(isa, dtype).vl)


def test_three_taps_of_groups_of_any_size(isa, dtype, layout):
    """Lanes from a table, a last panel with less than a vector to read, large images in place."""
    vl = tile(isa, dtype).vl
    for each, stride in itertools.product([(3, 3), (5, 2), (1, 4), (7, 7)], (1, 2)):
        problem = Problem((1, 11 * each[0], 60, 58), (11 * each[1], each[0], 3, 3), stride, 1,
                          groups=11)
        assert accepts(problem, dtype, "grouped", layout) == (max(each) <= vl and vl >= 8)
        if max(each) <= vl and vl >= 8:
            check(problem, dtype, "grouped", layout)


@SIZES
def test_strides_and_dilations(isa, dtype, layout, size):
    vl = tile(isa, dtype).vl
    for stride, dilation in itertools.product([1, 2, (3, 1)], [1, 2]):
        problem = Problem((1, 5 * size, 9, 10), (5 * size, size, 3, 2), stride, ((2, 1), (0, 3)),
                          dilation, groups=5, bias=stride == 1, activation="relu6")
        check_or_refuse(problem, dtype, layout, size, vl)


def test_sixty_seven_groups(isa, dtype, layout):
    problem = Problem((1, 134, 3, 7), (134, 2, 3, 3), padding=2, groups=67)
    check_or_refuse(problem, dtype, layout, 2, tile(isa, dtype).vl)
