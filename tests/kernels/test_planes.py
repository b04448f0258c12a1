"""The tile of direct: weights broadcast, output pixels in vectors along a flat strip."""

import itertools

import numpy as np
import pytest
from support import Problem, check, edges, tile

import fastconv


def test_every_number_of_output_channels(isa, dtype, layout):
    for count in [*range(1, 2 * tile(isa, dtype).plane_channels + 2)]:
        check(Problem((1, 2, 4, 9), (count, 2, 3, 3)), dtype, "direct", layout)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)])
def test_widths_around_vectors_and_tiles(isa, dtype, layout, kernel):
    size = tile(isa, dtype)
    widths = {*edges(size.vl), size.plane_pixels - 1, size.plane_pixels, size.plane_pixels + 1,
              3 * size.vl, 4 * size.plane_pixels, 4 * size.plane_pixels + 1}
    padding = kernel[0] // 2
    for width, height in itertools.product(sorted(widths), (1, 3)):
        problem = Problem((1, 2, height, width), (4, 2, *kernel), padding=padding)
        check(problem, dtype, "direct", layout)


def test_rows_that_end_in_half_a_vector(isa, dtype, layout):
    """Whose last tile is made of halves where that is half the work."""
    size = tile(isa, dtype)
    for halves, count in itertools.product((1, 3, 7, 9), (1, size.plane_channels + 2)):
        width = halves * size.vl // 2
        for channels, height in [(2, 1), (2, 3), (557, 2)]:
            problem = Problem((1, channels, height, width), (count, channels, 3, 3), padding=1,
                              activation="relu")
            check(problem, dtype, "direct", layout)


def test_short_rows_share_a_vector(isa, dtype, layout):
    for width, height in itertools.product((1, 2, 3, 5, 7), (1, 2, 9, 17)):
        problem = Problem((1, 2, height, width), (3, 2, 3, 3), padding=1)
        check(problem, dtype, "direct", layout)


def test_pointwise_in_place(isa, dtype):
    """Read in place: nothing beyond the last pixel, whatever the length of the flat row."""
    size = tile(isa, dtype)
    for pixels in [*edges(size.vl), size.plane_pixels + 1]:
        for shape in [(1, 3, 1, pixels), (2, 3, pixels, 1), (1, 3, 3, pixels)]:
            check(Problem(shape, (7, 3, 1, 1)), dtype, "direct")


def test_rows_whose_tiles_are_kept(isa, dtype):
    """By the first of several panels: strips of a few tiles, with and without pixels left over."""
    size = tile(isa, dtype)
    for channels, tiles, more in [(200, 1, -1), (200, 1, 0), (200, 3, 1), (700, 20, 3),
                                  (700, 24, 0)]:
        pixels = tiles * size.plane_pixels + more
        check(Problem((2, channels, 1, pixels), (70, channels, 1, 1), activation="relu"), dtype,
              "direct")


def test_long_rows_that_begin_between_vectors(isa, dtype):
    """Their first tile is shorter, the others are aligned; nothing beside is written."""
    size = tile(isa, dtype)
    rng = np.random.default_rng(5)
    pixels = 8 * size.plane_pixels + size.vl
    for channels, width, offsets in [(3, pixels, range(size.vl)), (2, pixels + 5 * size.vl, [1, 3]),
                                     (3, pixels + 1, [1]), (5003, pixels, [1, size.vl - 1])]:
        x = rng.standard_normal((1, channels, 1, width)).astype(dtype)
        w = rng.standard_normal((7, channels, 1, 1)).astype(dtype)
        wanted = fastconv.conv2d_direct(x, w, activation="relu")
        np.testing.assert_allclose(
            wanted[0, :, 0], np.maximum(w[:, :, 0, 0].astype(float) @ x[0, :, 0], 0),
            rtol=0, atol=np.finfo(dtype).eps * channels * 10)
        for offset in offsets:
            memory = np.empty(x.size + 2 * size.vl, dtype)
            begin = -memory.ctypes.data // memory.itemsize % size.vl + offset
            moved = memory[begin:begin + x.size].reshape(x.shape)
            moved[...] = x
            around = np.full((7, width + 2 * size.vl), 7, dtype)
            out = around[None, :, None, size.vl:-size.vl]
            fastconv.conv2d_direct(moved, w, activation="relu", out=out)
            assert out.tobytes() == wanted.tobytes(), (channels, width, offset)
            assert np.all(around[:, :size.vl] == 7) and np.all(around[:, -size.vl:] == 7)


def test_phases_of_the_stride(isa, dtype, layout):
    for stride, dilation in itertools.product([2, 3, (1, 2), (5, 1)], [1, 2, (3, 2)]):
        problem = Problem((1, 2, 13, 19), (5, 2, 3, 4), stride, ((1, 2), (3, 0)), dilation)
        check(problem, dtype, "direct", layout)


@pytest.mark.parametrize("activation", [None, "relu", "relu6", (-0.5, 0.25)])
def test_bias_and_activation(isa, dtype, layout, activation):
    for bias in (False, True):
        problem = Problem((1, 4, 5, 5), (9, 4, 3, 3), bias=bias, activation=activation)
        check(problem, dtype, "direct", layout)


def test_sums_carried_on_from_block_to_block(isa, dtype, layout):
    for channels, kernel in [(557, (3, 3)), (5003, (1, 1))]:
        problem = Problem((1, channels, 3, 4), (7, channels, *kernel), activation="relu")
        check(problem, dtype, "direct", layout)
