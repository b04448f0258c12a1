"""Prints the worst error of each algorithm as a part of its proven bound, in float32.

Usage: python tests/numbers_table.py (`make numbers`).  The exact result is a float64 sum; the bound
is that of docs/numbers.md, without anything added.
"""

import numpy as np
from support import gamma
from winograd_bound import winograd_bound

import fastconv
from fastconv.reference import vectorized

DATA = {
    "normal": lambda x, rng: x,
    "ReLU": lambda x, rng: np.maximum(x, 0),
    "outliers of 1e4": lambda x, rng: np.where(rng.random(x.shape) < 0.01, 1e4 * x, x),
}
# Channels, filters, kernel, stride, padding, dilation, groups.
PROBLEMS = {
    "direct": [(3, 16, 7, 2, 3, 1, 1), (64, 32, 3, 1, 1, 1, 1), (256, 32, 1, 1, 0, 1, 1)],
    "im2col": [(3, 16, 7, 2, 3, 1, 1), (64, 32, 3, 1, 1, 1, 1), (1024, 32, 1, 1, 0, 1, 1)],
    "dilated": [(16, 16, 3, 1, 2, 2, 1), (64, 16, 3, 1, 4, 4, 1)],
    "depthwise": [(32, 32, 3, 1, 1, 1, 32), (32, 32, 7, 2, 3, 1, 32)],
    "grouped": [(32, 32, 3, 1, 1, 1, 8), (64, 64, 3, 2, 1, 1, 32)],
    "winograd": [(16, 16, 3, 1, 1, 1, 1), (64, 32, 3, 1, 1, 1, 1), (256, 16, 3, 1, 1, 1, 1)],
}


def worst(algorithm, problem, change):
    channels, filters, kernel, *geometry = problem
    rng = np.random.default_rng(0)
    x = change(rng.standard_normal((1, channels, 28, 30)), rng).astype(np.float32)
    w = rng.standard_normal((filters, channels // geometry[-1], kernel, kernel)).astype(np.float32)
    bias = rng.standard_normal(filters).astype(np.float32)
    wide = [a.astype(float) for a in (x, w, bias)]
    exact = vectorized.conv2d(*wide, *geometry)
    plan = fastconv.Conv2d(w, bias, *geometry, algorithm=algorithm,
                           precision="auto" if algorithm == "winograd" else "exact")
    if algorithm == "winograd":
        tile = int(plan.explain(x.shape)["algorithm"][-1])
        limit = winograd_bound(x, w, bias, tile, *geometry)
    else:
        limit = gamma(w[0].size + 1, 2.0**-24) * vectorized.conv2d(
            *map(abs, wide), *geometry)
    return (abs(plan(x) - exact) / limit).max()


def main():
    print(f"| algorithm | {' | '.join(DATA)} |\n| --- |{' --- |' * len(DATA)}")
    for algorithm, problems in PROBLEMS.items():
        row = []
        for change in DATA.values():
            ratios = []
            for isa in fastconv.available_isas():
                with fastconv.use_isa(isa):
                    ratios += [worst(algorithm, problem, change) for problem in problems]
            row.append(f"{max(ratios):.3f}")
        print(f"| {algorithm} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
