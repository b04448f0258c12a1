"""OpenVINO: a compiled model of one node, reading and writing arrays that are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from openvino import opset13 as ops

from benchmarks.layers import Layer, Pool
from benchmarks.versus.contender import Contender, Run

VERSION = openvino.__version__.split("-")[0]
CORE = openvino.Core()


def _run(node: Any, parameters: list[Any], inputs: list[np.ndarray], shape: tuple[int, ...],
         threads: int) -> Run:
    model = openvino.Model([node], parameters, "one")
    compiled = CORE.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
    request = compiled.create_infer_request()
    y = np.empty(shape, np.float32)
    for i, a in enumerate(inputs):
        request.set_input_tensor(i, openvino.Tensor(a, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(y, shared_memory=True))

    def call() -> None:
        request.start_async()
        request.wait()

    return Run(call, lambda _: y, keep=inputs)


def _conv(prepared: bool) -> Any:
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        parameters = [ops.parameter(x.shape, np.float32)]
        if layer.groups > 1:
            w = w.reshape(layer.groups, layer.k // layer.groups, *w.shape[1:])
        if prepared:
            weights = ops.constant(w)
        else:
            weights = ops.parameter(w.shape, np.float32)
            parameters.append(weights)
        make = ops.group_convolution if layer.groups > 1 else ops.convolution
        node = make(parameters[0], weights, [layer.stride] * 2, [layer.padding] * 2,
                    [layer.padding] * 2, [layer.dilation] * 2)
        return _run(node, parameters, [x] if prepared else [x, w],
                    (layer.n, layer.k, *layer.out_size), threads)

    return conv


def _pool(layer: Pool, x: np.ndarray, threads: int) -> Run:
    image = ops.parameter(x.shape, np.float32)
    node = ops.max_pool(image, [layer.stride] * 2, [1, 1], [layer.padding] * 2,
                        [layer.padding] * 2, [layer.kernel] * 2)
    return _run(node.output(0), [image], [x], (layer.n, layer.c, *layer.out_size), threads)


CONTENDERS = (
    Contender("OpenVINO", "NCHW", _conv(True), _pool),
    Contender("OpenVINO w", "NCHW", _conv(False), prepared=False),
)
