"""The Winograd algorithm: what it refuses, its accuracy on real data's distributions, its bits."""

import functools

import numpy as np
import pytest
from support import (
    Problem,
    assert_within,
    from_layout,
    gamma,
    oracle_type,
    to_layout,
    unit_roundoff,
)
from winograd_bound import TILES, winograd_bound

import fastconv
from fastconv.reference import vectorized

ROWS = [f"winograd{t}" for t in (3, *TILES)]


def case(dtype, channels=64, size=28, relu=False, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1, channels, size, size)).astype(dtype)
    w = rng.standard_normal((32, channels, 3, 3)).astype(dtype)
    return np.maximum(x, 0) if relu else x, w


DATA = {
    "normal": lambda x, rng, least: x,
    "relu": lambda x, rng, least: np.maximum(x, 0),
    "outliers": lambda x, rng, least: np.where(rng.random(x.shape) < 0.01, 1e4 * x, x),
    # Products on both sides of the least number: what is left is what underflow does.
    "subnormal": lambda x, rng, least: x * 10.0 ** rng.uniform(-1, 3, x.shape) * least,
}


def arrays(shape, kernel, data, dtype):
    rng = np.random.default_rng(0)
    x = DATA[data](rng.standard_normal(shape), rng, np.finfo(dtype).smallest_subnormal)
    w = rng.standard_normal((20, shape[1], *kernel))
    bias = rng.standard_normal(20) * (data != "subnormal")
    return [a.astype(dtype) for a in (x, w, bias)]


@functools.cache
def exact_and_bound(shape, kernel, geometry, data, dtype, t):
    """The convolution in a wider type, and the bound with what that type may round off."""
    given, wide = arrays(shape, kernel, data, dtype), oracle_type(dtype)
    exact = [a.astype(wide) for a in given]
    own = gamma(given[1][0].size + 1, unit_roundoff(wide))
    limit = winograd_bound(*given, t, *geometry)
    return (vectorized.conv2d(*exact, *geometry),
            limit + own * vectorized.conv2d(*map(abs, exact), *geometry))


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(("shape", "kernel", "geometry"), [
    ((1, 64, 28, 28), (3, 3), (1, 1)), ((2, 17, 13, 9), (3, 3), (1, 1)),
    ((1, 300, 9, 31), (3, 3), (1, 1)), ((1, 1024, 4, 4), (3, 3), (1, 1)),
    ((1, 24, 27, 27), (5, 5), (1, 2)), ((1, 40, 1, 100), (1, 3), (1, 0)),
    ((1, 3, 40, 40), (7, 7), (2, 3)), ((1, 33, 28, 28), (3, 3), (2, 1)),
    ((1, 64, 33, 33), (3, 3), (1, 6, 6)), ((1, 64, 33, 33), (3, 3), (1, 18, 18)),
    ((1, 4, 21, 516), (3, 3), (1, 0, 2)),  # every other plane ends before the last chunk
])
def test_proven_bound(isa, layout, dtype, shape, kernel, geometry, data):
    x, w, bias = arrays(shape, kernel, data, dtype)
    given = to_layout(x, layout)
    plan = fastconv.Conv2d(w, bias, *geometry, layout=layout, algorithm="winograd")
    assert plan.explain(given.shape)["algorithm"].startswith("winograd")
    t = int(plan.explain(given.shape)["algorithm"][-1])
    exact, limit = exact_and_bound(shape, kernel, geometry, data, dtype, t)
    assert_within(from_layout(plan(given), layout), exact, limit)


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
    ((1, 1), {}, "no larger than the stride"), ((3, 3), {"stride": 3}, "no larger than the stride"),
    ((6, 3), {}, "larger than 5 strides"), ((1, 11), {"stride": 2}, "larger than 5 strides"),
    ((3, 3), {"dilation": 2, "stride": (1, 2)}, "both strided and dilated"),
    ((13, 13), {"stride": 3}, "more than 144 taps"),
])
def test_refusals(kernel, options, reason):
    x, w = np.ones((1, 2, 16, 16)), np.ones((2, 2, *kernel))
    with pytest.raises(ValueError, match=f"algorithm='winograd' does not apply here: .*{reason}"):
        fastconv.conv2d_winograd(x, w, **options)


@pytest.mark.parametrize("problem", [
    Problem((1, 64, 40, 40), (32, 64, 3, 3), padding=2, dilation=2),
    # The first of the phases alone is framed by padding.
    Problem((1, 16, 27, 45), (4, 16, 3, 3), (1, 5), ((1, 0), (0, 1)), (12, 1)),
], ids=["alike", "unlike"])
def test_dilated_phases_may_be_winograd_unless_exact(problem):
    expected, limit = problem.expected(np.float32)
    x, w, bias = problem.arrays(np.float32)
    exact = fastconv.conv2d(x, w, bias, *problem.geometry, algorithm="dilated", precision="exact")
    assert_within(exact, expected, limit)
    free = fastconv.conv2d(x, w, bias, *problem.geometry, algorithm="dilated")
    wider = np.max([winograd_bound(x, w, bias, t, *problem.geometry) for t in TILES], axis=0)
    assert_within(free, expected, np.maximum(wider, limit))


