"""`gemm`: the products of Winograd's transformed elements, most of its time on dense layers."""

from benchmarks.contenders import each_isa, planned, references
from benchmarks.problems import dense_3x3, layers
from benchmarks.support import contest, measure


@contest(layers(dense_3x3), *each_isa(planned("gemm", "winograd", "NHWC")), *references("conv2d"))
def bench_gemm(benchmark, problem, contender, dtype):
    measure(benchmark, problem, contender, dtype)
