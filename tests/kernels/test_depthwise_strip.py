"""Depthwise convolution from padded strips: any filter, blocks of rows by one or two vectors."""

import itertools

import numpy as np
import pytest
from support import Problem, check, edges, same_bits, tile, to_layout

import fastconv

# Those with loops of their own, and others: of one tap, of columns of up to nine.
KERNELS = [(3, 3), (4, 4), (5, 5), (7, 7), (1, 1), (6, 6), (9, 2), (2, 9)]


def problem(height, width, kernel, stride=1, dilation=1, channels=2, **options):
    """Two filters for each channel, which no other row of the table takes; the output has `height`
    rows and `width` columns."""
    pairs = [n if isinstance(n, tuple) else (n, n) for n in (stride, dilation)]
    size = ((n - 1) * s + (k - 1) * d + 1
            for n, k, s, d in zip((height, width), kernel, *pairs, strict=True))
    return Problem((1, channels, *size), (2 * channels, 1, *kernel), stride, dilation=dilation,
                   groups=channels, **options)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_every_number_of_rows(isa, dtype, kernel, stride):
    """Blocks of up to 5 rows of two vectors, of up to 10 rows of one."""
    vl = tile(isa, dtype).vl
    for height in (*range(1, 13), 19, 20, 21):
        check(problem(height, 3 * vl, kernel, stride), dtype, "depthwise", fences=False)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_every_width(isa, dtype, layout, kernel, stride):
    vl = tile(isa, dtype).vl
    for width in [*edges(vl), 2 * vl - 1, 2 * vl, 2 * vl + 1, 3 * vl + 1]:
        check(problem(6, width, kernel, stride), dtype, "depthwise", layout)


@pytest.mark.parametrize("kernel", [(3, 3), (5, 4), (3, 7)], ids=str)
def test_strides_and_dilations(isa, dtype, kernel):
    """Planes by phase and by tap; taps whose rows are neighbours, and those that are not."""
    steps = [1, 2, (3, 1), (1, 3), (4, 2)]
    for stride, dilation in itertools.product(steps, [1, 2, (3, 1), (2, 5)]):
        check(problem(7, 11, kernel, stride, dilation), dtype, "depthwise")


@pytest.mark.parametrize("dilation", [2, 3, (2, 5)], ids=str)
def test_rows_a_dilation_apart(isa, dtype, dilation):
    """High images take them together, low ones tap by tap, with the same bits."""
    vl = tile(isa, dtype).vl
    for kernel in KERNELS:
        high = problem(17, vl + 3, kernel, 1, dilation, padding=1)
        y = check(high, dtype, "depthwise", fences=False)
        x, w, bias = high.arrays(dtype)
        for lost in (6, 12):
            low = fastconv.conv2d(x[:, :, :-lost], w, bias, *high.geometry, algorithm="depthwise")
            rows = low.shape[2] - 1  # the last one has another border
            same_bits(low[:, :, :rows].copy(), y[:, :, :rows].copy(), f"{kernel} {lost}")


@pytest.mark.parametrize("stride", [1, 2])
def test_padding(isa, dtype, layout, stride):
    for kernel, pad in itertools.product(KERNELS, [1, ((0, 2), (3, 1)), 9]):
        given = Problem((2, 3, 10, 13), (6, 1, *kernel), stride, pad, groups=3, activation="relu6")
        check(given, dtype, "depthwise", layout)


def test_small_planes_share_a_strip(isa, dtype):
    """Many channels of 14 x 14: however many at a time, each has the bits that it has alone."""
    x, w, bias = Problem((1, 100, 14, 14), (100, 1, 5, 5)).arrays(dtype)
    plan = fastconv.Conv2d(w, bias, padding=2, groups=100, algorithm="depthwise")
    assert plan.explain(x.shape)["algorithm"] == "depthwise"
    whole = plan(x)
    for i in (0, 1, 7, 50, 99):
        twice = np.repeat(w[i : i + 1], 2, 0), np.repeat(bias[i : i + 1], 2)
        alone = fastconv.conv2d(x[:, i : i + 1], *twice, padding=2, algorithm="depthwise")
        same_bits(alone[:, 0].copy(), whole[:, i].copy(), f"channel {i}")


# Rows about 4096 bytes apart, of strips of one width and of two, of which the wider one has none.
WIDTHS = [1021, 1022, 1024, 2073, 2075, 2076, 4147, 6163]


@pytest.mark.parametrize("algorithm", ["depthwise", "direct"])
def test_rows_about_a_page_apart(isa, dtype, algorithm):
    filters = [((3, 3), 1), ((7, 7), 1), ((5, 5), 2)]
    for width, (kernel, stride) in itertools.product(WIDTHS, filters):
        given = problem(8, width * 4 // dtype.itemsize, kernel, stride, channels=2)
        check(given, dtype, algorithm, fences=False)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_a_part_of_the_rows_has_the_bits_of_the_whole(isa, dtype, stride, dilation):
    """However few: planes are by tap then, and by phase otherwise."""
    for kernel in ((3, 3), (5, 4), (7, 7)):
        x, w, bias = problem(8, 21, kernel, stride, dilation).arrays(dtype)
        options = {"stride": stride, "dilation": dilation, "groups": 2, "algorithm": "depthwise"}
        whole = fastconv.conv2d(x, w, bias, **options)
        for rows in (1, 2, 3, 5):
            part = x[:, :, : (rows - 1) * stride + (kernel[0] - 1) * dilation + 1]
            y = fastconv.conv2d(part, w, bias, **options)
            same_bits(y, np.ascontiguousarray(whole[:, :, :rows]), f"{kernel}, {rows} rows")


@pytest.mark.parametrize("split", [2, 3])
def test_strips_of_any_size(isa, dtype, split):
    x, w, bias = problem(90, 150, (7, 7)).arrays(dtype)
    whole = fastconv.conv2d(x, w, bias, groups=2, algorithm="depthwise")
    for rows in np.array_split(np.arange(90), split):
        part = x[:, :, rows[0] : rows[-1] + 7]
        y = fastconv.conv2d(part, w, bias, groups=2, algorithm="depthwise")
        same_bits(y, np.ascontiguousarray(whole[:, :, rows]), f"{split} parts")


def test_it_is_the_row_that_is_tested(isa, dtype, layout):
    x, w, _ = problem(6, 20, (5, 5)).arrays(dtype)
    plan = fastconv.Conv2d(w, groups=2, layout=layout, algorithm="depthwise")
    assert plan.explain(to_layout(x, layout).shape)["algorithm"] == "depthwise"