def test_last_tiles_with_columns_of_some_planes(isa, layout):
    """More planes of a dilation than a chunk takes; the last tile of the others has nothing."""
    problem = Problem((1, 4, 5, 150), (40, 4, 3, 3), 1, (1, 70), (1, 70))
    x, w, bias = problem.arrays(np.float32)
    plan = fastconv.Conv2d(w, bias, *problem.geometry, layout=layout, algorithm="winograd4")
    y = from_layout(plan(to_layout(x, layout)), layout)
    exact, own = problem.expected(np.float32)
    assert_within(y, exact, own + winograd_bound(x, w, bias, 4, *problem.geometry))


def moved(a, offset):
    """The same values, so many bytes from an address that is aligned to nothing less than 16."""
    memory = np.empty(a.nbytes + 64, np.uint8)
    to = np.frombuffer(memory.data, a.dtype, a.size, offset).reshape(a.shape)
    to[...] = a
    return to


@pytest.mark.parametrize("row", ROWS)
def test_same_bits(isa, dtype, layout, row):
    """For any batch split, any strides of the input and output, and any alignment."""
    dilation = 12 if row == "winograd3" else 1  # whose tiles are framed by padding
    problem = Problem((3, 5, 23, 20), (7, 5, 3, 3), 1, dilation, dilation, activation="relu")
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    options = {"padding": dilation, "dilation": dilation, "layout": layout, "activation": "relu",
               "algorithm": row}
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
    for offset in (1, dtype.itemsize, 3 * dtype.itemsize):
        out = np.zeros(y.size + 3, dtype)[offset // dtype.itemsize :][: y.size].reshape(y.shape)
        given = [moved(a, offset) for a in (x, w, bias)]
        np.testing.assert_array_equal(fastconv.conv2d(*given, out=out, **options), y)


@pytest.mark.parametrize("row", ROWS)
def test_same_bits_in_any_order_of_memory(isa, dtype, layout, row):
    """Planes and pixels take different ways into the tiles; whole vectors of channels."""
    dilation = 12 if row == "winograd3" else 1
    problem = Problem((2, 32, 23, 20), (7, 32, 3, 3), 1, dilation, dilation)
    x, w, bias = problem.arrays(dtype)
    plan = fastconv.Conv2d(w, bias, *problem.geometry, layout=layout, algorithm=row)
    y = plan(to_layout(x, layout))
    for order in [(0, 2, 3, 1), (0, 3, 1, 2), (3, 2, 1, 0)]:
        given = to_layout(x, layout)
        view = given.transpose(order).copy().transpose(np.argsort(order))
        np.testing.assert_array_equal(plan(view), y)


def test_filters_know_nothing_of_each_other(isa):
    """More channels than a block, more filters than one visit of a chunk serves, by one thread in a
    row: not so much work that the thread would pause between."""
    x, w, _ = Problem((1, 520, 4, 68), (1000, 520, 3, 3)).arrays(np.float32)
    options = {"padding": 1, "algorithm": "winograd6", "threads": 1}
    whole = fastconv.Conv2d(w, **options)(x)
    for part in (slice(0, 7), slice(960, 1000)):
        np.testing.assert_array_equal(fastconv.Conv2d(w[part], **options)(x), whole[:, part])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_weights_reach_their_own_filter_only(isa, dtype, layout, value):
    x, w, bias = Problem((2, 4, 13, 12), (5, 4, 3, 3)).arrays(dtype)
    options = {"padding": 1, "layout": layout, "algorithm": "winograd"}
    before = fastconv.conv2d(to_layout(x, layout), w, bias, **options)
    w = w.copy()
    w[3, 1, 0, 2] = value
    y = from_layout(fastconv.conv2d(to_layout(x, layout), w, bias, **options), layout)
    assert not np.isfinite(y[:, 3]).any()
    np.testing.assert_array_equal(np.delete(y, 3, 1),
                                  np.delete(from_layout(before, layout), 3, 1))


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
    for size in [(3, 1200), (1200, 3), (130, 131)]:
        problem = Problem((1, 16, *size), (9, 16, 3, 3), padding=1)
        x, w, bias = problem.arrays(np.float32)
        expected, _ = problem.expected(np.float32)
        y = fastconv.conv2d(to_layout(x, layout), w, bias, padding=1, layout=layout,
                            algorithm="winograd")
        limit = np.max([winograd_bound(x, w, bias, t, padding=1) for t in TILES], axis=0)
        assert_within(from_layout(y, layout), expected, limit)


def test_scratch_is_bounded():
    """Whatever the image and the batch; what it is, explain says."""
    for channels, size in [(3, 500), (64, 224), (512, 56), (4096, 28)]:
        w = np.ones((64, channels, 3, 3), np.float32)
        plan = fastconv.Conv2d(w, padding=1, algorithm="winograd")
        for batch in (1, 32):
            assert plan.explain((batch, channels, size, size))["scratch_bytes"] < 7 << 20
