"""One Conv2d for images of several sizes: what is decided for one of them must serve no other."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, seed, settings
from strategies import plans
from support import (
    CONFIG,
    ROWS,
    assert_within,
    bound,
    clip,
    from_layout,
    oracle_type,
    same_bits,
    to_layout,
)
from winograd_bound import TILES, winograd_bound

import fastconv
from fastconv import _args
from fastconv.reference import vectorized


class Image:
    """What is convolved, the exact result, and the error that it may have."""

    def __init__(self, problem, dtype, w, bias):
        self.problem, self.w, self.bias = problem, w.astype(dtype), bias
        self.x, _, _ = problem.arrays(dtype)
        self.label = f"{problem} {dtype}"
        wide = [None if a is None else a.astype(oracle_type(dtype)) for a in (self.x, w, bias)]
        self.expected = clip(vectorized.conv2d(*wide, *problem.geometry), problem.activation)
        self.limit = bound(self.x, self.w, bias, *problem.geometry)
        self.winograd = functools.cache(self.winograd_limit)

    def check(self, y, algorithm, label):
        """By the bound of a sum first: Winograd's takes long to compute, and is rarely needed."""
        limit = self.limit
        if y.shape == limit.shape and (abs(y - self.expected) <= limit).all():
            return
        for tile in self.tiles(algorithm):
            limit = np.maximum(limit, self.winograd(tile))
        assert_within(y, self.expected, limit, label)

    def winograd_limit(self, tile):
        stride, padding, dilation, groups = self.problem.geometry
        kernel = self.w.shape[2:]
        padding = _args.padding(padding, 2, self.x.shape[2:], kernel, stride, dilation)
        return self.limit + winograd_bound(self.x, self.w, self.bias, tile, stride, padding,
                                           dilation, groups)

    def tiles(self, algorithm):
        """Those that the algorithm may have taken."""
        if algorithm.startswith("winograd"):
            return [int(algorithm.removeprefix("winograd"))]
        p = self.problem
        taps = [-(-k // (s // math.gcd(s, d)))
                for k, s, d in zip(p.w[2:], p.stride, p.dilation, strict=True)]
        framed = algorithm == "auto" and {*taps} <= {1, 3}
        some = [3] * framed + [t for t in TILES if max(taps) < t]
        return some if algorithm in ("auto", "dilated") else []


def outcome(plan, x):
    """The result, or None if the algorithm refuses this size."""
    try:
        return plan(x)
    except ValueError as error:
        assert "does not apply here" in str(error)
        return None


def check_one_plan(problems):
    """Weights in float32, so that images of both types meet in one Conv2d."""
    _, w, bias = problems[0].arrays(np.float32)
    images = [Image(problem, np.dtype(dtype), w, bias)
              for problem in problems for dtype in ("f4", "f8")]
    for layout in ("NCHW", "NHWC"):
        given_to = [to_layout(image.x, layout) for image in images]
        for algorithm in ("auto", *ROWS):
            options = {"layout": layout, "algorithm": algorithm,
                       "activation": problems[0].activation}
            one = fastconv.Conv2d(w, bias, *problems[0].geometry, **options)
            for isa in CONFIG["available_isas"]:
                with fastconv.use_isa(isa):
                    known = {}
                    for image, x in [*zip(images, given_to, strict=True)] * 2:
                        label = f"{image.label} {layout} {algorithm} {isa}"
                        y = outcome(one, x)
                        if image not in known:
                            fresh = fastconv.Conv2d(w, bias, *problems[0].geometry, **options)
                            known[image] = outcome(fresh, x)
                            if known[image] is not None:
                                image.check(from_layout(known[image], layout), algorithm, label)
                        assert (y is None) == (known[image] is None), label
                        assert y is not None or algorithm != "auto", label
                        if y is not None:
                            same_bits(y, known[image], label)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(plans())
def test_one_plan_for_several_sizes(problems):
    check_one_plan(problems)


@pytest.mark.long
@pytest.mark.parametrize("start", range(1, 11))
def test_very_many_sizes(start):
    @seed(start)
    @settings(max_examples=150, deadline=None, database=None)
    @given(plans())
    def cases(problems):
        check_one_plan(problems)

    cases()
