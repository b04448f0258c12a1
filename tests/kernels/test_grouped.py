"""The grouped tile: several whole groups in one vector, inputs spread over their lanes."""

import itertools

import pytest
from support import Problem, accepts, check, tile

SIZES = pytest.mark.parametrize("size", [2, 4, 8, 16])


def check_or_refuse(problem, dtype, layout, size, vl):
    """Groups wider than a vector are for the dense algorithms: refused, not wrong."""
    assert accepts(problem, dtype, "grouped", layout) == (size <= vl)
    if size <= vl:
        check(problem, dtype, "grouped", layout)


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
def test_strides_and_dilations(isa, dtype, layout, size):
    vl = tile(isa, dtype).vl
    for stride, dilation in itertools.product([1, 2, (3, 1)], [1, 2]):
        problem = Problem((1, 5 * size, 9, 10), (5 * size, size, 3, 2), stride, ((2, 1), (0, 3)),
                          dilation, groups=5, bias=stride == 1, activation="relu6")
        check_or_refuse(problem, dtype, layout, size, vl)


def test_sixty_seven_groups(isa, dtype, layout):
    problem = Problem((1, 134, 3, 7), (134, 2, 3, 3), padding=2, groups=67)
    check_or_refuse(problem, dtype, layout, 2, tile(isa, dtype).vl)
