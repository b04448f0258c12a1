"""XNNPACK, fed through LiteRT with a model of one operator, built here from LiteRT's own schema."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from benchmarks.layers import Layer
from benchmarks.versus.contender import (
    CannotError,
    Contender,
    Run,
    channels_last,
    from_channels_last,
)

VERSION = version("ai-edge-litert")
TYPES = {np.dtype(np.float32): schema.TensorType.FLOAT32,
         np.dtype(np.int32): schema.TensorType.INT32}


class _Model:
    """Tensors and operators of a graph, added one by one."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.subgraphs, self.model.operatorCodes = [self.graph], []
        self.model.buffers = [schema.BufferT()]  # the empty one, of tensors that are computed

    def tensor(self, name: str, shape: tuple[int, ...], constant: np.ndarray | None = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = schema.TensorType.FLOAT32
        if constant is not None:
            tensor.type, tensor.buffer = TYPES[constant.dtype], len(self.model.buffers)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(constant.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, code: int, inputs: list[int], output: int, kind: int = 0,
                 options: Any = None, code_version: int = 1) -> None:
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.version = code, code_version
        entry.deprecatedBuiltinCode = min(code, 127)
        self.model.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = kind, options
        self.graph.operators.append(operator)

    def bytes(self, inputs: list[int], outputs: list[int]) -> bytes:
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _padded(model: _Model, x: int, shape: tuple[int, ...], pad: int) -> int:
    """TensorFlow's SAME differs from padding both sides at stride 2; XNNPACK fuses this pad."""
    if not pad:
        return x
    pads = np.array([[0, 0], [pad, pad], [pad, pad], [0, 0]], np.int32)
    n, h, w, c = shape
    padded = model.tensor("padded", (n, h + 2 * pad, w + 2 * pad, c))
    model.operator(schema.BuiltinOperator.PAD, [x, model.tensor("pads", pads.shape, pads)], padded,
                   schema.BuiltinOptions.PadOptions, schema.PadOptionsT())
    return padded


def _model(layer: Layer, shape: tuple[int, ...], w: np.ndarray) -> bytes:
    model = _Model()
    x = model.tensor("x", shape)
    if layer.depthwise:
        weights, code = w.transpose(1, 2, 3, 0), schema.BuiltinOperator.DEPTHWISE_CONV_2D
        kind = schema.BuiltinOptions.DepthwiseConv2DOptions
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = layer.k // layer.c
    else:
        weights, code = channels_last(w), schema.BuiltinOperator.CONV_2D
        kind, options = schema.BuiltinOptions.Conv2DOptions, schema.Conv2DOptionsT()
    keeps_size = layer.stride == 1 and layer.out_size == (layer.h, layer.w)
    options.padding = schema.Padding.SAME if keeps_size else schema.Padding.VALID
    image = x if keeps_size else _padded(model, x, shape, layer.padding)
    options.strideH = options.strideW = layer.stride
    options.dilationHFactor = options.dilationWFactor = layer.dilation
    bias = np.zeros(layer.k, np.float32)
    y = model.tensor("y", (layer.n, *layer.out_size, layer.k))
    # Version 2 of both operators has dilations.
    inputs = [image, model.tensor("w", weights.shape, np.ascontiguousarray(weights)),
              model.tensor("bias", bias.shape, bias)]
    model.operator(code, inputs, y, kind, options, code_version=2)
    return model.bytes([x], [y])


def _conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
    image = channels_last(x)
    interpreter = Interpreter(model_content=_model(layer, image.shape, w), num_threads=threads)
    interpreter.allocate_tensors()
    if not any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details()):
        raise CannotError("XNNPACK does not take this operator")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    output = interpreter.get_output_details()[0]["index"]
    return Run(interpreter.invoke,
               lambda _: from_channels_last(interpreter.get_tensor(output)))


CONTENDERS = (Contender("XNNPACK", "NHWC", _conv),)
