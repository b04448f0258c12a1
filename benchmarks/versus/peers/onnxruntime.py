"""ONNX Runtime: a model of one node, results written into an array that is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.layers import Layer, Pool
from benchmarks.versus.contender import Contender, Run

VERSION = onnxruntime.__version__
OPSET, IR_VERSION = 17, 8


def _run(node: Any, inputs: dict[str, np.ndarray], constants: dict[str, np.ndarray],
         shape: tuple[int, ...], threads: int) -> Run:
    def described(name: str, sizes: Any) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(sizes))

    graph = helper.make_graph(
        [node], "one", [described(name, a.shape) for name, a in inputs.items()],
        [described("y", shape)],
        [numpy_helper.from_array(a, name) for name, a in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                              ir_version=IR_VERSION)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    y = np.empty(shape, np.float32)
    binding = session.io_binding()
    for name, a in inputs.items():
        binding.bind_cpu_input(name, a)
    binding.bind_output("y", "cpu", 0, np.float32, list(shape), y.ctypes.data)
    return Run(lambda: session.run_with_iobinding(binding), lambda _: y, keep=inputs)


def _conv(prepared: bool) -> Any:
    def conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
        node = helper.make_node(
            "Conv", ["x", "w"], ["y"], kernel_shape=layer.kernel, strides=[layer.stride] * 2,
            pads=[layer.padding] * 4, dilations=[layer.dilation] * 2, group=layer.groups)
        inputs, constants = ({"x": x}, {"w": w}) if prepared else ({"x": x, "w": w}, {})
        return _run(node, inputs, constants, (layer.n, layer.k, *layer.out_size), threads)

    return conv


def _pool(layer: Pool, x: np.ndarray, threads: int) -> Run:
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[layer.kernel] * 2,
                            strides=[layer.stride] * 2, pads=[layer.padding] * 4)
    return _run(node, {"x": x}, {}, (layer.n, layer.c, *layer.out_size), threads)


CONTENDERS = (
    Contender("ORT", "NCHW", _conv(True), _pool),
    Contender("ORT w", "NCHW", _conv(False), prepared=False),
)
