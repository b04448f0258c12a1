"""Runs seeded cases between fences; a fault ends this process, so the log names the case first.

Every array lies flush with a page that faults: after its end, then before its start.  Results
must have the bits of the same call without fences, whose values other tests prove.

Usage: python fence_runner.py LOG SEED COUNT, or "in-place" for SEED
"""

import collections
import os
import sys

import numpy as np
from fences import fenced
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from strategies import pools, problems
from support import CONFIG, Problem, same_bits, to_layout

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
    "other layout": lambda a, side: fenced(a.transpose(0, 2, 3, 1), side).transpose(0, 3, 1, 2),
}
DTYPES = np.dtype("f4"), np.dtype("f8")
LAYOUTS = "NCHW", "NHWC"
EDGES = "end", "start"


class Log:
    """The case at hand, always the last line; and how many there were."""

    def __init__(self, name):
        self.file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.shapes, self.calls = set(), collections.Counter()

    def start(self, label, algorithm):
        self.calls[algorithm] += 1
        os.pwrite(self.file, f"{label} {algorithm}".ljust(400).encode(), 0)

    def done(self):
        line = f"done: {len(self.shapes)} shapes, {sum(self.calls.values())} calls, " + ", ".join(
            f"{count} {name}" for name, count in sorted(self.calls.items()))
        os.pwrite(self.file, line.ljust(400).encode(), 0)


def accepted(plan, shape):
    """`auto`, and the rows that accept."""
    rows = plan.explain(shape)["algorithms"]
    return ["auto", *(name for name, cost in rows.items() if not isinstance(cost, str))]


def convolve(log, problem, dtype, layout, view):
    x, w, bias = problem.arrays(dtype)
    x = to_layout(x, layout)
    options = {"layout": layout, "activation": problem.activation}
    plan = fastconv.Conv2d(w, bias, *problem.geometry, **options)
    between = [(VIEWS[view](x, side), fenced(w, side), None if bias is None else fenced(bias, side))
               for side in EDGES]
    outs = None
    for isa in CONFIG["available_isas"]:
        with fastconv.use_isa(isa):
            for algorithm in accepted(plan, x.shape):
                options["algorithm"] = algorithm
                plain = fastconv.conv2d(x, w, bias, *problem.geometry, **options)
                if outs is None:
                    outs = [(fenced(plain, side), VIEWS[view](plain, side)) for side in EDGES]
                for side, arrays, (out, seen) in zip(EDGES, between, outs, strict=True):
                    label = f"{problem} {dtype} {layout} {isa} {side} {view}"
                    for place in (out, seen):
                        place[...] = np.nan
                        log.start(label, algorithm)
                        fastconv.conv2d(*arrays, *problem.geometry, **options, out=place)
                        same_bits(place, plain, label)


def pool(log, x, dtype, layout, window, view):
    x = to_layout(x.astype(dtype), layout)
    for isa in CONFIG["available_isas"]:
        with fastconv.use_isa(isa):
            for indices in (False, True):
                def run(given, out=None, indices=indices):
                    y = fastconv.max_pool2d(given, *window, indices, layout=layout, out=out)
                    return y[0] if indices else y

                plain = run(x)
                for side in EDGES:
                    log.start(f"{x.shape} {window} {dtype} {layout} {isa} {side} {view}", "pool")
                    out = VIEWS[view](np.zeros_like(plain), side)
                    run(VIEWS[view](x, side), out)
                    same_bits(out, plain, "max_pool2d")


def columns(log, problem, dtype, view):
    x = problem.arrays(dtype)[0]
    kernel, geometry = problem.w[2:], (problem.stride, problem.padding, problem.dilation)
    for isa in CONFIG["available_isas"]:
        with fastconv.use_isa(isa):
            plain = fastconv.im2col(x, kernel, *geometry)
            back = fastconv.col2im(plain, x.shape[2:], kernel, *geometry)
            for side in EDGES:
                log.start(f"{problem} {dtype} {isa} {side} {view}", "columns")
                got = fastconv.im2col(VIEWS[view](x, side), kernel, *geometry)
                same_bits(got, plain, "im2col")
                got = fastconv.col2im(fenced(plain, side), x.shape[2:], kernel, *geometry)
                same_bits(got, back, "col2im")


def in_place():
    """Problems whose input is read where it lies, without a padded copy: chance rarely finds them.

    Lengths up to two of the longest vectors, so that every remainder of a vector occurs.
    """
    for length in [*range(1, 36), 63, 65]:
        yield Problem((1, 3, 1, length), (7, 3, 1, 1))
        yield Problem((2, 2, 3, length), (4, 2, 1, 1))
        yield Problem((1, length, 2, 3), (5, length, 1, 1))
        yield Problem((1, 2, 4, length + 2), (3, 2, 3, 3))
        yield Problem((1, 2 * length, 2, 3), (2 * length, 2, 1, 1), groups=length)
        yield Problem((1, 3 * length, 2, 3), (4 * length, 3, 1, 2), groups=length)
    for kernel in (3, 5, 7):
        for length in (1, 2, 7, 15, 16, 17, 33):
            for stride in (1, 2):
                for padding in (0, kernel // 2):
                    yield Problem((1, 3, 7, length + kernel), (3, 1, kernel, kernel), stride,
                                  padding, groups=3)


def every_way(log, problem, view):
    shape = (problem.x, problem.w, str(problem.geometry))
    if shape in log.shapes:  # hypothesis likes to repeat itself
        return
    log.shapes.add(shape)
    for dtype in DTYPES:
        for layout in LAYOUTS:
            convolve(log, problem, dtype, layout, view)
        columns(log, problem, dtype, view)


def main(log_name, start, count):
    log = Log(log_name)
    if start == "in-place":
        for problem in in_place():
            every_way(log, problem, "plain")
        log.done()
        return

    # The same examples each time, others for another seed; nothing to shrink, as a fault is final.
    @seed(int(start))
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(problems(), st.sampled_from(list(VIEWS)), pools())
    def cases(problem, view, pooling):
        every_way(log, problem, view)
        x, window = pooling
        for dtype in DTYPES:
            for layout in LAYOUTS:
                pool(log, x, dtype, layout, window, view)

    cases()
    log.done()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
