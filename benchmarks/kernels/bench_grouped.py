"""`grouped`: several small groups in one vector, written in place to channels-last images."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import layers
from benchmarks.support import contest, measure

# On narrow vectors groups of 4 are the largest that every instruction set has room for.
GROUP = 4


def groups_of_four(layer):
    return layer.groups > 1 and layer.c // layer.groups == layer.k // layer.groups == GROUP


@contest(layers(groups_of_four), *each_isa(planned("grouped", "grouped", "NHWC")),
         *references("conv2d"))
def bench_grouped(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
