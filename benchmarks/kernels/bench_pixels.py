"""`pixels`: output channels in vectors, fed in place from channels-last images."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import dense, layers
from benchmarks.support import contest, measure


@contest(layers(dense), *each_isa(planned("pixels", "im2col", "NHWC")), *references("conv2d"))
def bench_pixels(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
