"""`planes`: output pixels in vectors; a pointwise layer is read in place or as kept tiles."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure


def pointwise(layer):
    return layer.kernel == (1, 1) and layer.stride == 1


@contest(layers(pointwise), *each_isa(planned("planes", "direct")), *references("conv2d"))
def bench_planes(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
