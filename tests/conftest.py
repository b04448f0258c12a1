"""Fixtures: every compiled instruction set (a visible skip where the machine lacks it), dtypes."""

import numpy as np
import pytest
from support import COMPILED_ISAS

import fastconv


@pytest.fixture(params=COMPILED_ISAS)
def isa(request):
    if request.param not in fastconv.available_isas():
        pytest.skip(f"this processor does not run {request.param}")
    with fastconv.use_isa(request.param):
        yield request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["f32", "f64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=["NCHW", "NHWC"])
def layout(request):
    return request.param
