"""What takes part in a comparison: a name, a layout, and how to make it ready for a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.layers import Layer, Pool
from benchmarks.problems import on_a_line

FLOAT32 = ("float32",)
BOTH = ("float32", "float64")
TO_NHWC, TO_NCHW = (0, 2, 3, 1), (0, 3, 1, 2)


class CannotError(Exception):
    """This contender cannot do this layer; the message says why."""


@dataclass(frozen=True)
class Run:
    """A call that is timed, and how what it returns becomes NCHW for the check.

    `keep` holds what the call reads through pointers that own nothing.
    """

    call: Callable[[], Any]
    result: Callable[[Any], np.ndarray] = np.asarray
    algorithm: str = ""
    keep: Any = None


@dataclass(frozen=True)
class Contender:
    """An implementation in one layout, with the weights prepared ahead or given with each call.

    `conv(layer, x, w, threads)` and `pool(layer, x, threads)` get NCHW arrays and return a Run,
    or raise CannotError. `exact` results are held to the bound of a plain sum.
    """

    name: str
    layout: str
    conv: Callable[[Layer, np.ndarray, np.ndarray, int], Run] | None = None
    pool: Callable[[Pool, np.ndarray, int], Run] | None = None
    prepared: bool = True
    dtypes: tuple[str, ...] = FLOAT32
    ours: bool = False
    exact: bool = False
    isa: str | None = None


def channels_last(a: np.ndarray) -> np.ndarray:
    return on_a_line(a.transpose(TO_NHWC))


def from_channels_last(a: Any) -> np.ndarray:
    return np.asarray(a).transpose(TO_NCHW)
