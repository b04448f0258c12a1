"""The im2col algorithm: strips in scratch or in place, taps skipped in the padding, blocks."""

import itertools

import numpy as np
import pytest
from support import Problem, check, to_layout

import fastconv


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_channels_and_groups(isa, dtype, layout, groups):
    for channels, count in itertools.product((1, 3, 8), (1, 7, 16, 33)):
        problem = Problem((2, groups * channels, 5, 6), (groups * count, channels, 3, 3),
                          padding=1, groups=groups)
        check(problem, dtype, "im2col", layout)


def test_kernel_of_the_image_s_size(isa, dtype, layout):
    for size in [(1, 1), (5, 1), (1, 7), (7, 11)]:
        check(Problem((2, 3, *size), (5, 3, *size)), dtype, "im2col", layout)


def test_more_padding_than_image(isa, dtype, layout):
    for padding, stride in itertools.product((4, ((7, 0), (0, 9)), ((0, 5), (3, 3))), (1, 2, 5)):
        problem = Problem((1, 2, 1, 2), (3, 2, 3, 3), stride, padding)
        check(problem, dtype, "im2col", layout)


def test_in_place_without_padding(isa, dtype):
    """Channels-last input without padding is read where it is, whatever its strides."""
    problem = Problem((2, 4, 9, 10), (6, 2, 3, 3), stride=(1, 2), groups=2, dilation=(2, 1))
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, "NHWC")
    options = {"layout": "NHWC", "algorithm": "im2col"}
    expected = fastconv.conv2d(x, w, bias, *problem.geometry, **options)
    for axis in (0, 1, 2, 3):
        for step in (2, 3):
            given = np.repeat(x, step, axis)[(slice(None),) * axis + (slice(None, None, step),)]
            got = fastconv.conv2d(given, w, bias, *problem.geometry, **options)
            np.testing.assert_array_equal(got, expected)


def test_dilation_beyond_the_image_skips_taps(isa, dtype, layout):
    for dilation in (6, 18, (2, 17)):
        problem = Problem((1, 3, 17, 19), (4, 3, 3, 3), padding=dilation, dilation=dilation)
        check(problem, dtype, "im2col", layout)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("algorithm", ["im2col", "direct", "dilated"])
def test_padding_is_a_number_to_weights_that_are_not_finite(isa, dtype, layout, algorithm, value):
    """Nothing is skipped then: zero times infinity is NaN, as the specification has it."""
    problem = Problem((1, 2, 5, 6), (3, 2, 3, 3), padding=4, dilation=(2, 5), bias=False)
    x, w, _ = problem.arrays(dtype)
    w = w.copy()
    w[1, 0, 0, 2] = value
    with np.errstate(invalid="ignore"):
        expected = fastconv.reference.conv2d(x, w, None, *problem.geometry)
    got = fastconv.conv2d(to_layout(x, layout), w, None, *problem.geometry, layout=layout,
                          algorithm=algorithm)
    got = got if layout == "NCHW" else np.moveaxis(got, -1, 1)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(expected[:, 1]).any()


def test_rows_of_results_with_gaps_between_them(isa, dtype):
    """Pixels that follow each other over the ends of rows in the input need not in the output."""
    problem = Problem((2, 3, 5, 8), (17, 3, 1, 1), stride=(1, 2))
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, "NHWC")
    options = {"layout": "NHWC", "algorithm": "im2col"}
    expected = fastconv.conv2d(x, w, bias, *problem.geometry, **options)
    n, height, width, channels = expected.shape
    whole = np.full((n, height, width + 1, channels), 7, dtype)
    fastconv.conv2d(x, w, bias, *problem.geometry, **options, out=whole[:, :, :width])
    np.testing.assert_array_equal(whole[:, :, :width], expected)
    assert (whole[:, :, width:] == 7).all()
