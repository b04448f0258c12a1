"""The grouped algorithm: blocks of a vector's channels, and the fall back to the dense ones."""

import numpy as np
import pytest
from support import Problem, check, from_layout, tile, to_layout

import fastconv


@pytest.mark.parametrize("groups", [3, 4, 9])
def test_kernels_strides_and_padding(isa, dtype, layout, groups):
    """Groups of four where they fit a vector, otherwise of two."""
    size = min(4, tile(isa, dtype).vl)
    for kernel, stride, padding in [((1, 1), 2, 0), ((5, 3), 1, "same"), ((3, 3), (2, 1), 4),
                                    ((7, 8), 1, 0), ((2, 2), 3, ((0, 5), (6, 0)))]:
        problem = Problem((2, groups * size, 7, 8), (groups * size, size, *kernel), stride,
                          padding, groups=groups, activation="relu")
        check(problem, dtype, "grouped", layout)


def test_strips_of_columns_and_rows(isa, dtype, layout):
    for size in [(3, 1500), (70, 60)]:
        problem = Problem((1, 6, *size), (6, 2, 3, 3), padding=1, groups=3)
        check(problem, dtype, "grouped", layout)


@pytest.mark.parametrize(("channels", "count", "groups"), [(34, 34, 2), (4, 34, 2), (34, 4, 2)])
def test_other_groups_take_another_algorithm(isa, dtype, layout, channels, count, groups):
    problem = Problem((1, channels, 5, 6), (count, channels // groups, 3, 3), groups=groups)
    x, w, bias = problem.arrays(dtype)
    got = fastconv.conv2d_grouped(to_layout(x, layout), w, bias, groups=groups, layout=layout)
    expected, limit = problem.expected(dtype)
    assert (abs(from_layout(got, layout) - expected) <= limit).all()
    with pytest.raises(ValueError, match="algorithm='grouped' does not apply here: "):
        fastconv.conv2d(x, w, bias, groups=groups, algorithm="grouped")


def test_one_group_is_refused():
    with pytest.raises(ValueError, match="^groups must be at least 2 .*, got 1$"):
        fastconv.conv2d_grouped(np.ones((1, 2, 3, 3)), np.ones((2, 2, 1, 1)))
