"""Winograd's transforms: tiles cut by every edge, every number of channels, their derived bound."""

import itertools

import numpy as np
import pytest
from support import Problem, assert_within, canary, edges, from_layout, tile, to_layout
from winograd_bound import matrices, winograd_bound

import fastconv


def tile_of(problem, dtype, layout):
    """The m of F(m, 3) that the plan takes."""
    _, w, bias = problem.arrays(dtype)
    plan = fastconv.Conv2d(w, bias, *problem.geometry, layout=layout, algorithm="winograd")
    shape = to_layout(np.broadcast_to(np.float32(0), problem.x), layout).shape
    return int(plan.explain(shape)["algorithm"].removeprefix("winograd"))


def check(problem, dtype, layout):
    x, w, bias = problem.arrays(dtype)
    expected, direct = problem.expected(dtype)
    m = tile_of(problem, dtype, layout)
    groups = [
        winograd_bound(*parts, m, problem.padding)
        for parts in zip(np.split(x, problem.groups, 1), np.split(w, problem.groups),
                         np.split(bias, problem.groups), strict=True)
    ]
    # The oracle's own bound is added, as in support.bound.
    limit = np.concatenate(groups, 1) + direct * 2.0**-11
    options = {"layout": layout, "algorithm": "winograd", "activation": problem.activation}
    given = to_layout(x, layout)
    y = fastconv.conv2d(given, w, bias, *problem.geometry, **options)
    assert_within(from_layout(y, layout), expected, limit, f"{problem} F({m}, 3)")
    out, intact = canary(np.zeros_like(y), sentinel=7)
    fastconv.conv2d(canary(given)[0], w, bias, *problem.geometry, out=out, **options)
    np.testing.assert_array_equal(out, y)
    assert intact()
    return m


@pytest.mark.parametrize("m", [2, 4])
def test_the_matrices_are_a_convolution(m):
    """What the bound is made of: one tile, transformed, multiplied and transformed back."""
    bt, g, at = matrices(m)
    rng = np.random.default_rng(m)
    d, w = rng.standard_normal((m + 2, m + 2)), rng.standard_normal((3, 3))
    tile = at @ ((g @ w @ g.T) * (bt @ d @ bt.T)) @ at.T
    expected = fastconv.reference.conv2d(d[None], w[None, None])[0]
    np.testing.assert_allclose(tile, expected, rtol=1e-12, atol=1e-12)


def test_sizes_cut_every_way(isa, dtype, layout):
    """1 to 2 m + 1 rows and columns, so that both tiles meet each of their remainders."""
    taken = set()
    for height, width in itertools.product([1, 2, 3, 4, 5, 6, 9], [1, 2, 3, 4, 7, 8, 13, 33]):
        problem = Problem((1, 3, height, width), (5, 3, 3, 3), padding=1)
        taken.add(check(problem, dtype, layout))
    assert taken == {2, 4}


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


def test_blocks_of_channels(isa, dtype, layout):
    check(Problem((1, 300, 6, 7), (5, 300, 3, 3), padding=1), dtype, layout)
