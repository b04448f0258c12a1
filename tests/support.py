"""What the tests share: problems with their proven bound, and arrays with fences around them."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import fastconv
from fastconv.reference import vectorized

ROOT = Path(__file__).resolve().parents[1]
SRC_C = ROOT / "src_c"

CONFIG = fastconv.show_config()
COMPILED_ISAS = CONFIG["compiled_isas"]
# The rows of the table. Winograd's transforms round more than a sum does: it is bounded elsewhere.
ROWS = fastconv._core.rows()
SUMMING = tuple(name for name in ROWS if not name.startswith("winograd"))


def tile(isa, dtype):
    """Sizes of the tiles of one instruction set, as its unit in src_c/isa defines them."""
    unit = (SRC_C / "isa" / f"{isa}.c").read_text()
    size = {k: int(v) for k, v in re.findall(r"#define (\w+) (\d+)", unit)}
    vl = size["FC_VECTOR_BYTES"] // np.dtype(dtype).itemsize
    return SimpleNamespace(
        vl=vl,
        pixel_rows=size["PIXEL_MR"],
        pixel_channels=size["PIXEL_NV"] * vl,
        plane_channels=size["PLANE_M"],
        plane_pixels=size["PLANE_NV"] * vl,
        depthwise_rows=size["DEPTHWISE_ROWS"],
        grouped_pixels=size["GROUPED_PIXELS"],
    )


def edges(vl):
    """Lengths around the vector length: 1, VL - 1, VL, VL + 1, 2 VL + 3, and a prime."""
    return sorted({1, max(vl - 1, 1), vl, vl + 1, 2 * vl + 3, 37})


def gamma(n, u):
    return n * u / (1 - n * u)


def unit_roundoff(dtype):
    return float(np.finfo(dtype).eps) / 2


def tiny(dtype):
    """The least positive number, in the oracle's type: what a product may lose to underflow."""
    return oracle_type(dtype)(np.finfo(dtype).smallest_subnormal)


def clip(y, activation):
    """The activation, in the type of `y`; monotone and 1-Lipschitz, so a bound survives it."""
    bounds = {None: (-np.inf, np.inf), "relu": (0, np.inf), "relu6": (0, 6)}
    return np.clip(y, *(activation if isinstance(activation, tuple) else bounds[activation]))


def bound(x, w, bias=None, *geometry, **options):
    """gamma_n * (conv(|x|, |w|) + |bias|), n = C/g * R * S + 1 (Higham 2002, section 3.1).

    For any order of summation, with or without fused multiply-add, in the dtype of `x`.  The
    oracle sums too, in `oracle_type`, so its own bound is added, and n of the least number for
    underflow: nothing else is allowed for.
    """
    wide = oracle_type(x.dtype)
    parts = [None if a is None else abs(a.astype(wide)) for a in (x, w, bias)]
    n = int(np.prod(w.shape[1:])) + 1
    size = vectorized.conv2d(*parts, *geometry, **options)
    u, own = unit_roundoff(x.dtype), unit_roundoff(wide)
    return (gamma(n, u) + gamma(n, own)) * size + n * tiny(x.dtype)


def oracle_type(dtype):
    return np.float64 if dtype == np.float32 else np.longdouble


@dataclass(frozen=True)
class Problem:
    """A convolution in NCHW, whose arrays, exact result and bound are made from its fields."""

    x: tuple
    w: tuple
    stride: object = 1
    padding: object = 0
    dilation: object = 1
    groups: int = 1
    bias: bool = True
    activation: object = None

    @property
    def geometry(self):
        return self.stride, self.padding, self.dilation, self.groups

    def arrays(self, dtype):
        return _arrays(self, np.dtype(dtype))

    def expected(self, dtype):
        """The result in a wider type, and the largest error that the bound allows."""
        return _expected(self, np.dtype(dtype))


@functools.lru_cache(maxsize=512)
def _arrays(problem, dtype):
    rng = np.random.default_rng(sum(problem.x) * 31 + sum(problem.w))
    shapes = problem.x, problem.w, problem.w[:1] if problem.bias else None
    arrays = [None if s is None else rng.standard_normal(s).astype(dtype) for s in shapes]
    for array in arrays:
        if array is not None:
            array.flags.writeable = False
    return arrays


@functools.lru_cache(maxsize=512)
def _expected(problem, dtype):
    x, w, bias = problem.arrays(dtype)
    wide = [None if a is None else a.astype(oracle_type(dtype)) for a in (x, w, bias)]
    y = clip(vectorized.conv2d(*wide, *problem.geometry), problem.activation)
    return y, bound(x, w, bias, *problem.geometry)


def to_layout(x, layout):
    return x if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(x, -3, -1))


def from_layout(y, layout):
    return y if layout == "NCHW" else np.moveaxis(y, -1, -3)


def accepts(problem, dtype, algorithm, layout="NCHW"):
    """Whether the algorithm takes the problem; any other refusal is an error."""
    _, w, bias = problem.arrays(dtype)
    plan = fastconv.Conv2d(w, bias, *problem.geometry, layout=layout)
    shape = to_layout(np.broadcast_to(np.float32(0), problem.x), layout).shape
    rows = plan.explain(shape)["algorithms"]
    return algorithm == "auto" or not isinstance(rows[algorithm], str)


def check(problem, dtype, algorithm="auto", layout="NCHW", fences=True):
    """Run the problem and hold it to its bound; then again between fences, for the same bits, where
    a row is named with the weights of a plan."""
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    options = {"activation": problem.activation, "layout": layout, "algorithm": algorithm,
               "precision": "exact"}
    y = fastconv.conv2d(x, w, bias, *problem.geometry, **options)
    expected, limit = problem.expected(dtype)
    assert y.dtype == dtype
    assert_within(from_layout(y, layout), expected, limit, f"{problem} {algorithm} {layout}")
    if fences:
        inside, _ = canary(x)
        out, intact = canary(np.zeros_like(y), sentinel=7)
        if algorithm == "auto":
            again = fastconv.conv2d(inside, w, bias, *problem.geometry, out=out, **options)
        else:
            again = fastconv.Conv2d(w, bias, *problem.geometry, **options)(inside, out=out)
        assert again is out
        np.testing.assert_array_equal(out, y)
        assert intact(), "written outside of out"
    return y


def assert_within(got, expected, limit, label=""):
    assert got.shape == expected.shape, label
    error = abs(got - expected)
    if not (error <= limit).all():
        worst = np.nanargmax(np.where(np.isnan(error), np.inf, error - limit))
        at = np.unravel_index(worst, error.shape)
        raise AssertionError(
            f"{label}: at {at} got {got[at]!r}, expected {expected[at]!r}, "
            f"error {error[at]:.3g} beyond the bound {limit[at]:.3g}"
        )


def same_bits(got, wanted, label):
    """A comparison of bytes first: the helpful one takes longer than what it looks at."""
    if got.tobytes() != wanted.tobytes():
        np.testing.assert_array_equal(got, wanted, label)
        raise AssertionError(f"{label}: other zeros, or other NaN")


def canary(array, sentinel=np.nan):
    """A copy inside a larger array that holds `sentinel`, and a check that this is still so."""
    larger = np.full([n + 3 for n in array.shape], sentinel, array.dtype)
    inner = tuple(slice(1, 1 + n) for n in array.shape)
    larger[inner] = array

    def intact():
        outside = np.ones(larger.shape, bool)
        outside[inner] = False
        return np.array_equal(larger[outside], np.full(outside.sum(), sentinel, array.dtype), True)

    return larger[inner], intact
