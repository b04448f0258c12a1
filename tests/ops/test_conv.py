"""The choice of algorithm, and what is the same whichever is chosen."""

import numpy as np
import pytest
from support import SUMMING, Problem, accepts, assert_within, check, from_layout, to_layout

import fastconv

PROBLEMS = {
    "dense": Problem((2, 3, 9, 10), (5, 3, 3, 3), padding=1),
    "pointwise": Problem((2, 7, 5, 6), (9, 7, 1, 1)),
    "strided": Problem((1, 4, 11, 12), (6, 4, 5, 5), 2, 2),
    "dilated": Problem((1, 4, 13, 12), (6, 4, 3, 3), 1, 2, 2),
    "depthwise": Problem((1, 6, 9, 10), (12, 1, 3, 3), 1, 1, 1, 6),
    "dilated depthwise": Problem((1, 6, 9, 10), (6, 1, 3, 3), 1, 2, 2, 6),
    "grouped": Problem((1, 6, 9, 10), (6, 2, 3, 3), 1, 1, 1, 3),
    "one pixel": Problem((1, 1, 1, 1), (1, 1, 1, 1)),
    "first layer": Problem((1, 3, 30, 31), (8, 3, 7, 7), 2, 3),
    "no images": Problem((0, 3, 9, 10), (5, 3, 3, 3), padding=1),
    "empty rows": Problem((1, 2, 0, 5), (3, 2, 3, 3), padding=2),
}
EVERY = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@EVERY
@pytest.mark.parametrize("algorithm", ["auto", *SUMMING])
def test_every_algorithm_that_accepts(isa, dtype, layout, algorithm, problem):
    if accepts(problem, dtype, algorithm, layout):
        check(problem, dtype, algorithm, layout)
    else:
        x, w, bias = problem.arrays(dtype)
        with pytest.raises(ValueError, match=f"algorithm='{algorithm}' does not apply here: "):
            fastconv.conv2d(to_layout(x, layout), w, bias, *problem.geometry, layout=layout,
                            algorithm=algorithm)


@EVERY
def test_unbatched(isa, dtype, layout, problem):
    if not problem.x[0]:
        return
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    batch = fastconv.conv2d(x, w, bias, *problem.geometry, layout=layout)
    one = fastconv.conv2d(x[0], w, bias, *problem.geometry, layout=layout)
    np.testing.assert_array_equal(one, batch[0])


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (2, 3)])
@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
def test_pointwise_images_in_a_row(isa, dtype, layout, algorithm, size):
    """Those that follow each other without a gap and those that do not: the bits of each alone."""
    given = Problem((7, 9, *size), (5, 9, 1, 1))
    x, w, bias = given.arrays(dtype)
    x = to_layout(x, layout)
    options = {"layout": layout, "algorithm": algorithm}
    alone = np.concatenate([fastconv.conv2d(image[None], w, bias, **options) for image in x])
    apart = np.repeat(x, 2, 0)[::2]
    gaps = np.full((14, *alone.shape[1:]), 7, dtype)
    for images, out in ((x, np.empty_like(alone)), (apart, np.empty_like(alone)), (x, gaps[::2]),
                        (x[::-1].copy()[::-1], np.empty_like(alone)), (apart, gaps[::2])):
        out[...] = 7
        fastconv.conv2d(images, w, bias, **options, out=out)
        np.testing.assert_array_equal(out, alone)
    assert (gaps[1::2] == 7).all()


@EVERY
@pytest.mark.parametrize("algorithm", SUMMING)
def test_plan_gives_the_function_s_bits(isa, dtype, layout, algorithm, problem):
    """With the algorithm given; left to themselves the two may choose differently."""
    if not accepts(problem, dtype, algorithm, layout):
        return
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    options = {"layout": layout, "algorithm": algorithm, "precision": "exact"}
    plan = fastconv.Conv2d(w, bias, *problem.geometry, **options)
    expected = fastconv.conv2d(x, w, bias, *problem.geometry, **options)
    np.testing.assert_array_equal(plan(x), expected)
    out = np.empty_like(expected)
    assert plan(x, out) is out
    np.testing.assert_array_equal(out, expected)


def test_the_choice_ignores_the_batch():
    plan = fastconv.Conv2d(np.ones((8, 4, 3, 3), np.float32))
    chosen = {plan.explain((n, 4, 20, 20))["algorithm"] for n in (1, 2, 64, 1000)}
    assert len(chosen) == 1


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
@pytest.mark.parametrize("groups", [1, 4])
def test_images_of_padding_alone_have_a_cost(isa, dtype, layout, size, groups):
    """One that is not a number would be neither less nor more than another."""
    w = np.ones((4, 4 // groups, 3, 3), dtype)
    plan = fastconv.Conv2d(w, None, 1, 3, 2, groups, layout=layout)
    shape = (1, 4, *size) if layout == "NCHW" else (1, *size, 4)
    costs = plan.explain(shape)["algorithms"].values()
    assert all(isinstance(cost, str) or 0 <= cost < np.inf for cost in costs), costs


def test_instruction_sets_agree_within_their_bounds(dtype):
    problem = PROBLEMS["dense"]
    expected, limit = problem.expected(dtype)
    x, w, bias = problem.arrays(dtype)
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            y = fastconv.conv2d(x, w, bias, *problem.geometry, precision="exact")
        assert_within(y, expected, limit, isa)


@pytest.mark.parametrize("algorithm", ["auto", *SUMMING])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_reach_their_own_outputs_only(isa, dtype, layout, algorithm, value):
    for name in ("dense", "dilated", "dilated depthwise", "grouped"):
        problem = PROBLEMS[name]
        if not accepts(problem, dtype, algorithm, layout):
            continue
        x, w, bias = problem.arrays(dtype)
        x = x.copy()
        x[0, -1, 4, 5] = value
        got = fastconv.conv2d(to_layout(x, layout), w, bias, *problem.geometry, layout=layout,
                              algorithm=algorithm, precision="exact", activation="relu6")
        with np.errstate(invalid="ignore"):
            expected = fastconv.reference.conv2d(x, w, bias, *problem.geometry,
                                                 activation="relu6")
        np.testing.assert_array_equal(np.isnan(from_layout(got, layout)), np.isnan(expected))
        np.testing.assert_allclose(from_layout(got, layout), expected, rtol=1e-3, atol=1e-4)
