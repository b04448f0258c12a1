"""The depthwise tiles: square filters of 2 to 5 and 7, stride 1 and 2, blocks of rows.

Planes are read in place where masks are free, or of 3 x 3 not needed; otherwise from strips.
"""

import itertools

import pytest
from support import Problem, check, edges, tile

KERNELS = pytest.mark.parametrize("kernel", [2, 3, 4, 5, 7])
STRIDES = pytest.mark.parametrize("stride", [1, 2])
LONG = 48  # columns of the output that are a long row


def problem(height, width, kernel, stride, multiplier=1, channels=2, **options):
    """A depthwise convolution whose output has `height` rows and `width` columns."""
    rows, columns = ((n - 1) * stride + kernel for n in (height, width))
    return Problem((1, channels, rows, columns), (channels * multiplier, 1, kernel, kernel),
                   stride, groups=channels, **options)


@KERNELS
@STRIDES
def test_every_number_of_rows(isa, dtype, kernel, stride):
    """1 to 9 rows and around two blocks: each block of rows, moved back to overlap or not."""
    most = tile(isa, dtype).depthwise_rows
    for height in {*range(1, 10), 2 * most - 2, 2 * most - 1, 2 * most, 2 * most + 1}:
        check(problem(height, LONG + 5, kernel, stride), dtype, "depthwise")


@KERNELS
@STRIDES
def test_every_width(isa, dtype, layout, kernel, stride):
    vl = tile(isa, dtype).vl
    for width in [*edges(vl), 2 * vl - 1, 2 * vl, 2 * vl + 1, *range(LONG, LONG + 2 * vl)]:
        check(problem(3, width, kernel, stride), dtype, "depthwise", layout)


@KERNELS
@STRIDES
def test_padding_and_multiplier(isa, dtype, layout, kernel, stride):
    cases = [(1, kernel // 2), (2, kernel), (3, ((0, 2), (3, 1))), (1, ((1, 0), (50, 50)))]
    for (multiplier, pad), width in itertools.product(cases, (4, stride * LONG)):
        x, w = (2, 3, kernel, kernel + width), (3 * multiplier, 1, kernel, kernel)
        given = Problem(x, w, stride, pad, groups=3, activation="relu6")
        check(given, dtype, "depthwise", layout)


@pytest.mark.parametrize("ends", [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 2)])
@STRIDES
def test_columns_that_lack_at_the_ends_of_rows(isa, dtype, stride, ends):
    """A zero slides in, in tiles of two vectors or one."""
    vl = tile(isa, dtype).vl
    widths = [2 * vl + more for more in (-2, -1, 0, 1, 2)] + [3 * vl - 1, 3 * vl + 1, 4 * vl - 1,
                                                             4 * vl, 6 * vl - 1, 7 * vl]
    for width, height in itertools.product([n for n in widths if n > 2], (2, 9, 20)):
        given = Problem((2, 3, height, width), (3, 1, 3, 3), stride, ((1, 1), ends), groups=3)
        check(given, dtype, "depthwise")


@STRIDES
def test_as_many_filters_a_plane_as_are_worth_a_copy(isa, dtype, stride):
    for multiplier, activation in itertools.product((7, 8), (None, "relu6")):
        check(problem(9, LONG, 3, stride, multiplier, activation=activation), dtype, "depthwise")


@KERNELS
@STRIDES
def test_rows_a_page_apart(isa, dtype, kernel, stride):
    """Images of 4096 bytes a row go by smaller blocks of rows."""
    width = 4096 // dtype.itemsize
    for height in (tile(isa, dtype).depthwise_rows, tile(isa, dtype).depthwise_rows + 1):
        x, w = (1, 2, (height - 1) * stride + kernel, width), (2, 1, kernel, kernel)
        check(Problem(x, w, stride, ((0, 0), (1, 1)), groups=2), dtype, "depthwise")


def test_kernel_of_the_image_s_size(isa, dtype):
    for kernel in (2, 3, 4, 5, 7):
        check(problem(1, 1, kernel, 1, channels=5), dtype, "depthwise")
