"""fastconv as a contender: plans and conv2d, both layouts, with and without Winograd."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import fastconv
from benchmarks.layers import Layer, Pool
from benchmarks.versus.contender import (
    BOTH,
    CannotError,
    Contender,
    Run,
    channels_last,
    from_channels_last,
)


def _arranged(a: np.ndarray, layout: str) -> np.ndarray:
    return channels_last(a) if layout == "NHWC" else a


def _nchw(layout: str) -> Any:
    return from_channels_last if layout == "NHWC" else np.asarray


def _plan(layout: str, **options: Any) -> Any:
    """A plan, its weights packed ahead, writing again into its first result."""
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        image = _arranged(x, layout)
        plan = fastconv.Conv2d(w, **layer.arguments, layout=layout, **options)
        try:
            facts = plan.explain(image.shape)
        except ValueError as error:
            raise CannotError(str(error)) from None
        return Run(partial(plan, image, out=plan(image)), _nchw(layout), facts["algorithm"])

    return conv


def _each_call(layout: str) -> Any:
    """conv2d: packs the weights and allocates the result at each call."""
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        image = _arranged(x, layout)
        call = partial(fastconv.conv2d, image, w, **layer.arguments, layout=layout)
        return Run(call, _nchw(layout))

    return conv


def _pool(layout: str) -> Any:
    def pool(layer: Pool, x: np.ndarray, threads: int) -> Run:
        image = _arranged(x, layout)
        y = fastconv.max_pool2d(image, **layer.arguments, layout=layout)
        call = partial(fastconv.max_pool2d, image, **layer.arguments, layout=layout, out=y)
        return Run(call, _nchw(layout))

    return pool


def _named(name: str, layout: str, conv: Any, pool: Any = None, **facts: Any) -> Contender:
    return Contender(f"{name} {layout}", layout, conv, pool, dtypes=BOTH, ours=True, **facts)


PLANS = tuple(_named("Conv2d", layout, _plan(layout), _pool(layout)) for layout in ("NCHW", "NHWC"))
EXACT = tuple(_named("exact", layout, _plan(layout, precision="exact"), exact=True)
              for layout in ("NCHW", "NHWC"))
EACH_CALL = tuple(_named("conv2d", layout, _each_call(layout), prepared=False)
                  for layout in ("NCHW", "NHWC"))


def contenders(isas: tuple[str, ...]) -> list[Contender]:
    """Ours on the active instruction set, and plans on the others of `isas` under their names."""
    active = fastconv.active_isa()
    mine = [replace(c, isa=active) for c in (*PLANS, *EXACT, *EACH_CALL)]
    return mine + [replace(c, name=f"{c.name} {isa}", isa=isa)
                   for isa in isas if isa != active for c in (*PLANS, *EXACT)]
