"""im2col by strips: dense layers, in both layouts."""

from benchmarks.contenders import planned, references
from benchmarks.problems import dense, layers
from benchmarks.support import contest, measure


@contest(layers(dense), planned("im2col", "im2col"), planned("im2col NHWC", "im2col", "NHWC"),
         *references("conv2d"))
def bench_im2col(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
