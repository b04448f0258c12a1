"""How much slower a convolution of subnormal numbers is than one of normal ones.

Usage: python -m benchmarks.subnormals; one row an algorithm, pairs of runs interleaved.
"""

import time

import numpy as np

import fastconv

SHAPES = {
    "direct": ((1, 16, 56, 56), (16, 16, 3, 3), {}),
    "im2col": ((1, 64, 28, 28), (64, 64, 3, 3), {}),
    "winograd": ((1, 64, 28, 28), (64, 64, 3, 3), {}),
    "dilated": ((1, 32, 28, 28), (32, 32, 3, 3), {"dilation": 2}),
    "depthwise": ((1, 64, 56, 56), (64, 1, 3, 3), {"groups": 64}),
    "grouped": ((1, 64, 28, 28), (64, 4, 3, 3), {"groups": 16}),
}


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def slowdown(algorithm, dtype, rounds=60):
    shape, filters, options = SHAPES[algorithm]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    w = rng.standard_normal(filters).astype(dtype)
    tiny = (x * np.finfo(dtype).smallest_normal / 64).astype(dtype)
    plan = fastconv.Conv2d(w, algorithm=algorithm, threads=1, **options)
    least = {"normal": np.inf, "subnormal": np.inf}
    for _ in range(rounds):
        for name, given in (("normal", x), ("subnormal", tiny)):
            least[name] = min(least[name], seconds(lambda given=given: plan(given)))
    return least["subnormal"] / least["normal"]


def main():
    print("| algorithm | float32 | float64 |\n| --- | --- | --- |")
    for algorithm in SHAPES:
        row = [f"{slowdown(algorithm, dtype):.2f}" for dtype in (np.float32, np.float64)]
        print(f"| {algorithm} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
