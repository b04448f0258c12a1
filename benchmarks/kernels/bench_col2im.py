"""`col2im`: rows of the matrix added onto the image."""

import fastconv
from benchmarks.contenders import each_isa, function, references
from benchmarks.problems import FromColumns, dense_3x3, layers
from benchmarks.support import contest, measure


@contest(layers(dense_3x3, FromColumns), *each_isa(function(fastconv.col2im, "col2im")),
         *references("col2im"))
def bench_col2im(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
