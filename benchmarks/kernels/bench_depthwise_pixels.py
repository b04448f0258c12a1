"""`depthwise_pixels`: rows by columns of one vector of channels, channels innermost."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise),
         *each_isa(planned("depthwise", "depthwise", "NHWC")), *references("conv2d"))
def bench_depthwise_pixels(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
