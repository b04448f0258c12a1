"""The direct algorithm: panels of balanced channels, strips by rows and columns, blocks."""

import itertools

import numpy as np
import pytest
from support import Problem, check, edges, same_bits, tile, to_layout

import fastconv


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_channels_and_groups(isa, dtype, layout, groups):
    for channels, count in itertools.product((1, 3, 8), (1, 4, 7, 8, 13)):
        problem = Problem((2, groups * channels, 5, 6), (groups * count, channels, 3, 3),
                          padding=1, groups=groups)
        check(problem, dtype, "direct", layout)


def test_kernel_of_the_image_s_size(isa, dtype, layout):
    for size in [(1, 1), (5, 1), (1, 7), (7, 11)]:
        check(Problem((2, 3, *size), (5, 3, *size)), dtype, "direct", layout)


def test_more_padding_than_image(isa, dtype, layout):
    for padding, stride in itertools.product((4, ((7, 0), (0, 9)), ((0, 5), (3, 3))), (1, 2, 5)):
        problem = Problem((1, 2, 1, 2), (3, 2, 3, 3), stride, padding)
        check(problem, dtype, "direct", layout)


def test_prime_sizes_and_strides_beyond_the_kernel(isa, dtype, layout):
    for stride in ((1, 7), (5, 3), (11, 13)):
        problem = Problem((1, 3, 23, 29), (5, 3, 2, 3), stride, 1)
        check(problem, dtype, "direct", layout)


def test_pointwise_of_any_width(isa, dtype, layout):
    for width in edges(tile(isa, dtype).vl):
        for stride, padding in [(1, 0), (2, 0), (1, 1)]:
            problem = Problem((2, 5, 3, width), (7, 5, 1, 1), stride, padding)
            check(problem, dtype, "direct", layout)


def test_pointwise_of_many_channels(isa, dtype, layout):
    """From copies where that is quicker, or in place; planes of 4 KiB; blocks of channels."""
    counts = [(63, 256), (64, 255), (64, 256), (65, 300), (3, 63), (3, 64), (127, 32), (128, 31),
              (128, 32), (5003, 64)]
    for channels, count in counts:
        check(Problem((1, channels, 5, 7), (count, channels, 1, 1)), dtype, "direct", layout)
    for channels in (7, 9):
        check(Problem((2, channels, 32, 32), (7, channels, 1, 1)), dtype, "direct", layout)


def test_unfinished_sums_are_not_clipped(isa, dtype, layout):
    """Of input channels in blocks."""
    for activation in ("relu", (-1.0, 0.5)):
        problem = Problem((1, 5003, 3, 5), (7, 5003, 1, 1), activation=activation)
        check(problem, dtype, "direct", layout)


def test_pointwise_of_several_strips(isa, dtype, layout):
    """Strips are whole tiles but the last, copies whole vectors."""
    for width in (1279, 1281):
        check(Problem((1, 130, 1, width), (3, 130, 1, 1)), dtype, "direct", layout)
    for width in edges(2 * tile(isa, dtype).vl):
        for channels in (7, 130):
            check(Problem((2, channels, 5, width), (65, channels, 1, 1)), dtype, "direct", layout)


def test_strides_as_large_as_large_kernels(isa, dtype, layout):
    """In no more time than other algorithms take: 400,000 products, not that many squared."""
    x, w = np.ones((1, 1, 800_000, 1), dtype), np.ones((1, 1, 400_000, 1), dtype)
    y = fastconv.conv2d_direct(to_layout(x, layout), w, None, (400_000, 1), layout=layout)
    assert y.ravel().tolist() == [400_000, 400_000]


def test_three_filters_of_eleven(isa, dtype, layout):
    check(Problem((1, 3, 23, 24), (3, 3, 11, 11), 4, 2), dtype, "direct", layout)


def test_large_planes_a_few_at_a_time(isa, dtype):
    """Of few results; the bits are those of an image that is small."""
    given = Problem((1, 33, 1, 65543), (3, 33, 1, 1), activation="relu")
    y = check(given, dtype, "direct", fences=False)
    x, w, bias = given.arrays(dtype)
    for part in (slice(1000), slice(2000, 2100), slice(65000, None)):
        small = fastconv.conv2d(x[..., part].copy(), w, bias, activation="relu",
                                algorithm="direct")
        same_bits(small, y[..., part].copy(), str(part))
