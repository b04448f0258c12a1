"""The Winograd algorithm: what it refuses, its accuracy on real data's distributions, its bits."""

import functools

import numpy as np
import pytest
from support import Problem, assert_within, from_layout, to_layout
from winograd_bound import winograd_bound

import fastconv
from fastconv.reference import vectorized


def case(dtype, channels=64, size=28, relu=False, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1, channels, size, size)).astype(dtype)
    w = rng.standard_normal((32, channels, 3, 3)).astype(dtype)
    return np.maximum(x, 0) if relu else x, w


DATA = {
    "normal": lambda x, rng: x,
    "relu": lambda x, rng: np.maximum(x, 0),
    "outliers": lambda x, rng: np.where(rng.random(x.shape) < 0.01, 1e4 * x, x),
}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("shape", [
    (1, 64, 28, 28), (2, 17, 13, 9), (1, 300, 9, 31), (1, 1024, 4, 4),
])
def test_proven_bound(isa, layout, dtype, shape, data):
    rng = np.random.default_rng(0)
    x = DATA[data](rng.standard_normal(shape), rng).astype(dtype)
    w = rng.standard_normal((20, shape[1], 3, 3)).astype(dtype)
    bias = rng.standard_normal(20).astype(dtype)
    given = to_layout(x, layout)
    plan = fastconv.Conv2d(w, bias, padding=1, layout=layout, algorithm="winograd")
    assert plan.explain(given.shape)["algorithm"] in ("winograd2", "winograd4")
    m = int(plan.explain(given.shape)["algorithm"][-1])
    y = plan(given) if layout == "NCHW" else np.moveaxis(plan(given), -1, 1)
    exact = vectorized.conv2d(x.astype(float), w.astype(float), bias.astype(float), padding=1)
    limit = winograd_bound(x, w, bias, m)
    if dtype == np.float64:  # the oracle is float64 too
        limit = 2 * limit
    assert (abs(y - exact) <= limit).all()


def test_exact_forbids_it(layout):
    x, w = case(np.float32)
    options = {"padding": 1, "layout": layout}
    auto = fastconv.Conv2d(w, **options)
    shape = to_layout(x, layout).shape
    assert auto.explain(shape)["algorithm"].startswith("winograd")
    exact = fastconv.Conv2d(w, precision="exact", **options)
    assert not exact.explain(shape)["algorithm"].startswith("winograd")
    with pytest.raises(ValueError, match="algorithm='winograd' does not apply .*exact"):
        fastconv.conv2d(to_layout(x, layout), w, algorithm="winograd", precision="exact", **options)


@pytest.mark.parametrize(("kernel", "options", "reason"), [
    ((1, 1), {}, "not 3 x 3"), ((3, 5), {}, "not 3 x 3"), ((3, 3), {"stride": 2}, "stride"),
    ((3, 3), {"dilation": 2}, "dilated"),
])
def test_refusals(kernel, options, reason):
    x, w = np.ones((1, 2, 9, 9)), np.ones((2, 2, *kernel))
    with pytest.raises(ValueError, match=f"algorithm='winograd' does not apply here: .*{reason}"):
        fastconv.conv2d_winograd(x, w, **options)


def test_dilated_phases_may_be_winograd_unless_exact():
    problem = Problem((1, 64, 40, 40), (32, 64, 3, 3), padding=2, dilation=2)
    expected, limit = problem.expected(np.float32)
    x, w, bias = problem.arrays(np.float32)
    exact = fastconv.conv2d(x, w, bias, *problem.geometry, algorithm="dilated", precision="exact")
    assert_within(exact, expected, limit)
    free = fastconv.conv2d(x, w, bias, *problem.geometry, algorithm="dilated")
    wider = np.empty_like(limit)
    padded = np.pad(x, [(0, 0), (0, 0), (2, 2), (2, 2)])
    for row, column in np.ndindex(2, 2):
        phase = padded[:, :, row::2, column::2]
        wider[:, :, row::2, column::2] = bound_of_any_cut(phase, w, bias)
    assert_within(free, expected, np.maximum(wider, limit))


def test_same_bits(isa, dtype, layout):
    """For any batch split, and any strides of the input and output."""
    problem = Problem((3, 5, 11, 14), (7, 5, 3, 3), padding=1, activation="relu")
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    options = {"padding": 1, "layout": layout, "activation": "relu", "algorithm": "winograd"}
    y = fastconv.conv2d(x, w, bias, **options)
    for part in (slice(0, 1), slice(1, 3), slice(None, None, -2)):
        np.testing.assert_array_equal(fastconv.conv2d(x[part], w, bias, **options), y[part])
    plan = fastconv.Conv2d(w, bias, **options)
    np.testing.assert_array_equal(plan(x[1:]), plan(x)[1:])
    for axis in range(4):
        view = np.repeat(x, 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)]
        out = np.repeat(y, 3, axis)[(slice(None),) * axis + (slice(1, None, 3),)]
        fastconv.conv2d(view, w, bias, out=out, **options)
        np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_within_their_tiles(isa, dtype, layout, value):
    """They reach whole tiles (documented), never fewer outputs than they must, nor other images."""
    x, w, _ = Problem((2, 4, 24, 24), (5, 4, 3, 3)).arrays(dtype)
    x = x.copy()
    x[0, 1, 12, 12] = value
    y = fastconv.conv2d(to_layout(x, layout), w, padding=1, layout=layout, algorithm="winograd")
    y = from_layout(y, layout)
    assert not np.isfinite(y[0, :, 11:14, 11:14]).any()
    reached = ~np.isfinite(y)
    assert not reached[1].any()
    assert not reached[0, :, :7].any() and not reached[0, :, :, :7].any()
    assert not reached[0, :, 18:].any() and not reached[0, :, :, 18:].any()


def test_wide_and_tall_images_are_cut(isa, layout):
    for size in [(3, 1200), (1200, 3)]:
        problem = Problem((1, 16, *size), (9, 16, 3, 3), padding=1)
        x, w, bias = problem.arrays(np.float32)
        expected, _ = problem.expected(np.float32)
        y = fastconv.conv2d(to_layout(x, layout), w, bias, padding=1, layout=layout,
                            algorithm="winograd")
        assert_within(from_layout(y, layout), expected, limit_of(problem))


@functools.lru_cache
def limit_of(problem):
    x, w, bias = problem.arrays(np.float32)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    return bound_of_any_cut(padded, w, bias)


def bound_of_any_cut(padded, w, bias):
    """The bound wherever a strip's first tile begins, and whichever tile is taken."""
    limits = []
    for m in (2, 4):
        for top, left in np.ndindex(m, m):
            moved = np.pad(padded, [(0, 0), (0, 0), (top, 0), (left, 0)])
            limits.append(winograd_bound(moved, w, bias, m, padding=0)[:, :, top:, left:])
    return np.max(limits, axis=0)
