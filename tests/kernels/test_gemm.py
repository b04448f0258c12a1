"""The products of Winograd's transformed elements: every tile of rows and vectors."""

import numpy as np
import pytest
from support import Problem, assert_within, from_layout, tile, to_layout
from winograd_bound import winograd_bound

import fastconv


def check(problem, dtype):
    """One row of tiles, so that the number of images times their tiles is that of rows."""
    x, w, bias = problem.arrays(dtype)
    expected, direct = problem.expected(dtype)
    plan = fastconv.Conv2d(w, bias, *problem.geometry, layout="NHWC", algorithm="winograd")
    given = to_layout(x, "NHWC")
    t = int(plan.explain(given.shape)["algorithm"].removeprefix("winograd"))
    limit = winograd_bound(x, w, bias, t, *problem.geometry) + direct * 2.0**-11
    assert_within(from_layout(plan(given), "NHWC"), expected, limit, f"{problem}")


def test_every_number_of_rows(isa, dtype):
    """1 to 2 MR + 1 images of one tile, for each number of vectors in a panel."""
    size = tile(isa, dtype)
    for vectors in range(1, size.pixel_channels // size.vl + 1):
        for rows in range(1, 4 * size.pixel_rows + 2):
            check(Problem((rows, 2, 2, 2), (vectors * size.vl, 2, 3, 3), padding=1), dtype)


@pytest.mark.parametrize("depth", [1, 7, 64])
def test_every_depth(isa, dtype, depth):
    vl = tile(isa, dtype).vl
    for rows in (1, 5, 23):
        check(Problem((rows, depth, 3, 2), (vl + 3, depth, 3, 3), padding=1), dtype)


def test_sums_carried_on_from_block_to_block(isa, dtype):
    size = tile(isa, dtype)
    for channels, count in [(513, 3), (600, size.pixel_channels + 1), (1100, 2)]:
        check(Problem((1, channels, 6, 7), (count, channels, 3, 3), padding=1), dtype)


def test_rows_of_several_images_are_those_of_each(isa, dtype):
    problem = Problem((7, 5, 3, 4), (9, 5, 3, 3), padding=1)
    x, w, bias = problem.arrays(dtype)
    y = fastconv.conv2d(x, w, bias, *problem.geometry, algorithm="winograd")
    for i in range(len(x)):
        alone = fastconv.conv2d(x[i : i + 1], w, bias, *problem.geometry, algorithm="winograd")
        np.testing.assert_array_equal(alone, y[i : i + 1])
