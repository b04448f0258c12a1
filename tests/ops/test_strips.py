"""How the work is cut: wide images in columns, tall ones in rows, many channels in blocks."""

import numpy as np
import pytest
from support import SUMMING, Problem, accepts, check, to_layout

import fastconv

# Each is more than the scratch of one strip.
PROBLEMS = {
    "wide": Problem((1, 64, 3, 4000), (5, 64, 3, 3)),
    "wide, stride 2": Problem((1, 64, 3, 4000), (2, 64, 3, 3), 2, 1),
    "tall": Problem((1, 64, 4000, 3), (3, 64, 3, 3)),
    "both, and prime": Problem((1, 31, 211, 223), (2, 31, 2, 2), (3, 2), ((1, 0), (0, 1))),
    "wide pointwise": Problem((1, 67, 1, 5003), (7, 67, 1, 1)),
    "wide dilated": Problem((1, 33, 5, 3001), (3, 33, 2, 3), 1, 2, (2, 3)),
    "deep": Problem((1, 700, 9, 40), (9, 700, 3, 3), padding=1),
    "deep pointwise": Problem((1, 5003, 3, 40), (7, 5003, 1, 1)),
    "deep groups": Problem((1, 1300, 5, 20), (6, 650, 3, 3), groups=2),
    "tall channels": Problem((2, 3, 300, 130), (3, 1, 3, 3), padding=1, groups=3),
    "tall channels by planes": Problem((2, 3, 300, 130), (3, 1, 2, 3), padding=1, groups=3),
    "wide groups": Problem((1, 12, 5, 3000), (12, 4, 3, 3), padding=1, groups=3),
    # Strips leave out what lies between strides or taps.
    "strides past the kernel": Problem((1, 5, 43, 61), (7, 5, 3, 2), (11, 5), 2),
    "strides just past the kernel": Problem((1, 5, 43, 62), (7, 5, 2, 2), 3, 1),
    "taps past the strip": Problem((1, 5, 40, 90), (7, 5, 3, 3), (1, 2), (2, 3), (19, 41)),
    "holes in groups": Problem((1, 8, 40, 90), (8, 2, 3, 3), (9, 1), 1, (1, 40), groups=4),
    "holes in channels": Problem((1, 6, 40, 90), (6, 1, 3, 3), (9, 1), 1, (1, 40), groups=6),
    "large kernel": Problem((1, 130, 12, 30), (3, 130, 11, 11), padding=2),
    "a kernel that few channels fill a strip with": Problem((1, 129, 41, 50), (3, 129, 40, 40)),
}


CASES = [
    (name, algorithm)
    for name, problem in PROBLEMS.items()
    for algorithm in SUMMING
    if accepts(problem, np.float32, algorithm)
]


@pytest.mark.parametrize(("name", "algorithm"), CASES)
def test_every_cut(isa, layout, name, algorithm):
    if not accepts(PROBLEMS[name], np.float32, algorithm):
        pytest.skip(f"{algorithm} has no such groups on {isa}")
    check(PROBLEMS[name], np.dtype(np.float32), algorithm, layout, fences=False)


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
def test_cuts_do_not_change_the_bits(isa, dtype, layout, algorithm):
    """A strip, alone and as a part of a wide image: the same sums in the same order."""
    problem = Problem((1, 64, 3, 2500), (3, 64, 3, 3))
    x, w, bias = problem.arrays(dtype)
    options = {"layout": layout, "algorithm": algorithm}
    whole = fastconv.conv2d(to_layout(x, layout), w, bias, **options)
    part = fastconv.conv2d(to_layout(x[..., 1000:1101], layout), w, bias, **options)
    columns = slice(1000, 1099)
    expected = whole[..., columns] if layout == "NCHW" else whole[:, :, columns]
    np.testing.assert_array_equal(part, expected)


# x shape, filters, kernel, stride, padding, dilation: what asks for much scratch.
LARGE = [
    ((1, 16, 10000, 10000), 8, 3, 1, 1, 1),
    ((1, 64, 1, 100000), 64, (1, 3), 1, 0, 1),
    ((1, 3, 3, 100000), 256, 3, 1, 1, 1),
    ((1, 1, 4000, 4000), 64, 11, 1, 5, 1),
    ((1, 512, 224, 224), 64, 11, 1, 5, 1),
    ((1, 512, 33, 33), 256, 3, 1, 18, 18),
    ((1, 2048, 200, 200), 256, 3, 1, 60, 60),
    ((1, 256, 500, 500), 256, 5, 50, 0, 1),
    ((1, 4096, 56, 56), 4096, 1, 1, 0, 1),
    ((1, 128, 300, 300), 128, 7, 3, 40, 13),
]


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
@pytest.mark.parametrize("case", LARGE, ids=str)
def test_scratch_is_bounded(isa, dtype, layout, case, algorithm):
    """At most 2 MiB, however large the image, the kernel, its stride or its dilation."""
    shape, filters, kernel, stride, padding, dilation = case
    rows, columns = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    w = np.zeros((2, shape[1], rows, columns), dtype)
    w = np.broadcast_to(w[:1], (min(filters, 16), *w.shape[1:]))
    plan = fastconv.Conv2d(w, None, stride, padding, dilation, layout=layout, algorithm=algorithm)
    given = shape if layout == "NCHW" else (shape[0], *shape[2:], shape[1])
    assert plan.explain(given)["scratch_bytes"] <= 2 << 20


def test_scratch_does_not_grow_with_the_image():
    plan = fastconv.Conv2d(np.ones((8, 16, 3, 3), np.float32), padding=1)
    sizes = [plan.explain((1, 16, n, n))["scratch_bytes"] for n in (100, 1000, 10000)]
    assert max(sizes) < 4 << 20


@pytest.mark.parametrize("algorithm, count", [("direct", 5003), ("im2col", 1100)])
def test_filters_know_nothing_of_each_other(isa, layout, algorithm, count):
    """Several blocks of channels, and more filters than one visit of a strip serves, by one thread
    in a row: not so much work that the thread would pause between."""
    x, w, _ = Problem((1, count, 3, 40), (1200, count, 1, 1)).arrays(np.float32)
    options = {"layout": layout, "algorithm": algorithm, "threads": 1}
    x, channels = to_layout(x, layout), 1 if layout == "NCHW" else 3
    whole = np.moveaxis(fastconv.Conv2d(w, **options)(x), channels, 0)
    for part in (slice(0, 7), slice(1100, 1200)):
        y = np.moveaxis(fastconv.Conv2d(w[part], **options)(x), channels, 0)
        np.testing.assert_array_equal(y, whole[part])
