"""`winograd`: the transforms of tiles and filters; the products between are `pixels`."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers, winograd
from benchmarks.support import contest, measure


@contest(layers(winograd), *each_isa(planned("winograd", "winograd")), *references("conv2d"))
def bench_winograd(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
