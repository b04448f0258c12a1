"""Dilated convolution by its phases, beside im2col, which keeps the holes."""

from benchmarks.contenders import planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(lambda layer: layer.dilation > 1), planned("dilated", "dilated"),
         planned("im2col", "im2col"), *references("conv2d"))
def bench_dilated(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
