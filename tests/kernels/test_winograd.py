"""Winograd's transforms: tiles cut by every edge, every F(m, r), their derived bound."""

import itertools

import numpy as np
import pytest
from support import Problem, assert_within, canary, edges, from_layout, tile, to_layout
from winograd_bound import TILES, matrices, winograd_bound

import fastconv


def check(problem, dtype, layout):
    x, w, bias = problem.arrays(dtype)
    expected, direct = problem.expected(dtype)
    plan = fastconv.Conv2d(w, bias, *problem.geometry, layout=layout, algorithm="winograd",
                           activation=problem.activation)
    given = to_layout(x, layout)
    t = int(plan.explain(given.shape)["algorithm"].removeprefix("winograd"))
    # The oracle's own bound is added, as in support.bound.
    limit = winograd_bound(x, w, bias, t, *problem.geometry) + direct * 2.0**-11
    y = plan(given)
    assert_within(from_layout(y, layout), expected, limit, f"{problem} tiles of {t}")
    out, intact = canary(np.zeros_like(y), sentinel=7)
    plan(canary(given)[0], out=out)
    np.testing.assert_array_equal(out, y)
    assert intact()
    return t


@pytest.mark.parametrize(("t", "r"), [(t, r) for t in TILES for r in range(2, t)])
def test_the_matrices_are_a_convolution(t, r):
    """What the bound is made of: one tile, transformed, multiplied and transformed back."""
    bt, g, at = matrices(t, r)
    rng = np.random.default_rng(t)
    d, w = rng.standard_normal((t, t)), rng.standard_normal((r, r))
    tile = at @ ((g @ w @ g.T) * (bt @ d @ bt.T)) @ at.T
    expected = fastconv.reference.conv2d(d[None], w[None, None])[0]
    np.testing.assert_allclose(tile, expected, rtol=1e-12, atol=1e-12)


def test_sizes_cut_every_way(isa, dtype, layout):
    """1 to 2 m + 1 rows and columns, so that all tiles meet each of their remainders."""
    taken = set()
    for height, width in itertools.product([1, 2, 3, 4, 5, 6, 9], [1, 2, 3, 4, 7, 8, 13, 33]):
        problem = Problem((1, 3, height, width), (5, 3, 3, 3), padding=1)
        taken.add(check(problem, dtype, layout))
    assert taken == {3, *TILES}


@pytest.mark.parametrize("kernel", list(itertools.product(range(1, 6), repeat=2))[1:])
def test_every_kernel(isa, dtype, layout, kernel):
    """Every pair of F(m, r), and one axis left as it is."""
    count = tile(isa, dtype).vl + 1
    for size in [(5, 6), (13, 38)]:
        check(Problem((1, 3, *size), (count, 3, *kernel), padding=2), dtype, layout)


@pytest.mark.parametrize(("kernel", "stride"), [
    ((3, 3), 2), ((7, 7), 2), ((11, 11), 4), ((5, 5), 3), ((2, 4), (1, 3)), ((4, 1), (2, 1)),
    ((2, 5), (2, 2)), ((1, 3), (3, 2)),
])
def test_strides(isa, dtype, layout, kernel, stride):
    """Phases with all taps, with fewer, with one, and a phase that has none."""
    for size in [(11, 12), (24, 31)]:
        problem = Problem((2, 3, *size), (5, 3, *kernel), stride, ((1, 2), (3, 0)))
        check(problem, dtype, layout)


@pytest.mark.parametrize("dilation", [2, 3, (1, 5), (6, 1), 14])
def test_dilations(isa, dtype, layout, dilation):
    """Planes of one size and of two, more of them than one chunk holds, and empty ones."""
    for size in [(11, 12), (24, 31)]:
        check(Problem((2, 3, *size), (5, 3, 3, 2), 1, 14, dilation), dtype, layout)
    check(Problem((1, 3, 9, 16), (5, 3, 3, 3), (2, 1), ((1, 2), (5, 4)), (1, 5)), dtype, layout)


@pytest.mark.parametrize(("size", "kernel", "dilation"), [
    ((11, 11), (3, 3), 6), ((7, 6), (3, 3), (4, 3)), ((2, 2), (3, 3), 1), ((1, 2), (3, 3), 1),
    ((1, 9), (1, 3), 5), ((8, 1), (3, 1), 4), ((33, 30), (3, 3), 18),
])
def test_tiles_framed_by_padding(isa, dtype, layout, size, kernel, dilation):
    """Planes of at most two pixels an axis; with a little less padding they are not."""
    pairs = dilation if isinstance(dilation, tuple) else (dilation, dilation)
    padding = tuple(d if k == 3 else 0 for d, k in zip(pairs, kernel, strict=True))
    assert check(Problem((2, 5, *size), (9, 5, *kernel), 1, padding, dilation), dtype, layout) == 3
    if size == (33, 30):
        assert check(Problem((1, 5, *size), (9, 5, 3, 3), 1, 17, 18), dtype, layout) > 3


def test_every_number_of_channels(isa, dtype, layout):
    size = tile(isa, dtype)
    for channels, count in itertools.product(edges(size.vl), [1, size.vl + 1]):
        check(Problem((1, channels, 6, 9), (count, channels, 3, 3), padding=1), dtype, layout)
    for count in [size.pixel_channels - 1, size.pixel_channels, 2 * size.pixel_channels + 3]:
        check(Problem((2, 4, 5, 5), (count, 4, 3, 3), padding=0), dtype, layout)


def test_more_padding_than_image(isa, dtype, layout):
    for size in [(1, 1), (1, 2), (2, 5)]:
        check(Problem((1, 2, *size), (3, 2, 3, 3), padding=7), dtype, layout)


@pytest.mark.parametrize("activation", [None, "relu", "relu6", (-0.5, 0.25)])
def test_groups_and_activations(isa, dtype, layout, activation):
    for groups in (1, 2, 5):
        problem = Problem((1, 3 * groups, 7, 8), (2 * groups, 3, 3, 3), padding=1, groups=groups,
                          activation=activation)
        check(problem, dtype, layout)
