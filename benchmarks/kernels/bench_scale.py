"""`scale_up`, `scale_down`, `extent`: depthwise layers of subnormal numbers, where they weigh."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import Subnormal, layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise, Subnormal), *each_isa(planned("scaled")),
         *references("conv2d"))
def bench_scale(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
