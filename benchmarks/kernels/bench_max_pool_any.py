"""`max_pool_any`: the same images with windows that have no form of their own."""

from dataclasses import replace

from benchmarks.contenders import each_isa, pooled, references
from benchmarks.problems import Pooling, pools
from benchmarks.support import contest, measure


def windows(kernel, stride):
    return [Pooling(replace(p.layer, name=f"{p.name}, {kernel}x{kernel}s{stride}", kernel=kernel,
                            stride=stride, padding=kernel // 2)) for p in pools()[:3]]


@contest([*windows(7, 1), *windows(4, 2), *windows(3, 3)],
         *each_isa(pooled("max_pool_any", "NCHW")), *references("max_pool2d"))
def bench_max_pool_any(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
