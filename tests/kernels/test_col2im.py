"""The adjoint of im2col: columns of small integers add up without rounding."""

import itertools

import numpy as np
from support import edges, tile

import fastconv
from fastconv.reference import vectorized


def check(size, kernel, dtype, *geometry):
    image = np.zeros((2, 3, *size))
    shape = vectorized.im2col(image, kernel, *geometry).shape
    columns = np.random.default_rng(sum(shape)).integers(-99, 99, shape).astype(dtype)
    got = fastconv.col2im(columns, size, kernel, *geometry)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, vectorized.col2im(columns, size, kernel, *geometry))


def test_widths_around_the_vector(isa, dtype):
    for width in edges(tile(isa, dtype).vl):
        check((3, width), 1, dtype)
        check((3, width), 3, dtype, 1, 1)


def test_strides_paddings_and_dilations(isa, dtype):
    options = itertools.product([1, 2, (3, 1)], [0, 1, ((2, 0), (1, 3)), "same"], [1, 2])
    for stride, padding, dilation in options:
        check((7, 9), (3, 2), dtype, stride, padding, dilation)


def test_more_padding_than_image(isa, dtype):
    check((1, 2), 3, dtype, 1, 4)
    check((2, 1), (1, 2), dtype, 3, ((5, 0), (0, 7)))


def test_columns_of_any_strides(isa, dtype):
    columns = np.arange(2 * 12 * 20, dtype=dtype).reshape(2, 12, 20)
    expected = fastconv.col2im(columns, (5, 6), 2)
    for given in (np.asfortranarray(columns), np.repeat(columns, 2, axis=2)[..., ::2],
                  columns[:, ::-1].copy()[:, ::-1]):
        np.testing.assert_array_equal(fastconv.col2im(given, (5, 6), 2), expected)
