"""The dilated algorithm: phases of every stride and dilation, also with a common divisor."""

import itertools

import numpy as np
import pytest
from support import Problem, check, to_layout

import fastconv


@pytest.mark.parametrize("dilation", [2, 3, 4, (1, 5), (6, 1), (7, 2)])
def test_strides_against_dilations(isa, dtype, layout, dilation):
    """gcd(stride, dilation) of 1, of either and in between."""
    for stride in (1, 2, 3, 4, 6, (2, 3)):
        problem = Problem((2, 2, 23, 21), (3, 2, 3, 3), stride, ((3, 1), (0, 4)), dilation)
        check(problem, dtype, "dilated", layout)


def test_fewer_outputs_than_phases(isa, dtype, layout):
    for size, dilation in [((9, 9), 4), ((1, 13), (5, 6)), ((10, 9), (4, 4))]:
        kernel = tuple(2 if n < 9 else 3 for n in size)
        problem = Problem((1, 2, *size), (3, 2, *kernel), 1, ((2, 3), (0, 1)), dilation)
        check(problem, dtype, "dilated", layout)


def test_phases_that_lie_wholly_in_the_padding(isa, dtype, layout):
    for padding in (9, ((13, 0), (0, 11)), ((0, 17), (0, 19))):
        for dilation, stride in itertools.product([4, 6, (5, 9)], [1, 2, 3, 5]):
            problem = Problem((1, 2, 2, 3), (2, 2, 2, 2), stride, padding, dilation)
            check(problem, dtype, "dilated", layout)


@pytest.mark.parametrize(("channels", "groups"), [(8, 4), (6, 6), (10, 2)])
def test_every_inner_algorithm(isa, dtype, layout, channels, groups):
    """Depthwise, small groups and dense phases."""
    problem = Problem((1, channels, 15, 16), (channels, channels // groups, 3, 3), 1, 2, 2, groups,
                      activation="relu")
    check(problem, dtype, "dilated", layout)


def test_long_reduction(isa, dtype, layout):
    problem = Problem((1, 600, 5, 6), (3, 600, 3, 3), dilation=(2, 1))
    check(problem, dtype, "dilated", layout)


@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), 1), ((1, 1), 2), ((3, 1), (1, 2))])
def test_refuses_what_is_not_dilated(kernel, dilation):
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, *kernel))
    with pytest.raises(ValueError, match="algorithm='dilated' does not apply here: no axis is"):
        fastconv.conv2d_dilated(x, w, dilation=dilation)


@pytest.mark.parametrize(("dilation", "taken"), [
    ((256, 256), True), ((65536, 1), True), ((1, 65536), True),
    ((257, 256), False), ((65537, 1), False), ((1, 65537), False), ((2**25, 1), False),
])
def test_phases_are_at_most_65536(dilation, taken):
    """On one axis or on both; each of them is visited in every call."""
    plan = fastconv.Conv2d(np.ones((1, 1, 3, 3), np.float32), dilation=dilation)
    cost = plan.explain((1, 1, *(3 * d + 2 for d in dilation)))["algorithms"]["dilated"]
    assert (not isinstance(cost, str)) if taken else "more than 65536 phases" in cost


def test_a_stride_leaves_out_phases():
    """A stride that is the dilation meets one phase of its 90,000, which would be refused."""
    plan = fastconv.Conv2d(np.ones((1, 1, 2, 2), np.float32), stride=300, dilation=300)
    costs = plan.explain((1, 1, 300 * 300, 300 * 300))["algorithms"]
    assert isinstance(costs["dilated"], float), costs["dilated"]


def test_wide_dilation_of_a_wide_image(isa, dtype):
    problem = Problem((1, 2, 3, 700), (3, 2, 1, 3), 1, ((0, 0), (64, 64)), (1, 64))
    check(problem, dtype, "dilated")


def test_one_plan_for_sizes_of_several_algorithms(isa, layout):
    """im2col and the dilated algorithm by it have channels in other blocks: packed apart."""
    rng = np.random.default_rng(0)
    w = rng.standard_normal((8, 96, 15, 15))
    images = [to_layout(rng.standard_normal((1, 96, n, n)), layout) for n in (113, 120)]
    fresh = [fastconv.Conv2d(w, dilation=8, layout=layout)(x) for x in images]
    for order in (0, 1), (1, 0):
        plan = fastconv.Conv2d(w, dilation=8, layout=layout)
        for i in order:
            np.testing.assert_array_equal(plan(images[i]), fresh[i])
