"""ncnn: a net of one layer, for one image (it has no batches)."""

from __future__ import annotations

import ncnn
import numpy as np

from benchmarks.layers import Layer
from benchmarks.versus.contender import CannotError, Contender, Run

VERSION = ncnn.__version__


def _conv(layer: Layer, x: np.ndarray, w: np.ndarray, threads: int) -> Run:
    if layer.n > 1:
        raise CannotError("no batches")
    numbers = {0: layer.k, 1: layer.s, 11: layer.r, 2: layer.dilation, 3: layer.stride,
               4: layer.padding, 6: w.size}
    kind = "Convolution"
    if layer.groups > 1:
        kind, numbers[7] = "ConvolutionDepthWise", layer.groups
    text = " ".join(f"{key}={value}" for key, value in numbers.items())
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
    net.load_param_mem(f"7767517\n2 2\nInput x 0 1 x\n{kind} conv 1 1 x y {text}\n")
    model = np.zeros(1, np.uint32).tobytes() + w.tobytes()
    net.load_model_mem(model)
    image = ncnn.Mat(x[0])

    def call() -> ncnn.Mat:
        extractor = net.create_extractor()
        extractor.input("x", image)
        return extractor.extract("y")[1]

    return Run(call, lambda y: np.array(y)[None], keep=(x, model))


CONTENDERS = (Contender("ncnn", "NCHW", _conv),)
