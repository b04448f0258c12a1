"""Numbers that are special: NaN, infinities, zeros of either sign, the smallest integers."""

import numpy as np
from support import SUMMING

import fastconv
from fastconv.reference import naive

from .case import Case

NAN, INF = np.nan, np.inf


def pooled(x, want, *arguments, dtype="f4", **options):
    given = np.asarray(x, dtype)[None]
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            for layout in ("NCHW", "NHWC"):
                laid = given if layout == "NCHW" else given.transpose(1, 2, 0)
                got = fastconv.max_pool2d(laid, *arguments, layout=layout, **options)
                got = got if layout == "NCHW" else got.transpose(2, 0, 1)
                np.testing.assert_array_equal(got[0], np.asarray(want, dtype))
                assert got.dtype == dtype


def pooling():
    row = "max pooling"
    for dtype in ("f4", "f8"):
        yield Case(row, f"{dtype} NaN wins", lambda d=dtype: pooled(
            [[1, NAN, 2, 3]], [[NAN, 3]], (1, 2), dtype=d))
        yield Case(row, f"{dtype} NaN wins over infinity", lambda d=dtype: pooled(
            [[INF, NAN], [-INF, 2]], [[NAN]], 2, dtype=d))
        yield Case(row, f"{dtype} of all -inf", lambda d=dtype: pooled(
            np.full((4, 5), -INF), np.full((4, 5), -INF), 3, 1, 1, dtype=d))
        yield Case(row, f"{dtype} a window of padding alone", lambda d=dtype: pooled(
            [[5, 5], [5, 5]], [[-INF]], 2, 1, 1, 3, dtype=d))
        yield Case(row, f"{dtype} under ceil_mode no window starts beyond the image",
                   lambda d=dtype: pooled([[1, 2, 3]], [[2, 3]], (1, 2), (1, 2), dtype=d,
                                          ceil_mode=True))
        yield Case(row, f"{dtype} padding is no zero", lambda d=dtype: pooled(
            [[-1, -2], [-3, -4]], [[-1, -1], [-1, -1]], 3, 1, 1, dtype=d))
        yield Case(row, f"{dtype} zeros of either sign are equal", lambda d=dtype: pooled(
            [[-0.0, 0.0, 0.0, -0.0]], [[0, 0]], (1, 2), dtype=d))
        yield Case(row, f"{dtype} subnormals are kept", lambda d=dtype: pooled(
            [[-1, np.finfo(d).smallest_subnormal]], [[np.finfo(d).smallest_subnormal]], (1, 2),
            dtype=d))
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        yield Case(row, f"{dtype} extremes", lambda d=dtype, a=low, b=high: pooled(
            [[a, a + 1, b - 1, b]], [[a + 1, b]], (1, 2), dtype=d))
        yield Case(row, f"{dtype} negative values", lambda d=dtype, a=low: pooled(
            [[a, a], [a, a]], [[a]], 2, dtype=d))
        yield Case(row, f"{dtype} a window of padding alone", lambda d=dtype, a=low: pooled(
            [[5, 5], [5, 5]], [[a]], 2, 1, 1, 3, dtype=d))


def same_everywhere(where, value, padding, dtype):
    """The special values of a result, by every algorithm, are those of the plain loops."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (1, 4, 7, 18)).astype(dtype)
    for groups, dilation in [(1, 1), (1, 2), (2, 1), (4, 1), (4, 2)]:
        w = rng.integers(1, 4, (4, 4 // groups, 3, 3)).astype(dtype)
        given = {"x": x.copy(), "w": w, "bias": np.zeros(4, dtype)}
        given[where].reshape(-1)[len(given[where].reshape(-1)) // 2] = value
        geometry = 1, padding, dilation, groups
        with np.errstate(invalid="ignore"):
            want = naive.conv2d(*given.values(), *geometry)
        for isa in fastconv.available_isas():
            with fastconv.use_isa(isa):
                for layout in ("NCHW", "NHWC"):
                    for algorithm in ("auto", *SUMMING):
                        one_way(given, geometry, layout, algorithm, want, (isa, groups, dilation))


def one_way(given, geometry, layout, algorithm, want, label):
    x, w, bias = given.values()
    laid = x if layout == "NCHW" else x.transpose(0, 2, 3, 1)
    plan = fastconv.Conv2d(w, bias, *geometry, layout=layout, precision="exact")
    if algorithm != "auto" and isinstance(plan.explain(laid.shape)["algorithms"][algorithm], str):
        return
    for run in (lambda: fastconv.conv2d(laid, w, bias, *geometry, layout=layout,
                                        algorithm=algorithm, precision="exact"),
                lambda: fastconv.Conv2d(w, bias, *geometry, layout=layout, algorithm=algorithm,
                                        precision="exact")(laid)):
        got = run()
        got = got if layout == "NCHW" else got.transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(got, want, f"{label} {layout} {algorithm}")


def convolution():
    for dtype in ("f4", "f8"):
        tiny = np.finfo(dtype).smallest_subnormal
        for where in ("x", "w", "bias"):
            for value in (NAN, INF, -INF, tiny, -tiny):
                for padding in (0, 2):
                    yield Case("special values", f"{dtype} {value} in {where}, padding {padding}",
                               lambda a=(where, value, padding, dtype): same_everywhere(*a))

        def clipped(dtype=dtype):
            x = np.array([-INF, -1, NAN, 9, INF], dtype).reshape(1, 1, 5)
            for isa in fastconv.available_isas():
                with fastconv.use_isa(isa):
                    y = fastconv.conv2d(x, np.ones((1, 1, 1, 1), dtype), activation="relu6")
                    np.testing.assert_array_equal(y.ravel(), [0, 0, NAN, 6, 6])

        yield Case("special values", f"{dtype} through an activation", clipped)


def cases():
    yield from pooling()
    yield from convolution()
