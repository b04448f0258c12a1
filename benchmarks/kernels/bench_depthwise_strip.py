"""`depthwise_strip`: planes in padded strips, where they are not read in place."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise and layer.kernel != (3, 3)),
         *each_isa(planned("depthwise", "depthwise")), *references("conv2d"))
def bench_depthwise_strip(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
