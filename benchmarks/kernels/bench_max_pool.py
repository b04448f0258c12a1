"""`max_pool`: rows of the window first, then its columns."""

import fastconv
from benchmarks.contenders import each_isa, function, references
from benchmarks.problems import pools
from benchmarks.support import contest, measure


@contest(pools(), *each_isa(function(fastconv.max_pool2d, "max_pool")), *references("max_pool2d"))
def bench_max_pool(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
