"""`depthwise_slides`: 3 x 3, a few columns of one vector of channels slide down the image."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.depthwise and layer.kernel == (3, 3)),
         *each_isa(planned("depthwise", "depthwise", "NHWC")), *references("conv2d"))
def bench_depthwise_slides(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
