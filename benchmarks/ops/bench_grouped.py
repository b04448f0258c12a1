"""Grouped convolution: small groups share a vector, large ones go one after another."""

import fastconv
from benchmarks.contenders import function, references
from benchmarks.problems import grouped, layers
from benchmarks.support import contest, measure


@contest(layers(grouped), function(fastconv.conv2d_grouped), *references("conv2d"))
def bench_grouped(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
