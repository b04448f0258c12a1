"""The pooling operator: planes, layouts, sizes, and windows that see nothing but padding."""

import itertools

import numpy as np
import pytest

import fastconv
from fastconv.reference import vectorized


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_output_sizes(isa, dtype, ceil_mode):
    sizes = itertools.product([0, 1, 2, 5, 6, 7, 8], [1, 2, 3], [1, 2, 3, 5])
    for size, kernel, stride in sizes:
        for padding in range(kernel // 2 + 1):
            x = np.arange(size, dtype=dtype).reshape(1, 1, 1, size)
            arguments = (1, kernel), (1, stride), (0, padding), 1, ceil_mode
            try:
                expected, where = vectorized.max_pool2d(x, *arguments, return_indices=True)
            except ValueError:
                with pytest.raises(ValueError, match="larger than the padded input"):
                    fastconv.max_pool2d(x, *arguments)
                continue
            got, indices = fastconv.max_pool2d(x, *arguments, return_indices=True)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(indices, where)


def test_batches_channels_and_layouts(isa, dtype, layout):
    rng = np.random.default_rng(0)
    for batch, channels in itertools.product((0, 1, 3), (1, 2, 17)):
        x = rng.standard_normal((batch, channels, 9, 8)).astype(dtype)
        expected = vectorized.max_pool2d(x, 3, 2, 1)
        given = x if layout == "NCHW" else np.moveaxis(x, 1, -1)
        got = fastconv.max_pool2d(given, 3, 2, 1, layout=layout)
        got = got if layout == "NCHW" else np.moveaxis(got, -1, 1)
        np.testing.assert_array_equal(got, expected)
        if batch:
            np.testing.assert_array_equal(
                fastconv.max_pool2d(given[0], 3, 2, 1, layout=layout),
                fastconv.max_pool2d(given, 3, 2, 1, layout=layout)[0],
            )


@pytest.mark.parametrize("channels", [2, 5, 17, 40])
def test_planes_that_go_as_channels(isa, dtype, channels):
    """Windows without a kernel for planes, cut in blocks of channels and of rows."""
    rng = np.random.default_rng(channels)
    x = rng.integers(-9, 9, (2, channels, 70, 31)).astype(dtype)
    x[rng.random(x.shape) < 0.002] = np.nan
    for arguments in [(7, 1, 3), (3, 3, 1), (4, 2, 2, 3), ((2, 5), (1, 3), 0, (2, 1), True),
                      ((70, 31), 1), (2, 2, 1, (69, 1))]:
        expected, where = vectorized.max_pool2d(x, *arguments, return_indices=True)
        got, indices = fastconv.max_pool2d(x, *arguments, return_indices=True)
        np.testing.assert_array_equal(got, expected, str(arguments))
        np.testing.assert_array_equal(indices, where, str(arguments))
        np.testing.assert_array_equal(fastconv.max_pool2d(x, *arguments), expected)
        view = x[..., ::-1, ::-1]
        expected = vectorized.max_pool2d(view, *arguments)
        np.testing.assert_array_equal(fastconv.max_pool2d(view, *arguments), expected)


def test_a_window_without_a_pixel(isa, dtype):
    """Taps at -1 and 2 of an axis of length 2: -infinity, and -1 for its place."""
    x = np.zeros((1, 2, 2), dtype)
    out, indices = fastconv.max_pool2d(x, 2, padding=1, dilation=3, return_indices=True)
    assert out.tolist() == [[[-np.inf]]]
    assert indices.tolist() == [[[-1]]]
    np.testing.assert_array_equal(fastconv.max_pool2d(x, 2, padding=1, dilation=3), out)


def test_minus_infinity_in_the_image_is_a_pixel(isa, dtype):
    x = np.full((1, 2, 2), -np.inf, dtype)
    out, indices = fastconv.max_pool2d(x, 2, padding=1, return_indices=True)
    assert (out == -np.inf).all()
    assert indices.tolist() == [[[0, 1], [2, 3]]]


def test_indices_take_the_maxima(isa, dtype):
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 9)).astype(dtype)
    out, indices = fastconv.max_pool2d(x, 3, 2, return_indices=True)
    taken = np.take_along_axis(x.reshape(2, 3, -1), indices.reshape(2, 3, -1), axis=2)
    np.testing.assert_array_equal(taken.reshape(out.shape), out)


@pytest.mark.parametrize(("image", "kernel", "stride", "dilation"), [
    ((40000, 40000), 1, 20000, 1),
    ((40000, 40000), 3, 20000, 1),
    ((1 << 20, 3), 2, (1 << 19, 1), 1),
    ((3, 1 << 20), 2, (1, 1 << 19), 1),
    ((2, (1 << 20) + 1), 2, 1, 1),
    ((1 << 20, 2), (1 << 20, 1), 1, 1),
    (((1 << 20) + 1, 2), 2, 1, (1 << 20, 1)),
    ((3, 4), 2, (1 << 20, 1), 1),
])
def test_indices_of_large_planes(isa, dtype, layout, image, kernel, stride, dilation):
    """Positions that lanes cannot count, and sizes for which no plane is transposed."""
    shape = (1, 2, *image) if layout == "NCHW" else (1, *image, 2)
    out, indices = fastconv.max_pool2d(np.broadcast_to(dtype.type(1), shape), kernel, stride,
                                       dilation=dilation, layout=layout, return_indices=True)
    planes = indices if layout == "NCHW" else np.moveaxis(indices, -1, 1)
    rows, columns = (np.arange(n) * s for n, s in
                     zip(planes.shape[2:], np.broadcast_to(stride, 2), strict=True))
    np.testing.assert_array_equal(out, np.ones_like(out))
    # All are equal: the first of each window is the maximum.
    np.testing.assert_array_equal(planes, np.broadcast_to(rows[:, None] * image[1] + columns,
                                                          planes.shape))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_integers_keep_their_dtype(kind):
    info = np.iinfo(kind)
    x = np.array([[[info.min, info.min + 1], [info.max - 1, info.max]]], kind)
    for window, expected in [((1, 2), [[[info.min + 1], [info.max]]]), (2, [[[info.max]]])]:
        got = fastconv.max_pool2d(x, window)
        assert got.dtype == kind
        assert got.tolist() == expected


@pytest.mark.parametrize("x", [[2**53 - 1, 2**53], [2**53, 2**53 + 1],
                               [-(2**53) - 3, -(2**53) - 1]])
def test_integers_beyond_what_float64_holds_stay_exact(x):
    assert fastconv.max_pool2d(np.array([[x, x]]), 2).tolist() == [[[max(x)]]]


def test_a_shift_within_a_window_changes_nothing(isa, dtype):
    """Small-shift invariance: one bright pixel, anywhere in its window."""
    images = []
    for row, column in itertools.product(range(2), range(2)):
        x = np.zeros((1, 8, 8), dtype)
        x[0, 2 + row, 4 + column] = 1
        images.append(fastconv.max_pool2d(x, 2))
    assert all(np.array_equal(images[0], image) for image in images[1:])


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint64])
def test_integers_of_padding_alone(kind):
    y = fastconv.max_pool2d(np.zeros((1, 1, 0, 4), kind), 2, padding=1)
    assert y.shape == (1, 1, 1, 3) and (y == np.iinfo(kind).min).all() and y.dtype == kind


def test_integers_do_not_go_to_floats():
    x = np.arange(16, dtype=np.int64).reshape(1, 1, 4, 4) + 2**53
    with pytest.raises(ValueError, match="out must have dtype int64"):
        fastconv.max_pool2d(x, 2, out=np.empty((1, 1, 2, 2), np.float32))
