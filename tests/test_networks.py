"""The layers of further networks that the benchmarks know."""

import sys

import pytest
from support import ROOT, Problem, check

sys.path.append(str(ROOT))  # last: the fastconv that is tested may be an installed one
from benchmarks.layers import LAYERS, Layer  # noqa: E402
from benchmarks.networks import NETWORK_LAYERS, parse  # noqa: E402

SMALL = 2e5  # operations


def test_a_layer_is_what_its_text_says():
    assert parse("net", "3-64@224") == Layer("net 3-64@224", 1, 3, 224, 224, 64, 1, 1)
    text = "8-16@30x40b2k5s2d3g4"
    assert parse("net", text) == Layer(f"net {text}", 2, 8, 30, 40, 16, 5, 5, 2, 6, 3, 4)
    text = "8-8@1x90k1x3d4g8p0"
    assert parse("net", text) == Layer(f"net {text}", 1, 8, 1, 90, 8, 1, 3, 1, 0, 4, 8)
    with pytest.raises(ValueError, match="'64@56' is not a layer"):
        parse("net", "64@56")


def test_no_layer_is_there_twice():
    layers = [(layer.x_shape, layer.w_shape, *layer.arguments.values())
              for layer in (*LAYERS, *NETWORK_LAYERS)]
    assert len(set(layers)) == len(layers)


def test_layers_are_right_when_shrunk(isa, dtype, layout):
    """By whatever row "auto" takes for them; those whose filters still fit."""
    shrunk = {layer.shrunk(SMALL) for layer in NETWORK_LAYERS}
    fitting = [layer for layer in shrunk if min(layer.out_size) > 0]
    assert len(fitting) > len(shrunk) - 5
    for layer in fitting:
        given = Problem(layer.x_shape, layer.w_shape, **layer.arguments, bias=False)
        check(given, dtype, "auto", layout, fences=False)
