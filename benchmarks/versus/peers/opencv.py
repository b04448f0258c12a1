"""OpenCV's filter2D: one channel in, one out, size kept."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.layers import Layer
from benchmarks.versus.contender import CannotError, Contender, Run

VERSION = cv2.__version__


def _conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
    if not (layer.n == layer.c == layer.k == layer.stride == layer.dilation == 1
            and layer.out_size == (layer.h, layer.w)):
        raise CannotError("one channel, size kept, only")
    cv2.setNumThreads(threads)
    image, kernel, y = x[0, 0], w[0, 0], np.empty_like(x[0, 0])

    def call() -> None:
        cv2.filter2D(image, -1, kernel, y, borderType=cv2.BORDER_CONSTANT)

    return Run(call, lambda _: y[None, None])


CONTENDERS = (Contender("OpenCV", "NCHW", _conv, prepared=False),)
