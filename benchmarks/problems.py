"""Problems with known answers: inputs, the amount of work, and a check of the result.

Random inputs are made when they are asked for, always the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from benchmarks.layers import LAYERS, POOLS, Layer, Pool
from fastconv.reference import vectorized

# What the naive reference does in about a second: operations, elements moved or looked at.
NAIVE_FLOPS, NAIVE_ELEMENTS = 8_000_000, 3_000_000
CACHE_LINE = 64  # bytes


@dataclass(frozen=True)
class Problem:
    """What all problems have; `function` is the name of the operator in fastconv.reference."""

    layer: Any
    dtype: str = "float32"

    unit = "GFLOP/s"  # of the rate: `work` per nanosecond
    function = "conv2d"

    @property
    def name(self) -> str:
        return str(self.layer.name)

    @property
    def shape(self) -> str:
        return by(self.layer.x_shape)

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        return (random(self.layer.x_shape, self.dtype, 1),)

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.layer.arguments)


@dataclass(frozen=True)
class Convolution(Problem):
    """Images with random pixels, filters with random weights."""

    layer: Layer

    @property
    def shape(self) -> str:
        return f"{by(self.layer.x_shape)} * {by(self.layer.w_shape)}"

    @property
    def work(self) -> int:
        return self.layer.flops

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        return *super().inputs, random(self.layer.w_shape, self.dtype, 2)

    def small(self) -> Convolution:
        return replace(self, layer=self.layer.shrunk(NAIVE_FLOPS))

    def check(self, y: np.ndarray, algorithm: str = "") -> None:
        """Assert that |y - exact| <= gamma_n * sum |x| |w|, exact being known to float64.

        Winograd, which "auto" may be, has a bound of its own for each tile: the tests have it
        (docs/numbers.md); here its error is held against the largest sum instead.
        """
        exact, magnitude = exact_convolution(self.layer, self.dtype)
        n = prod(self.layer.w_shape[1:]) + 1
        relative = gamma(n, self.dtype)
        if algorithm == "auto" or algorithm.startswith("winograd"):
            phases = prod(min(self.layer.stride, n) for n in self.layer.kernel)
            relative, magnitude = gamma(self.layer.c * phases + 19, self.dtype), magnitude.max()
        assert y.shape == exact.shape
        assert np.all(np.abs(y - exact) <= (relative + gamma(n, "float64")) * magnitude)


class Packing(Convolution):
    """A single output pixel: nearly all of the time goes into arranging the filters."""

    unit = "GB/s"

    @property
    def name(self) -> str:
        return f"pack {self.layer.name}"

    @property
    def work(self) -> int:
        return prod(self.layer.w_shape) * np.dtype(self.dtype).itemsize


class Subnormal(Convolution):
    """Nearly all pixels below the least normal number, and with them the results."""

    @property
    def name(self) -> str:
        return f"subnormal {self.layer.name}"

    @property
    def scale(self) -> float:
        """A power of two."""
        return float(np.finfo(self.dtype).smallest_normal) / 64

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        x, w = super().inputs
        return (x * self.scale).astype(self.dtype), w

    def check(self, y: np.ndarray, algorithm: str = "") -> None:
        """As above, and a unit of the result and of each input, which are rounded to whole ones."""
        exact, magnitude = exact_convolution(self.layer, self.dtype)
        taps = prod(self.layer.w_shape[1:])
        unit = float(np.finfo(self.dtype).smallest_subnormal) / self.scale
        relative = gamma(taps + 1, self.dtype)
        error = np.abs(y.astype("float64") / self.scale - exact)
        assert np.all(error <= relative * magnitude + (1 + 5 * taps) * unit)


@lru_cache(maxsize=2)
def exact_convolution(layer: Layer, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    x, w = (array.astype("float64") for array in Convolution(layer, dtype).inputs)
    return (vectorized.conv2d(x, w, **layer.arguments),
            vectorized.conv2d(abs(x), abs(w), **layer.arguments))


@dataclass(frozen=True)
class Pooling(Problem):
    """Max pooling of random pixels: exact."""

    layer: Pool
    unit = "Gmax/s"
    function = "max_pool2d"

    @property
    def shape(self) -> str:
        return f"{by(self.layer.x_shape)}, {by([self.layer.kernel] * 2)}"

    @property
    def work(self) -> int:
        return self.layer.comparisons

    def small(self) -> Pooling:
        return replace(self, layer=self.layer.shrunk(NAIVE_ELEMENTS))

    def check(self, y: np.ndarray, algorithm: str = "") -> None:
        np.testing.assert_array_equal(y, vectorized.max_pool2d(*self.inputs, **self.arguments))


@dataclass(frozen=True)
class ToColumns(Problem):
    """The im2col matrix: exact.  `transposed` images have their columns contiguous."""

    layer: Layer
    transposed: bool = False
    unit = "GB/s"
    function = "im2col"

    @property
    def name(self) -> str:
        return f"im2col {self.layer.name}" + (" transposed" if self.transposed else "")

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        (x,) = super().inputs
        return (x.swapaxes(2, 3).copy().swapaxes(2, 3) if self.transposed else x,)

    @property
    def arguments(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation")
        return {"kernel_size": self.layer.kernel, **{n: getattr(self.layer, n) for n in names}}

    @property
    def columns_shape(self) -> tuple[int, int, int]:
        layer = self.layer
        return layer.n, layer.c * prod(layer.kernel), prod(layer.out_size)

    @property
    def work(self) -> int:
        """Bytes read and written, each element once."""
        elements = prod(self.layer.x_shape) + prod(self.columns_shape)
        return elements * np.dtype(self.dtype).itemsize

    def small(self) -> Problem:
        flops = 2 * self.layer.k * NAIVE_ELEMENTS  # every element meets each filter
        return replace(self, layer=self.layer.shrunk(flops))

    def check(self, y: np.ndarray, algorithm: str = "") -> None:
        np.testing.assert_array_equal(y, vectorized.im2col(*self.inputs, **self.arguments))


class FromColumns(ToColumns):
    """The adjoint: columns added back; at most R * S of them meet in a pixel."""

    function = "col2im"

    @property
    def name(self) -> str:
        return f"col2im {self.layer.name}"

    @property
    def shape(self) -> str:
        return by(self.columns_shape)

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        return (random(self.columns_shape, self.dtype, 3),)

    @property
    def arguments(self) -> dict[str, Any]:
        return {"output_size": (self.layer.h, self.layer.w), **super().arguments}

    def check(self, y: np.ndarray, algorithm: str = "") -> None:
        columns = self.inputs[0].astype("float64")
        exact = vectorized.col2im(columns, **self.arguments)
        magnitude = vectorized.col2im(abs(columns), **self.arguments)
        assert y.shape == exact.shape
        assert np.all(np.abs(y - exact) <= gamma(prod(self.layer.kernel), self.dtype) * magnitude)


# ---------------------------------------------------------------- choosing

def layers(choose: Callable[[Layer], bool] = lambda layer: True,
           kind: Callable[[Layer], Any] = Convolution) -> list[Any]:
    """The layers that `choose` accepts, as problems of a kind."""
    return [kind(layer) for layer in LAYERS if choose(layer)]


def pools() -> list[Pooling]:
    """All pooling layers."""
    return [Pooling(pool) for pool in POOLS]


def dense(layer: Layer) -> bool:
    return layer.groups == layer.dilation == 1 and layer.k > 1


def dense_3x3(layer: Layer) -> bool:
    return dense(layer) and layer.kernel == (3, 3)


def winograd(layer: Layer) -> bool:
    taps = -(-max(layer.kernel) // layer.stride)
    return 1 < taps < 6 and layer.k > 1 and not layer.depthwise


def grouped(layer: Layer) -> bool:
    return 1 < layer.groups < layer.c


def few_taps(layer: Layer) -> bool:
    return layer.groups == layer.dilation == 1 and layer.c * prod(layer.kernel) <= 256


# ---------------------------------------------------------------- small change

def gamma(n: int, dtype: str) -> float:
    """Higham's gamma_n: the relative error of a sum of n products is at most this."""
    u = float(np.finfo(dtype).eps) / 2
    return n * u / (1 - n * u)


def random(shape: Sequence[int], dtype: str, seed: int) -> np.ndarray:
    return on_a_line(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


def on_a_line(a: np.ndarray) -> np.ndarray:
    """A copy in C order that begins on a cache line, as the result of a layer does in every
    library measured here. NumPy's large arrays begin 16 bytes beyond one, which the peers that
    keep a copy of their input would not notice."""
    room = np.empty(a.nbytes + CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE
    copy = room[begin:begin + a.nbytes].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def by(sizes: Sequence[int]) -> str:
    return "x".join(str(size) for size in sizes)
