"""Depthwise convolution."""

from benchmarks.contenders import SCIPY_PLANES, planned, references, scipy_can
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise), planned("depthwise", "depthwise"),
         *references("conv2d"))
def bench_depthwise(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)


@contest(layers(lambda layer: layer.depthwise and scipy_can(layer)), SCIPY_PLANES)
def bench_scipy(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
