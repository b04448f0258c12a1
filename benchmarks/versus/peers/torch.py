"""PyTorch eager, which has oneDNN below, and oneDNN with its weights reordered ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.layers import Layer, Pool
from benchmarks.versus.contender import BOTH, Contender, Run

VERSION = torch.__version__


def _tensor(a: np.ndarray, last: bool) -> torch.Tensor:
    order = torch.channels_last if last else torch.contiguous_format
    return torch.from_numpy(a).contiguous(memory_format=order)


def _result(y: torch.Tensor) -> np.ndarray:
    return y.numpy()


def _functional(last: bool) -> Any:
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        torch.set_num_threads(threads)
        image, weights = _tensor(x, last), _tensor(w, last)
        arguments = (None, layer.stride, layer.padding, layer.dilation, layer.groups)
        return Run(lambda: torch.conv2d(image, weights, *arguments), _result)

    return conv


def _onednn(last: bool) -> Any:
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        torch.set_num_threads(threads)
        image = _tensor(x, last)
        window = ([layer.padding] * 2, [layer.stride] * 2, [layer.dilation] * 2, layer.groups)
        weights = torch._C._nn.mkldnn_reorder_conv2d_weight(
            torch.from_numpy(w).to_mkldnn(), *window, list(x.shape))
        run = torch.ops.mkldnn._convolution_pointwise

        def call() -> torch.Tensor:
            return run(image, weights, None, *window, "none", [], "")

        return Run(call, _result)

    return conv


def _pool(last: bool) -> Any:
    def pool(layer: Pool, x: np.ndarray, threads: int) -> Run:
        torch.set_num_threads(threads)
        image = _tensor(x, last)
        arguments = (layer.kernel, layer.stride, layer.padding)
        return Run(lambda: functional.max_pool2d(image, *arguments), _result)

    return pool


torch.set_grad_enabled(False)

CONTENDERS = (
    Contender("torch", "NCHW", _functional(False), _pool(False), prepared=False, dtypes=BOTH),
    Contender("torch cl", "NHWC", _functional(True), _pool(True), prepared=False, dtypes=BOTH),
    Contender("oneDNN", "NCHW", _onednn(False)),
    Contender("oneDNN cl", "NHWC", _onednn(True)),
)
