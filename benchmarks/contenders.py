"""Contenders: fastconv, its references and scipy, each made ready for a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

import fastconv
from benchmarks.layers import Layer
from benchmarks.problems import Convolution, Pooling, on_a_line
from fastconv import reference


@dataclass(frozen=True)
class Run:
    """What is timed, and what is known about it."""

    call: Callable[[], Any]
    algorithm: str
    result: Callable[[Any], np.ndarray] = lambda y: y  # what the problem checks


@dataclass(frozen=True)
class Contender:
    """An implementation; `isa` is for ours only, `slow` ones get a small problem and one round."""

    name: str
    prepare: Callable[[Any], Run]
    isa: str | None = None
    slow: bool = False


def planned(name: str, algorithm: str = "auto", layout: str = "NCHW",
            packed: bool = True) -> Contender:
    """A plan of ours, weights packed ahead, or conv2d, which packs them at each call."""
    to_layout, from_layout = ((0, 2, 3, 1), (0, 3, 1, 2)) if layout == "NHWC" else (range(4),) * 2

    def prepare(problem: Convolution) -> Run:
        x, w = problem.inputs
        x = on_a_line(x.transpose(to_layout))
        options = {**problem.arguments, "layout": layout, "algorithm": algorithm}
        plan = fastconv.Conv2d(w, **options)
        # conv2d, which packs, may take another algorithm than the plan, and does not tell.
        chosen = plan.explain(x.shape)["algorithm"] if packed else algorithm

        def call() -> np.ndarray:
            return plan(x) if packed else fastconv.conv2d(x, w, **options)

        return Run(call, chosen, lambda y: y.transpose(from_layout))

    return Contender(name, prepare, fastconv.active_isa())


def pooled(name: str, layout: str, return_indices: bool = False) -> Contender:
    """Max pooling of ours in either layout."""
    to_layout, from_layout = ((0, 2, 3, 1), (0, 3, 1, 2)) if layout == "NHWC" else (range(4),) * 2

    def prepare(problem: Pooling) -> Run:
        (x,) = problem.inputs
        x = on_a_line(x.transpose(to_layout))
        options = {**problem.arguments, "layout": layout, "return_indices": return_indices}

        def result(y: Any) -> np.ndarray:
            return (y[0] if return_indices else y).transpose(from_layout)

        return Run(lambda: fastconv.max_pool2d(x, **options), layout, result)

    return Contender(name, prepare, fastconv.active_isa())


def function(of: Callable[..., Any], name: str | None = None) -> Contender:
    """A function of ours, called as a user calls it."""
    return replace(_called(of, name or of.__name__), isa=fastconv.active_isa())


def each_isa(contender: Contender) -> list[Contender]:
    """The same contender on every instruction set of this machine."""
    return [replace(contender, name=f"{contender.name} {isa}", isa=isa)
            for isa in fastconv.available_isas()]


def references(operator: str) -> list[Contender]:
    """The naive and the NumPy form of an operator."""
    return [replace(_called(getattr(reference, operator), "naive"), slow=True),
            _called(getattr(reference.vectorized, operator), "numpy")]


def _called(of: Callable[..., Any], name: str) -> Contender:
    def prepare(problem: Any) -> Run:
        inputs, arguments = problem.inputs, problem.arguments
        return Run(lambda: of(*inputs, **arguments), name)

    return Contender(name, prepare)


# ---------------------------------------------------------------- scipy

def scipy_can(layer: Layer) -> bool:
    """Every output plane comes from one input plane, at stride 1, and has its size."""
    return (layer.c == layer.k == layer.groups and layer.stride == layer.dilation == 1
            and layer.out_size == (layer.h, layer.w))


def _ndimage_planes(problem: Convolution) -> Run:
    x, w = problem.inputs
    y = np.empty_like(x)

    def call() -> np.ndarray:
        for image, result in zip(x, y, strict=True):
            for c, plane in enumerate(image):
                scipy.ndimage.correlate(plane, w[c, 0], output=result[c], mode="constant")
        return y

    return Run(call, "ndimage.correlate")


def _signal_plane(problem: Convolution) -> Run:
    x, w = problem.inputs

    def call() -> np.ndarray:
        return scipy.signal.correlate2d(x[0, 0], w[0, 0], mode="same")[None, None]

    return Run(call, "signal.correlate2d")


def _ndimage_pool(problem: Pooling) -> Run:
    (x,), layer = problem.inputs, problem.layer
    size = (1, 1, layer.kernel, layer.kernel)
    centres = slice(layer.kernel // 2 - layer.padding, None, layer.stride)
    height, width = layer.out_size

    def call() -> np.ndarray:
        y = scipy.ndimage.maximum_filter(x, size, mode="constant", cval=-np.inf)
        return y[:, :, centres, centres][:, :, :height, :width]

    return Run(call, "ndimage.maximum_filter")


SCIPY_PLANES = Contender("scipy.ndimage", _ndimage_planes)
SCIPY_PLANE = Contender("scipy.signal", _signal_plane)
SCIPY_POOL = Contender("scipy.ndimage", _ndimage_pool)
