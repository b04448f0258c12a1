"""Direct convolution: few taps and channels, one channel, pointwise layers."""

from benchmarks.contenders import planned, references
from benchmarks.problems import few_taps, layers
from benchmarks.support import contest, measure


@contest(layers(few_taps), planned("direct", "direct"), *references("conv2d"))
def bench_direct(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
