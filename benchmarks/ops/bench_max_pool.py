"""Max pooling, with and without the places of the maxima."""

import fastconv
from benchmarks.contenders import SCIPY_POOL, function, references
from benchmarks.problems import pools
from benchmarks.support import contest, measure


def with_indices(*args, **kwargs):
    return fastconv.max_pool2d(*args, return_indices=True, **kwargs)[0]


@contest(pools(), function(fastconv.max_pool2d), function(with_indices, "with indices"),
         SCIPY_POOL, *references("max_pool2d"))
def bench_max_pool(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
