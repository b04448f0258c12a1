"""What users call: a plan, which packs its weights once, and conv2d, which packs at each call."""

from benchmarks.contenders import SCIPY_PLANE, SCIPY_PLANES, planned, references, scipy_can
from benchmarks.problems import layers
from benchmarks.support import contest, measure


@contest(layers(), planned("Conv2d"), planned("conv2d", packed=False), *references("conv2d"))
def bench_conv(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)


@contest(layers(lambda layer: layer.c == 1 and scipy_can(layer)), SCIPY_PLANE, SCIPY_PLANES)
def bench_scipy(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
