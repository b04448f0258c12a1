"""Runs seeded cases between fences; a fault ends this process, so the log names the case first.

Usage: python fence_runner.py LOG SEED COUNT, or "in-place" for SEED
"""

import random
import sys

import numpy as np
from fences import fenced
from support import SUMMING, Problem, accepts, assert_within, from_layout, to_layout

import fastconv

# How an array lies before its fence: as it is, every second element up to the last, cropped at
# the far side, transposed.
VIEWS = {
    "plain": lambda a, side: fenced(a, side),
    "step": lambda a, side: fenced(
        np.repeat(a, 2, -1)[..., 1:] if side == "end" else np.repeat(a, 2, -1), side
    )[..., ::2],
    "crop": lambda a, side: (
        fenced(np.pad(a, [(0, 0)] * 3 + [(3, 0)], constant_values=np.nan), side)[..., 3:]
        if side == "end"
        else fenced(np.pad(a, [(0, 0)] * 3 + [(0, 3)], constant_values=np.nan), side)[..., :-3]
    ),
    "transposed": lambda a, side: fenced(a.swapaxes(-1, -2), side).swapaxes(-1, -2),
    "backwards": lambda a, side: fenced(a[..., ::-1], side)[..., ::-1],
}


def draw(rng):
    """One random problem: dense, depthwise or of small groups."""
    kind = rng.choice(["dense", "dense", "depthwise", "grouped"])
    groups, each, count = {
        "dense": lambda: (rng.choice([1, 1, 2]), rng.choice([1, 3, 8, 17]), rng.randint(1, 20)),
        "depthwise": lambda: (rng.randint(2, 9), 1, rng.randint(1, 2)),
        "grouped": lambda: (rng.randint(2, 9), *[rng.choice([2, 4, 8])] * 2),
    }[kind]()
    kernel = rng.choice([(1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (2, 4), (1, 3)])
    stride, dilation = rng.choice([1, 1, 2, 2, 3]), rng.choice([1, 1, 1, 2, 3])
    padding = rng.choice([0, 0, 1, ((2, 0), (0, 3)), 5])
    extent = [(k - 1) * dilation + 1 for k in kernel]
    size = [max(n, e) for n, e in zip((rng.randint(1, 9), rng.randint(1, 70)), extent, strict=True)]
    return Problem((rng.randint(1, 2), groups * each, *size), (groups * count, each, *kernel),
                   stride, padding, dilation, groups, bias=rng.random() < 0.7)


def convolve(problem, dtype, layout, algorithm, side, view, label):
    x, w, bias = problem.arrays(dtype)
    expected, limit = problem.expected(dtype)
    x = VIEWS[view](to_layout(x, layout), side)
    w, bias = fenced(w, side), None if bias is None else fenced(bias, side)
    empty = to_layout(np.full(expected.shape, np.nan, dtype), layout)
    for out in (fenced(empty, side), VIEWS[view](empty, side)):
        fastconv.conv2d(x, w, bias, *problem.geometry, layout=layout, algorithm=algorithm,
                        precision="exact", out=out)
        assert_within(from_layout(out, layout), expected, limit, label)


def pool_and_columns(problem, dtype, layout, side, view):
    x, _, _ = problem.arrays(dtype)
    kernel = problem.w[2:]
    pads = tuple(k // 2 for k in kernel)
    geometry = problem.stride, pads, problem.dilation
    given = VIEWS[view](to_layout(x, layout), side)
    expected = fastconv.max_pool2d(to_layout(x, layout), kernel, *geometry, layout=layout)
    out = fenced(np.zeros_like(expected), side)
    fastconv.max_pool2d(given, kernel, *geometry, layout=layout, out=out)
    np.testing.assert_array_equal(out, expected)
    fastconv.max_pool2d(given, kernel, *geometry, return_indices=True, layout=layout, out=out)
    np.testing.assert_array_equal(out, expected)
    if layout == "NCHW":
        columns = fastconv.im2col(given, kernel, *geometry)
        np.testing.assert_array_equal(columns, fastconv.im2col(x, kernel, *geometry))
        image = fastconv.col2im(fenced(columns, side), x.shape[2:], kernel, *geometry)
        np.testing.assert_array_equal(
            image, fastconv.col2im(columns, x.shape[2:], kernel, *geometry)
        )


def in_place():
    """Problems whose input is read where it lies, without a padded copy: chance rarely finds them.

    Lengths up to two of the longest vectors, so that every remainder of a vector occurs.
    """
    for length in [*range(1, 36), 63, 65]:
        yield Problem((1, 3, 1, length), (7, 3, 1, 1)), "NCHW"
        yield Problem((2, 2, 3, length), (4, 2, 1, 1)), "NCHW"
        yield Problem((1, length, 2, 3), (5, length, 1, 1)), "NHWC"
        yield Problem((1, 2, 4, length + 2), (3, 2, 3, 3)), "NHWC"
    for kernel in (3, 5, 7):
        for length in (1, 2, 7, 15, 16, 17, 33):
            for stride in (1, 2):
                for padding in (0, kernel // 2):
                    yield Problem((1, 3, 7, length + kernel), (3, 1, kernel, kernel), stride,
                                  padding, groups=3), "NCHW"


def cases(seed, count):
    if seed == "in-place":
        for problem, layout in in_place():
            for side in ("end", "start"):
                for dtype in (np.float32, np.float64):
                    yield problem, layout, np.dtype(dtype), side, "plain"
        return
    rng = random.Random(int(seed))
    for _ in range(count):
        yield (draw(rng), rng.choice(["NCHW", "NHWC"]),
               np.dtype(rng.choice([np.float32, np.float64])),
               rng.choice(["end", "end", "start"]), rng.choice(list(VIEWS)))


def main(log_name, seed, count):
    with open(log_name, "w") as log:
        for problem, layout, dtype, side, view in cases(seed, count):
            for isa in fastconv.available_isas():
                with fastconv.use_isa(isa):
                    for algorithm in ("auto", *SUMMING):
                        if accepts(problem, dtype, algorithm, layout):
                            label = f"{problem} {dtype} {layout} {isa} {algorithm} {side} {view}"
                            print(label, file=log, flush=True)
                            convolve(problem, dtype, layout, algorithm, side, view, label)
                    print(f"pool {problem} {dtype} {layout} {isa} {side} {view}", file=log,
                          flush=True)
                    pool_and_columns(problem, dtype, layout, side, view)
        print("done", file=log)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
