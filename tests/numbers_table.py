"""Prints the worst error of each algorithm as a part of its proven bound.

Usage: python tests/numbers_table.py (`make numbers`).  The exact result is a sum in a wider type;
the bound is that of docs/numbers.md, without anything added.
"""

import numpy as np
from support import gamma, oracle_type, tiny, unit_roundoff
from winograd_bound import winograd_bound

import fastconv
from fastconv.reference import vectorized

DATA = {
    "normal": lambda x, rng, least: x,
    "ReLU": lambda x, rng, least: np.maximum(x, 0),
    "outliers of 1e4": lambda x, rng, least: np.where(rng.random(x.shape) < 0.01, 1e4 * x, x),
    "subnormal": lambda x, rng, least: x * 10.0 ** rng.uniform(-1, 3, x.shape) * least,
}
DTYPES = np.float32, np.float64
# Channels, filters, kernel, stride, padding, dilation, groups.
PROBLEMS = {
    "direct": [(3, 16, 7, 2, 3, 1, 1), (64, 32, 3, 1, 1, 1, 1), (256, 32, 1, 1, 0, 1, 1)],
    "im2col": [(3, 16, 7, 2, 3, 1, 1), (64, 32, 3, 1, 1, 1, 1), (1024, 32, 1, 1, 0, 1, 1)],
    "dilated": [(16, 16, 3, 1, 2, 2, 1), (64, 16, 3, 1, 4, 4, 1)],
    "depthwise": [(32, 32, 3, 1, 1, 1, 32), (32, 32, 7, 2, 3, 1, 32)],
    "grouped": [(32, 32, 3, 1, 1, 1, 8), (64, 64, 3, 2, 1, 1, 32)],
    "winograd": [(16, 16, 3, 1, 1, 1, 1), (64, 32, 3, 1, 1, 1, 1), (256, 16, 3, 1, 1, 1, 1)],
}


def worst(algorithm, problem, data, dtype):
    channels, filters, kernel, *geometry = problem
    rng, wide = np.random.default_rng(0), oracle_type(dtype)
    x = rng.standard_normal((1, channels, 28, 30))
    x = DATA[data](x, rng, np.finfo(dtype).smallest_subnormal).astype(dtype)
    w = rng.standard_normal((filters, channels // geometry[-1], kernel, kernel)).astype(dtype)
    bias = (rng.standard_normal(filters) * (data != "subnormal")).astype(dtype)
    arrays = [a.astype(wide) for a in (x, w, bias)]
    exact = vectorized.conv2d(*arrays, *geometry)
    size = vectorized.conv2d(*map(abs, arrays), *geometry)
    n = w[0].size + 1
    limit = gamma(n, unit_roundoff(dtype)) * size + n * tiny(dtype)
    ratios = []
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            rows = fastconv.Conv2d(w, bias, *geometry).explain(x.shape)["algorithms"]
            if isinstance(rows.get(algorithm), str):  # groups wider than this set's vectors
                continue
            plan = fastconv.Conv2d(w, bias, *geometry, algorithm=algorithm,
                                   precision="auto" if algorithm == "winograd" else "exact")
            if algorithm == "winograd":
                tile = int(plan.explain(x.shape)["algorithm"][-1])
                limit = winograd_bound(x, w, bias, tile, *geometry)
            ratios.append((abs(plan(x) - exact) / limit).max())
    return max(ratios, default=0)


def main():
    for dtype in DTYPES:
        print(f"\n| {np.dtype(dtype)} | {' | '.join(DATA)} |\n| --- |{' --- |' * len(DATA)}")
        for algorithm, problems in PROBLEMS.items():
            row = [max(worst(algorithm, problem, data, dtype) for problem in problems)
                   for data in DATA]
            print(f"| {algorithm} | {' | '.join(f'{ratio:.3f}' for ratio in row)} |", flush=True)


if __name__ == "__main__":
    main()
