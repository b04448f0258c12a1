"""Max pooling in both layouts, with and without the places of the maxima."""

from benchmarks.contenders import SCIPY_POOL, pooled, references
from benchmarks.problems import pools
from benchmarks.support import contest, measure


@contest(pools(), pooled("max_pool2d", "NCHW"), pooled("with indices", "NCHW", True),
         pooled("NHWC", "NHWC"), pooled("NHWC with indices", "NHWC", True),
         SCIPY_POOL, *references("max_pool2d"))
def bench_max_pool(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
