"""How much longer a convolution of subnormal numbers takes than one of normal ones.

Usage: python -m benchmarks.subnormals [WORD...]; WORDs choose layers by their names. One row an
algorithm, then what most layers of the suite have and the worst of them, on one thread with
prepared weights: runs of both interleaved, the ratio of their least times, of which the median of
several rounds, each with arrays of its own, and in brackets the least and the most.
"""

import statistics
import sys
import time
from itertools import product

import numpy as np

import fastconv
from benchmarks.layers import LAYERS, Layer

DTYPES, LAYOUTS = ("float32", "float64"), ("NCHW", "NHWC")
PAIRS, SECONDS = (10, 200), 0.15  # of runs: at least and at most, and about so long
ROUNDS, SHOWN = 5, "{:.2f} ({:.2f} to {:.2f})"
WORST = 10
ALGORITHMS = {
    "direct": Layer("", 1, 16, 56, 56, 16, 3, 3),
    "im2col": Layer("", 1, 64, 28, 28, 64, 3, 3),
    "winograd": Layer("", 1, 64, 28, 28, 64, 3, 3),
    "dilated": Layer("", 1, 32, 28, 28, 32, 3, 3, dilation=2),
    "depthwise": Layer("", 1, 64, 56, 56, 64, 3, 3, groups=64),
    "grouped": Layer("", 1, 64, 28, 28, 64, 3, 3, groups=16),
}


def seconds(plan, x, out):
    begin = time.perf_counter()
    plan(x, out=out)
    return time.perf_counter() - begin


def slowdown(*case, **options):
    """The median of the rounds, the least and the most."""
    rounds = sorted(one_round(*case, **options) for _ in range(ROUNDS))
    return statistics.median(rounds), rounds[0], rounds[-1]


def one_round(layer, dtype, layout="NCHW", algorithm="auto"):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(layer.x_shape).astype(dtype)
    if layout == "NHWC":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    w = rng.standard_normal(layer.w_shape).astype(dtype)
    tiny = (x * np.finfo(dtype).smallest_normal / 64).astype(dtype)
    plan = fastconv.Conv2d(w, algorithm=algorithm, layout=layout, threads=1, **layer.arguments)
    out = plan(tiny)
    pairs = int(np.clip(SECONDS / seconds(plan, tiny, out), *PAIRS))
    normal, subnormal = zip(*((seconds(plan, x, out), seconds(plan, tiny, out))
                              for _ in range(pairs)), strict=True)
    return min(subnormal) / min(normal)


def by_algorithm():
    print("| algorithm | float32 | float64 |\n| --- | ---: | ---: |")
    for name, layer in ALGORITHMS.items():
        row = [SHOWN.format(*slowdown(layer, dtype, algorithm=name)) for dtype in DTYPES]
        print(f"| {name} | {' | '.join(row)} |")


def by_layer(layers):
    found = sorted(((slowdown(layer, dtype, layout), layer.name, layout, dtype)
                    for layer, layout, dtype in product(layers, LAYOUTS, DTYPES)), reverse=True)
    median = statistics.median(ratios[0] for ratios, *_ in found)
    print(f"\n{len(found)} of the suite, median {median:.2f}; the worst:\n")
    print("| layer | layout | dtype | |\n| --- | --- | --- | ---: |")
    for ratios, *names in found[:WORST]:
        print(f"| {' | '.join(names)} | {SHOWN.format(*ratios)} |")


def main(*words):
    if not words:
        by_algorithm()
    layers = [one for one in LAYERS if not words or any(word in one.name for word in words)]
    if not layers:
        sys.exit(f"no layer of the suite is called {' or '.join(words)}")
    by_layer(layers)


if __name__ == "__main__":
    main(*sys.argv[1:])
