"""What holds for all arguments, on every instruction set and with every algorithm that accepts."""

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DTYPES, LAYOUTS, pools, problems
from support import (
    SUMMING,
    accepts,
    assert_within,
    bound,
    check,
    clip,
    from_layout,
    oracle_type,
    to_layout,
)

import fastconv
from fastconv.reference import vectorized


def every(examples):
    def decorate(test):
        return settings(max_examples=examples, derandomize=True, deadline=None, database=None)(test)

    return decorate


def ways(problem, dtype, layout):
    """Each instruction set with each algorithm that accepts, set up to run."""
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            for algorithm in ("auto", *SUMMING):
                if accepts(problem, dtype, algorithm, layout):
                    yield algorithm


def run(problem, x, w, bias, layout, algorithm, out=None):
    return fastconv.conv2d(x, w, bias, *problem.geometry, layout=layout, algorithm=algorithm,
                           activation=problem.activation, precision="exact", out=out)


@every(200)
@given(problems(), DTYPES, LAYOUTS)
def test_within_the_bound_and_between_fences(problem, dtype, layout):
    for algorithm in ways(problem, dtype, layout):
        check(problem, dtype, algorithm, layout)


def views(x):
    """The same values in other places and other strides."""
    yield np.asfortranarray(x)
    for axis in range(x.ndim):
        yield np.flip(np.flip(x, axis).copy(), axis)
        for step in (2, 3):
            at = (slice(None),) * axis + (slice(None, None, step),)
            yield np.repeat(x, step, axis)[at]
    yield np.pad(x, 2, constant_values=np.nan)[(slice(2, -2),) * x.ndim]
    order = (2, 0, 3, 1)
    yield x.transpose(order).copy().transpose(np.argsort(order))
    bytes_ = np.empty(x.nbytes + 64, np.uint8)
    for offset in (1, x.itemsize, 3 * x.itemsize):
        moved = np.frombuffer(bytes_.data, x.dtype, x.size, offset).reshape(x.shape)
        moved[...] = x
        yield moved


@every(60)
@given(problems(), DTYPES, LAYOUTS)
def test_same_bits_for_any_strides_and_alignment(problem, dtype, layout):
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    for algorithm in ways(problem, dtype, layout):
        y = run(problem, x, w, bias, layout, algorithm)
        for view in views(x):
            np.testing.assert_array_equal(run(problem, view, w, bias, layout, algorithm), y)


@every(40)
@given(problems(), DTYPES, LAYOUTS, st.integers(0, 3))
def test_broadcast_inputs(problem, dtype, layout, axis):
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    x = np.broadcast_to(x[(slice(None),) * axis + (slice(0, 1),)], x.shape)
    for algorithm in ways(problem, dtype, layout):
        np.testing.assert_array_equal(
            run(problem, x, w, bias, layout, algorithm),
            run(problem, x.copy(), w, bias, layout, algorithm),
        )


@every(60)
@given(problems(), DTYPES, LAYOUTS)
def test_same_bits_for_any_batch_split_and_from_a_plan(problem, dtype, layout):
    problem = replace(problem, x=(3, *problem.x[1:]))
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    for algorithm in ways(problem, dtype, layout):
        y = run(problem, x, w, bias, layout, algorithm)
        for part in (slice(0, 1), slice(1, 3), slice(2, None, -2)):
            np.testing.assert_array_equal(run(problem, x[part], w, bias, layout, algorithm),
                                          y[part])
        plan = fastconv.Conv2d(w, bias, *problem.geometry, layout=layout, algorithm=algorithm,
                               activation=problem.activation, precision="exact")
        if algorithm == "auto":  # a plan may choose another algorithm, and so other bits
            y = plan(x)
        for part in (slice(0, 3), slice(1, 2)):
            np.testing.assert_array_equal(plan(x[part]), y[part])


@every(60)
@given(problems(), DTYPES, LAYOUTS, st.integers(-20, 20))
def test_powers_of_two_pass_through_exactly(problem, dtype, layout, power):
    """Scaling the weights scales every product and every sum without rounding."""
    problem = replace(problem, bias=False, activation=None)
    x, w, _ = problem.arrays(dtype)
    x = to_layout(x, layout)
    scale = dtype.type(2.0**power)
    for algorithm in ways(problem, dtype, layout):
        y = run(problem, x, w, None, layout, algorithm)
        np.testing.assert_array_equal(run(problem, x, w * scale, None, layout, algorithm),
                                      y * scale)


@every(60)
@given(problems(), DTYPES, LAYOUTS, st.integers(1, 3), st.integers(1, 3))
def test_translation_equivariance(problem, dtype, layout, down, right):
    """Shift the input by strides, and the output shifts, to the bit: one image seen twice."""
    # Without padding, so that every output of the overlap sees the same pixels both times.
    problem = replace(problem, padding=0, x=(1, *problem.x[1:]))
    rows, columns = (n * s for n, s in zip((down, right), problem.stride, strict=True))
    size = (problem.x[2] + rows, problem.x[3] + columns)
    scene = (1, problem.x[1], size[0] + rows, size[1] + columns)
    x, w, bias = replace(problem, x=scene).arrays(dtype)
    before = to_layout(x[:, :, : size[0], : size[1]], layout)
    after = to_layout(x[:, :, rows:, columns:], layout)
    for algorithm in ways(replace(problem, x=(*scene[:2], *size)), dtype, layout):
        first, second = (
            from_layout(run(problem, view, w, bias, layout, algorithm), layout)
            for view in (before, after)
        )
        np.testing.assert_array_equal(second[:, :, :-down, :-right], first[:, :, down:, right:])


@every(40)
@given(problems(), DTYPES)
def test_mixed_dtypes_are_computed_in_the_wider(problem, dtype):
    x, w, bias = problem.arrays(dtype)
    other = np.dtype(np.float32 if dtype == np.float64 else np.float64)
    got = fastconv.conv2d(x.astype(other), w, None, *problem.geometry, precision="exact")
    x64, w64 = x.astype(other).astype(np.float64), w.astype(np.float64)
    wide = oracle_type(np.float64)
    expected = vectorized.conv2d(x64.astype(wide), w64.astype(wide), None, *problem.geometry)
    assert got.dtype == np.float64
    assert_within(got, expected, bound(x64, w64, None, *problem.geometry))


@every(150)
@given(pools(), DTYPES, LAYOUTS)
def test_pooling(pooling, dtype, layout):
    x, arguments = pooling
    x = x.astype(dtype)
    expected, where = vectorized.max_pool2d(x, *arguments, return_indices=True)
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            for view in itertools.chain([to_layout(x, layout)], views(to_layout(x, layout))):
                got = fastconv.max_pool2d(view, *arguments, layout=layout)
                np.testing.assert_array_equal(from_layout(got, layout), expected)
            got, indices = fastconv.max_pool2d(view, *arguments, True, layout=layout)
            np.testing.assert_array_equal(from_layout(got, layout), expected)
            np.testing.assert_array_equal(from_layout(indices, layout), where)


@every(60)
@given(problems(), DTYPES, LAYOUTS)
def test_activation_is_a_clip_of_the_result(problem, dtype, layout):
    plain = replace(problem, activation=None)
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    for algorithm in ways(problem, dtype, layout):
        y = run(plain, x, w, bias, layout, algorithm)
        np.testing.assert_array_equal(run(problem, x, w, bias, layout, algorithm),
                                      clip(y, problem.activation))
