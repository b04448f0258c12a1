"""JAX on the processor: one compiled function; its threads are those the process may run on."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from benchmarks.layers import Layer
from benchmarks.versus.contender import (
    Contender,
    Run,
    channels_last,
    from_channels_last,
)

VERSION = jax.__version__


def _conv(prepared: bool, layout: str) -> Any:
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        image = jax.device_put(channels_last(x) if layout == "NHWC" else x)
        weights = jax.device_put(w.transpose(2, 3, 1, 0) if layout == "NHWC" else w)

        def run(image: Any, weights: Any) -> Any:
            return jax.lax.conv_general_dilated(
                image, weights, [layer.stride] * 2, [[layer.padding] * 2] * 2,
                rhs_dilation=[layer.dilation] * 2, feature_group_count=layer.groups,
                dimension_numbers=(layout, "HWIO" if layout == "NHWC" else "OIHW", layout),
                precision=jax.lax.Precision.HIGHEST)

        back = from_channels_last if layout == "NHWC" else np.asarray
        if prepared:
            constant = jax.jit(lambda image: run(image, weights))
            return Run(lambda: constant(image).block_until_ready(), back)
        given = jax.jit(run)
        return Run(lambda: given(image, weights).block_until_ready(), back)

    return conv


CONTENDERS = (
    Contender("JAX", "NCHW", _conv(True, "NCHW")),
    Contender("JAX cl", "NHWC", _conv(True, "NHWC")),
    Contender("JAX w", "NCHW", _conv(False, "NCHW"), prepared=False),
)
