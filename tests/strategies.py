"""Hypothesis strategies: convolutions and poolings around the sizes of vectors and tiles."""

import numpy as np
from hypothesis import strategies as st
from support import Problem, edges

SIDES = st.integers(0, 4)
LENGTHS = st.sampled_from(edges(4) + edges(16)) | st.integers(1, 40)
ACTIVATIONS = st.sampled_from([None, None, "relu", "relu6", (-1.0, 0.5)])
DTYPES = st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)])
LAYOUTS = st.sampled_from(["NCHW", "NHWC"])


@st.composite
def problems(draw):
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (1, 4), (2, 1), (4, 3)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3), (4, 1), (3, 2)]))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (3, 3), (1, 2), (4, 3)]))
    padding = draw(
        st.tuples(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
        | st.sampled_from([0, 1, (0, 2), "same", "valid"])
    )
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 5, 8]))
    each = draw(st.sampled_from([1, 1, 2, 3, 4, 8, 16, 17]))
    count = draw(st.sampled_from([each, each, 1, 2, 6, 7, 17, 33]))
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [max(draw(LENGTHS), e) for e in extent]
    return Problem(
        (draw(st.integers(0, 3)), groups * each, *size), (groups * count, each, *kernel),
        stride, padding, dilation, groups, draw(st.booleans()), draw(ACTIVATIONS),
    )


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
