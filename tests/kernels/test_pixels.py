"""The tile of im2col: pixels broadcast, output channels in vectors."""

import itertools

import pytest
from support import Problem, check, edges, tile


def test_every_number_of_pixels(isa, dtype, layout):
    """1 to 2 MR + 1 pixels, so that every height of tile occurs; 49 are tiles of 5 and 6.

    Tiles of the narrowest panels are twice as high.
    """
    size = tile(isa, dtype)
    for pixels in [*range(1, 2 * size.pixel_rows + 2), 49]:
        for count in (1, size.vl + 1):
            check(Problem((1, 3, 1, pixels), (count, 3, 1, 1)), dtype, "im2col", layout)


def test_every_tile(isa, dtype, layout):
    """Every height by every width in half vectors, within a row and with a row for each pixel."""
    size = tile(isa, dtype)
    half = size.vl // 2
    for pixels in range(1, 2 * size.pixel_rows + 1):
        for count in range(half, size.pixel_channels + 1, half):
            for image, stride in [((1, pixels), 1), ((2 * pixels - 1, 1), (2, 1))]:
                problem = Problem((1, 3, *image), (count, 3, 1, 1), stride)
                check(problem, dtype, "im2col", layout)


def test_every_number_of_output_channels(isa, dtype, layout):
    """Of tiles that go round a corner, and of those that lie in one row."""
    size = tile(isa, dtype)
    panel = size.pixel_channels
    halves = [n * size.vl + more for n in range(4) for more in (size.vl // 2, size.vl // 2 + 1)]
    counts = [*edges(size.vl), *halves, 2 * size.vl, panel - 1, panel, panel + 1, 2 * panel + 3]
    for count in counts:
        for image in [(4, 5), (2, 23)]:
            check(Problem((1, 3, *image), (count, 3, 3, 3), padding=1), dtype, "im2col", layout)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (1, 5), (4, 2)])
def test_every_number_of_input_channels(isa, dtype, layout, kernel):
    size = tile(isa, dtype)
    for channels in edges(size.vl):
        check(Problem((2, channels, 6, 7), (5, channels, *kernel)), dtype, "im2col", layout)


def test_taps_apart_and_together(isa, dtype, layout):
    """Strides and dilations: a row of the kernel as one run, or tap by tap."""
    for stride, dilation in itertools.product([1, 2, (1, 3)], [1, 2, (3, 1)]):
        problem = Problem((1, 5, 9, 11), (7, 5, 3, 3), stride, 2, dilation)
        check(problem, dtype, "im2col", layout)


@pytest.mark.parametrize("activation", [None, "relu", "relu6", (-0.5, 0.25)])
def test_bias_and_activation(isa, dtype, layout, activation):
    for bias in (False, True):
        problem = Problem((1, 4, 5, 5), (9, 4, 3, 3), bias=bias, activation=activation)
        check(problem, dtype, "im2col", layout)


def test_sums_carried_on_from_block_to_block(isa, dtype, layout):
    """More than 5000 terms: the panel starts again from what the output already holds."""
    size = tile(isa, dtype)
    for channels, count in [(557, 3), (640, size.vl + 1), (600, size.pixel_channels + 1),
                            (560, 2 * size.vl - 1)]:
        problem = Problem((1, channels, 3, 4), (count, channels, 3, 3), activation="relu")
        check(problem, dtype, "im2col", layout)


def test_panels_of_a_lone_pixel(isa, dtype, layout):
    """Together as many as there are, the rest by themselves; the last may be partial."""
    panel = tile(isa, dtype).pixel_channels
    for panels in (1, 2, 3, 4, 5, 7, 8, 9, 17):
        for rest in (0, 3):
            count = panels * panel + rest
            check(Problem((1, 7, 1, 1), (count, 7, 1, 1), activation="relu"), dtype, "im2col",
                  layout)


def test_a_lone_pixel_of_many_terms_and_of_groups(isa, dtype, layout):
    panel = tile(isa, dtype).pixel_channels
    check(Problem((1, 600, 3, 3), (3 * panel + 1, 600, 3, 3)), dtype, "im2col", layout)
    check(Problem((2, 10, 1, 1), (6 * panel, 5, 3, 3), padding=1, groups=2), dtype, "im2col",
          layout)
