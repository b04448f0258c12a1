"""Hypothesis strategies: convolutions and poolings around the sizes of vectors and tiles."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from support import Problem, edges

SIDES = st.integers(0, 4)
LENGTHS = st.sampled_from(edges(4) + edges(16)) | st.integers(1, 40)
ACTIVATIONS = st.sampled_from([None, None, "relu", "relu6", (-1.0, 0.5)])
DTYPES = st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)])
LAYOUTS = st.sampled_from(["NCHW", "NHWC"])
KERNELS = [(1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (1, 4), (2, 1), (4, 3)]
DILATIONS = [(1, 1), (1, 1), (2, 2), (1, 3), (4, 1), (3, 2)]
STRIDES = [(1, 1), (1, 1), (2, 2), (3, 3), (1, 2), (4, 3)]

# Of plans: more that depends on the size, and multiplications that one may take.
PLAN_KERNELS = [*KERNELS, (3, 3), (3, 3), (1, 3), (2, 2), (11, 6), (15, 15)]
PLAN_DILATIONS = [*DILATIONS, (1, 1), (8, 8), (12, 12), (12, 1), (1, 12), (5, 7), (1, 66), (1, 66)]
PLAN_STRIDES = [*STRIDES, (1, 1), (1, 5), (5, 1), (7, 7)]
PLAN_WORK = 300_000
BATCHES = st.sampled_from([1, 1, 1, 2, 3])


@st.composite
def problems(draw):
    problem = _geometry(draw, KERNELS, DILATIONS, STRIDES, _paddings)
    size = [max(draw(LENGTHS), reach + 1) for reach in _reach(problem.w[2:], problem.dilation)]
    return replace(problem, x=(draw(st.integers(0, 3)), problem.x[1], *size),
                   bias=draw(st.booleans()), activation=draw(ACTIVATIONS))


@st.composite
def plans(draw):
    """One convolution of two or three sizes of images, which its decisions may tell apart."""
    problem = _geometry(draw, PLAN_KERNELS, PLAN_DILATIONS, PLAN_STRIDES, _wide_paddings)
    rows, columns = (_plan_lengths(problem, axis) for axis in (0, 1))
    wide = st.integers(max(400, _least(problem, 1)), 4000)
    sizes = st.tuples(BATCHES, rows, columns | wide)
    images = draw(st.lists(sizes, min_size=2, max_size=3, unique=True))
    return _affordable(
        replace(problem, bias=draw(st.booleans()), activation=draw(ACTIVATIONS)), images)


def _geometry(draw, kernels, dilations, strides, paddings):
    """A convolution of any kind, of images that have no size yet."""
    kernel, dilation, stride = (draw(st.sampled_from(s)) for s in (kernels, dilations, strides))
    padding = draw(paddings(_reach(kernel, dilation)))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5, 8]))
    each = draw(st.sampled_from([1, 1, 2, 3, 4, 8, 16, 17]))
    count = draw(st.sampled_from([each, each, 1, 2, 6, 7, 17, 33]))
    return Problem((1, groups * each, 0, 0), (groups * count, each, *kernel), stride, padding,
                   dilation, groups)


def _reach(kernel, dilation):
    """The distance of the first tap from the last, by axis."""
    return [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]


def _paddings(_):
    return (st.tuples(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
            | st.sampled_from([0, 1, (0, 2), "same", "valid"]))


def _wide_paddings(reach):
    """Also those with which an image may be smaller than the kernel's reach."""
    sides = [st.sampled_from(sorted({0, 1, r // 2, r // 2 + 1, r})) for r in reach]
    return (_paddings(reach) | st.sampled_from(["same", tuple(r // 2 for r in reach), tuple(reach)])
            | st.tuples(*(st.tuples(side, side) for side in sides)))


def _total_padding(problem, axis):
    if isinstance(problem.padding, str):  # "same" of stride 1, which is the most
        whole = _reach(problem.w[2:], problem.dilation)[axis]
        return whole if problem.padding == "same" else 0
    sides = problem.padding if isinstance(problem.padding, tuple) else (problem.padding,) * 2
    return sum(sides[axis]) if isinstance(sides[axis], tuple) else 2 * sides[axis]


def _around(*numbers):
    return st.sampled_from(sorted({n + e for n in numbers for e in (-1, 0, 1)}))


def _least(problem, axis):
    """The size of the smallest image."""
    reach = _reach(problem.w[2:], problem.dilation)[axis]
    return max(reach + 1 - _total_padding(problem, axis), 1)


def _plan_lengths(problem, axis):
    """Sizes on both sides of decisions: dilations, and outputs that fill tiles and vectors."""
    stride, dilation = problem.stride[axis], problem.dilation[axis]
    reach, padded = _reach(problem.w[2:], problem.dilation)[axis], _total_padding(problem, axis)
    tiles = _around(*(m * n for m in range(2, 7) for n in (1, 2, 3)))
    vectors = _around(8, 16, 24, 32, 64)
    planes = _around(*(dilation * m + e for m in (1, 2, 3, 4, 6) for e in (0, dilation // 3)))
    outputs = (tiles | vectors | planes).map(lambda n: (n - 1) * stride + reach + 1 - padded)
    least = _least(problem, axis)
    return (outputs | st.integers(1, 3) | planes).map(lambda n: max(n, least))


def _work(problem, images):
    """Multiplications, and elements of the input, each of which is copied and compared."""
    work, reach = 0, _reach(problem.w[2:], problem.dilation)
    for batch, *size in images:
        padded = [n + _total_padding(problem, a) for a, n in enumerate(size)]
        out = [-(-(n - r) // s) for n, r, s in zip(padded, reach, problem.stride, strict=True)]
        work += batch * (math.prod([*problem.w, *out]) + 3 * math.prod([problem.x[1], *padded]))
    return work


def _affordable(problem, images):
    """A problem for each image, with fewer channels, then smaller images, if it would take long."""
    images = [list(image) for image in images]
    while _work(problem, images) > PLAN_WORK:
        count, each, *kernel = problem.w
        parts = [problem.groups, each, count // problem.groups]
        if max(parts) > 2:
            groups, each, count = (n // 2 if n == max(parts) else n for n in parts)
            problem = replace(problem, x=(1, groups * each, 0, 0), groups=groups,
                              w=(groups * count, each, *kernel))
            continue
        image, axis = max(((i, a) for i in images for a in (1, 2)), key=lambda at: at[0][at[1]])
        if image[axis] // 2 < _least(problem, axis - 1):
            break
        image[axis] //= 2
    return [replace(problem, x=(n, problem.x[1], *size)) for n, *size in images]


@st.composite
def pools(draw):
    """An array in NCHW with every special value, and the arguments of `max_pool2d` for it."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    padding = tuple(tuple(draw(st.integers(0, k // 2)) for _ in "ab") for k in kernel)
    steps = st.tuples(st.integers(1, 4), st.integers(1, 4))
    stride, dilation = draw(st.none() | steps), draw(steps)
    size = [max(draw(LENGTHS), (k - 1) * d + 1) for k, d in zip(kernel, dilation, strict=True)]
    shape = draw(st.integers(0, 2)), draw(st.integers(1, 5)), *size
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.choice([-np.inf, -3, -1, 0, 1, 2, np.nan], shape,
                   p=[0.2, 0.2, 0.2, 0.15, 0.15, 0.05, 0.05])
    return x, (kernel, stride, padding, dilation, draw(st.booleans()))
