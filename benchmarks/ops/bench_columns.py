"""The im2col matrix and its adjoint, of dense layers."""

import fastconv
from benchmarks.contenders import function, references
from benchmarks.problems import FromColumns, ToColumns, dense, layers
from benchmarks.support import contest, measure


def windows(layer):
    return dense(layer) and layer.kernel != (1, 1)


@contest(layers(windows, ToColumns), function(fastconv.im2col), *references("im2col"))
def bench_im2col(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)


@contest(layers(windows, FromColumns), function(fastconv.col2im), *references("col2im"))
def bench_col2im(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
