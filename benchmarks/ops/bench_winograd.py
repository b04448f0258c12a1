"""Winograd's minimal filtering, in both layouts; GFLOP/s count the products of the plain form."""

from benchmarks.contenders import planned, references
from benchmarks.problems import layers, winograd
from benchmarks.support import contest, measure


@contest(layers(winograd), planned("winograd", "winograd"),
         planned("winograd NHWC", "winograd", "NHWC"), *references("conv2d"))
def bench_winograd(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
