"""`copy`: the im2col matrix is nothing else, from rows as they are and from transposed ones."""

from functools import partial

import fastconv
from benchmarks.contenders import each_isa, function, references
from benchmarks.problems import ToColumns, dense_3x3, layers
from benchmarks.support import contest, measure

PROBLEMS = [*layers(dense_3x3, ToColumns), *layers(dense_3x3, partial(ToColumns, transposed=True))]


@contest(PROBLEMS, *each_isa(function(fastconv.im2col, "copy")), *references("im2col"))
def bench_copy(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
