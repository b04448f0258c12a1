"""`pack`: a convolution of one output pixel spends nearly all of its time on the weights."""

from dataclasses import replace

import fastconv
from benchmarks.contenders import each_isa, function, references
from benchmarks.problems import Packing, dense_3x3, layers
from benchmarks.support import contest, measure


def one_pixel(layer):
    return Packing(replace(layer, n=1, h=layer.r, w=layer.s, stride=1, padding=0))


@contest(layers(dense_3x3, one_pixel), *each_isa(function(fastconv.conv2d_im2col, "pack")),
         *references("conv2d"))
def bench_pack(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
