"""`max_pool`: square windows over planes, columns in vectors."""

from benchmarks.contenders import each_isa, pooled, references
from benchmarks.problems import pools
from benchmarks.support import contest, measure


@contest(pools(), *each_isa(pooled("max_pool", "NCHW")), *references("max_pool2d"))
def bench_max_pool(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
