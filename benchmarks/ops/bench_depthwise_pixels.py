"""Depthwise convolution with channels innermost."""

from benchmarks.contenders import planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise), planned("depthwise", "depthwise", "NHWC"),
         *references("conv2d"))
def bench_depthwise_pixels(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
