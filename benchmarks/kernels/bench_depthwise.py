"""`depthwise`: rows by vectors, the filter in registers."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise), *each_isa(planned("depthwise", "depthwise")),
         *references("conv2d"))
def bench_depthwise(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
