"""The interface as users see it: names and their order, docstrings, plans, settings."""

import doctest
import importlib
import inspect
import pickle
import pkgutil
import threading

import numpy as np
import pytest

import fastconv

MODULES = ["fastconv", *(m.name for m in pkgutil.walk_packages(fastconv.__path__, "fastconv."))]
FAMILIES = [n for n in fastconv.__all__ if n.startswith("conv2d_")]
CONVOLUTIONS = ["conv2d", *FAMILIES, "Conv2d"]
X = np.random.default_rng(0).standard_normal((2, 4, 9, 8)).astype(np.float32)
W = np.random.default_rng(1).standard_normal((6, 4, 3, 3)).astype(np.float32)


def names(function, kind):
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind == kind]


def positional(name, module=fastconv):
    return names(getattr(module, name), inspect.Parameter.POSITIONAL_OR_KEYWORD)


def keywords(name):
    return names(getattr(fastconv, name), inspect.Parameter.KEYWORD_ONLY)


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module):
    failed, _ = doctest.testmod(importlib.import_module(module),
                                optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_all_lists_what_there_is():
    public = {n for n in vars(fastconv) if not n.startswith("_")} - {"Any", "TYPE_CHECKING"}
    public = {n for n in public if not inspect.ismodule(getattr(fastconv, n))}
    assert public | {"reference"} == set(fastconv.__all__) - {"__version__"}
    assert len(set(fastconv.__all__)) == len(fastconv.__all__)
    for name in fastconv.__all__:
        assert getattr(fastconv, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'conv9d'"):
        _ = fastconv.conv9d


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_torch_s_order(name):
    """torch.nn.functional.conv2d(input, weight, bias, stride, padding, dilation, groups)."""
    assert positional(name) == ["x", "w", "bias", "stride", "padding", "dilation", "groups"][
        1 if name == "Conv2d" else 0 :]


def test_pooling_has_torch_s_order():
    assert positional("max_pool2d") == ["x", "kernel_size", "stride", "padding", "dilation",
                                        "ceil_mode", "return_indices"]
    assert keywords("max_pool2d") == ["layout", "out", "threads"]


def test_what_is_new_is_keyword_only():
    assert keywords("conv2d") == ["layout", "padding_mode", "activation", "algorithm",
                                  "precision", "out", "threads"]
    assert keywords("Conv2d") == [n for n in keywords("conv2d") if n != "out"]
    for name in FAMILIES:
        expected = [n for n in keywords("conv2d") if n not in ("algorithm", "precision")]
        assert keywords(name) == expected


@pytest.mark.parametrize("name", ["conv2d", "max_pool2d", "im2col", "col2im",
                                  "depthwise_separable_conv2d"])
def test_the_reference_has_the_same_arguments(name):
    for module in (fastconv.reference, fastconv.reference.vectorized):
        assert positional(name, module) == positional(name)


PLANS = [
    fastconv.Conv2d(W),
    fastconv.Conv2d(W, np.arange(6.0), 2, "same", 1, 1, activation="relu6", threads=1),
    fastconv.Conv2d(W, None, (1, 2), ((1, 0), (2, 1)), 2, precision="exact"),
    fastconv.Conv2d(W[:, :2], groups=2, padding=1),
    fastconv.Conv2d(W, algorithm="im2col", activation=(-1.0, 1.0)),
]


@pytest.mark.parametrize("plan", PLANS)
def test_plans_can_be_pickled(plan):
    again = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(again(X), plan(X))
    assert repr(again) == repr(plan)
    assert again.explain(X.shape) == plan.explain(X.shape)


def test_a_plan_keeps_its_own_weights():
    w = W.copy()
    plan = fastconv.Conv2d(w)
    expected = plan(X)
    w[...] = 0
    np.testing.assert_array_equal(plan(X), expected)


def test_a_plan_serves_every_isa_and_dtype():
    plan = fastconv.Conv2d(W, padding=1, algorithm="im2col")
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            for x in (X, X.astype(np.float64), X[0]):
                np.testing.assert_array_equal(plan(x), fastconv.conv2d_im2col(x, W, padding=1))


def test_a_plan_serves_many_threads():
    plan = fastconv.Conv2d(W, padding=1)
    expected, wrong = plan(X), []

    def work():
        for _ in range(50):
            if not np.array_equal(plan(X), expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_explain():
    facts = fastconv.Conv2d(W, padding=1).explain(X.shape)
    documented = {"algorithm", "algorithms", "isa", "dtype", "out_shape", "flops",
                  "scratch_bytes", "packed_bytes", "error_bound"}
    assert documented <= facts.keys()
    assert facts["out_shape"] == (2, 6, 9, 8)
    assert facts["flops"] == 2 * (2 * 6 * 9 * 8) * (4 * 3 * 3)
    assert facts["isa"] == fastconv.active_isa()
    assert facts["dtype"] == "float32"
    assert facts["error_bound"] == pytest.approx(37 * 2.0**-24, rel=1e-5)
    costs = {k: v for k, v in facts["algorithms"].items() if not isinstance(v, str)}
    assert min(costs, key=costs.get) == facts["algorithm"]
    assert facts["algorithms"]["dilated"] == "no axis is dilated"
    assert fastconv.Conv2d(W).explain([4, 9, 8])["out_shape"] == (6, 7, 6)
    assert fastconv.Conv2d(W.astype(float)).explain(X.shape)["dtype"] == "float64"
    with pytest.raises(ValueError, match="^shape must have 4 .*, or 3 unbatched"):
        fastconv.Conv2d(W).explain((4, 9))


@pytest.mark.parametrize("name", ["max_pool2d", "im2col", "depthwise_separable_conv2d"])
def test_unbatched(name):
    rest = {"max_pool2d": (2,), "im2col": (3,),
            "depthwise_separable_conv2d": (W[:4, :1], W[:, :, :1, :1])}[name]
    function = getattr(fastconv, name)
    np.testing.assert_array_equal(function(X[0], *rest), function(X, *rest)[0])


@pytest.mark.parametrize("wide", range(3))
@pytest.mark.parametrize("kind", [np.float64, ">f8", np.int32])
def test_separable_computes_both_steps_in_the_widest_type(wide, kind):
    w = W[:4, :1], np.ones((2, 4, 1, 1), np.float32)
    arrays = [a.astype(kind if i == wide else np.float32) for i, a in enumerate((X, *w))]
    third = np.full(4, 1 / 3)
    y = fastconv.depthwise_separable_conv2d(*arrays, bias_depthwise=third)
    expected = fastconv.reference.depthwise_separable_conv2d(*arrays, bias_depthwise=third)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_every_algorithm_has_a_function_of_its_name():
    assert set(FAMILIES) == {f"conv2d_{n}" for n in fastconv.show_config()["algorithms"]}


def test_show_config():
    config = fastconv.show_config()
    assert config["version"] == fastconv.__version__
    assert set(config["available_isas"]) <= set(config["compiled_isas"])
    assert config["active_isa"] == fastconv.active_isa()
    assert config["num_threads"] == fastconv.get_num_threads()
    assert {"direct", "im2col", "dilated", "depthwise", "grouped"} <= set(config["algorithms"])


def test_use_isa_restores_what_was():
    before = fastconv.active_isa()
    for isa in fastconv.available_isas():
        with pytest.raises(ZeroDivisionError), fastconv.use_isa(isa):
            assert fastconv.active_isa() == isa
            _ = 1 / 0
        assert fastconv.active_isa() == before
    with pytest.raises(ValueError, match="isa must be one of .*baseline.*got 'vax'"):
        with fastconv.use_isa("vax"):
            pass
    assert fastconv.active_isa() == before


def test_threads_restores_what_was():
    before = fastconv.get_num_threads()
    with pytest.raises(ZeroDivisionError), fastconv.threads(7):
        assert fastconv.get_num_threads() == 7
        with fastconv.threads(2):
            assert fastconv.get_num_threads() == 2
        assert fastconv.get_num_threads() == 7
        _ = 1 / 0
    assert fastconv.get_num_threads() == before
