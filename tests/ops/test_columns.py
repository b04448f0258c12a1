"""im2col and col2im as matrices: exact values, adjoint of each other, and the convolution."""

import itertools
import tracemalloc

import numpy as np
import pytest
from support import assert_within, canary, gamma, unit_roundoff

import fastconv
from fastconv.reference import vectorized

GEOMETRIES = list(
    itertools.product([1, 2, (3, 1)], [0, 2, ((1, 0), (0, 3)), "same"], [1, 2, (1, 3)])
)


@pytest.mark.parametrize("kernel", [1, 3, (1, 4), (5, 2)])
def test_values(isa, dtype, kernel):
    x = np.random.default_rng(0).standard_normal((2, 3, 11, 12)).astype(dtype)
    for geometry in GEOMETRIES:
        got = fastconv.im2col(canary(x)[0], kernel, *geometry)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, vectorized.im2col(x, kernel, *geometry))


def test_more_padding_than_image(isa, dtype):
    x = np.ones((1, 2, 1, 2), dtype)
    for padding, dilation in [(5, 1), (((7, 0), (0, 9)), 2), (4, (3, 4))]:
        arguments = x, 3, 1, padding, dilation
        expected = vectorized.im2col(*arguments)
        np.testing.assert_array_equal(fastconv.im2col(*arguments), expected)


def test_adjoint(isa, dtype):
    """<im2col(x), c> = <x, col2im(c)>, exactly on small integers."""
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 9, (2, 3, 7, 8)).astype(dtype)
    for geometry in GEOMETRIES:
        columns = fastconv.im2col(x, 3, *geometry)
        other = rng.integers(-9, 9, columns.shape).astype(dtype)
        image = fastconv.col2im(other, (7, 8), 3, *geometry)
        assert np.vdot(columns, other) == np.vdot(x, image)


def test_product_with_the_weights_is_the_convolution(isa, dtype):
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((2, 3, 9, 10)), rng.standard_normal((5, 3, 3, 2))
    x, w = x.astype(dtype), w.astype(dtype)
    for geometry in GEOMETRIES:
        product = w.reshape(5, -1).astype(float) @ fastconv.im2col(x, (3, 2), *geometry)
        y = fastconv.conv2d(x, w, None, *geometry, precision="exact")
        # The product of matrices in float64 has a bound of its own.
        n = w[0].size + 1
        size = vectorized.conv2d(abs(x).astype(float), abs(w).astype(float), None, *geometry)
        limit = (gamma(n, unit_roundoff(dtype)) + gamma(n, 2.0**-53)) * size
        assert_within(y, product.reshape(y.shape), limit)


def test_no_images():
    assert fastconv.im2col(np.ones((0, 2, 5, 5), np.float32), 3).shape == (0, 18, 9)
    assert fastconv.col2im(np.ones((0, 18, 9), np.float32), (5, 5), 3).shape == (0, 2, 5, 5)


def test_columns_are_read_where_they_are(isa, dtype):
    """Transposed ones are what a product with windows in rows leaves."""
    rng = np.random.default_rng(3)
    for geometry in GEOMETRIES:
        shape = fastconv.im2col(np.ones((2, 3, 7, 8), dtype), (3, 2), *geometry).shape
        columns = rng.standard_normal(shape).astype(dtype)
        wanted = fastconv.col2im(columns, (7, 8), (3, 2), *geometry)
        views = [canary(columns)[0], columns[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
                 np.repeat(columns, 2, 2)[..., ::2], columns.transpose(2, 0, 1).copy()]
        views[-1] = views[-1].transpose(1, 2, 0)
        for view in views:
            got = fastconv.col2im(view, (7, 8), (3, 2), *geometry)
            np.testing.assert_array_equal(got, wanted)
        same = np.broadcast_to(columns[:1, :1, :1], shape)
        np.testing.assert_array_equal(fastconv.col2im(same, (7, 8), (3, 2), *geometry),
                                      fastconv.col2im(same.copy(), (7, 8), (3, 2), *geometry))


def test_columns_are_not_copied(dtype):
    columns = np.ones((4, 9, 60 * 60), dtype).swapaxes(1, 2).copy().swapaxes(1, 2)
    tracemalloc.start()
    try:
        images = fastconv.col2im(columns, (60, 60), 3, padding=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes + columns.nbytes // 2
