"""What a call leaves behind for the next one: never a wrong result, and no memory."""

import gc
import pickle
import threading
import time
import tracemalloc

import numpy as np
import pytest
from children import printed

import fastconv

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 8, 13, 14)).astype(np.float32)
W = RNG.standard_normal((6, 8, 3, 3)).astype(np.float32)
BIAS = RNG.standard_normal(6).astype(np.float32)


def planned(x, w, bias=None, out=None, **options):
    return fastconv.Conv2d(w, bias, **options)(x, out)


@pytest.fixture(params=["conv2d", "Conv2d"])
def called(request):
    """A function of x and out that has been called before: the same plan, or the same arguments."""
    plan = fastconv.Conv2d(W, BIAS, padding=1)

    def call(x, out=None):
        if request.param == "Conv2d":
            return plan(x, out)
        return fastconv.conv2d(x, W, BIAS, padding=1, out=out)

    call(X)
    return call


def expected(x):
    """By the specification; all differences below are of another order than rounding."""
    return fastconv.reference.vectorized.conv2d(x, W, BIAS, 1, 1)


def views():
    wide = np.zeros((2, 8, 13, 28), np.float32)
    wide[..., ::2] = X
    yield "cropped", X[:, :, 1:, 2:]
    yield "strided", wide[..., ::2]
    yield "reversed", X[:, :, ::-1, ::-1]
    yield "transposed", X.transpose(0, 1, 3, 2)
    yield "one image", X[:1]
    yield "no images", X[:0]
    yield "unbatched", X[1]
    yield "broadcast", np.broadcast_to(X[:1, :1], X.shape)
    yield "float64", X.astype(np.float64)
    yield "float16", X.astype(np.float16)
    yield "int8", (X * 30).astype(np.int8)
    yield "other byte order", X.astype(X.dtype.newbyteorder())
    yield "list", X.tolist()
    yield "misaligned", np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view("f4").reshape(X.shape)
    yield "read-only", np.frombuffer(X.tobytes(), np.float32).reshape(X.shape)
    yield "the same", X


@pytest.mark.parametrize(("name", "x"), list(views()))
def test_another_array_after_the_first(called, name, x):
    for _ in range(3):
        np.testing.assert_allclose(called(x), expected(np.asarray(x)), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(called(X), expected(X), rtol=1e-4, atol=1e-4)


def test_another_isa_after_the_first(called):
    for isa in fastconv.available_isas():
        with fastconv.use_isa(isa):
            first, fresh = called(X), fastconv.conv2d(X.copy(), W, BIAS, padding=1)
        np.testing.assert_allclose(first, fresh, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("x", [X[0, 0], X[:, :7], "text", None, X[:, :0], X.astype("U"),
                               X.astype(complex)], ids=str)
def test_errors_after_the_first(called, x):
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)):
            called(x)
        called(X)


def test_out_is_checked_after_the_first(called):
    shape = expected(X).shape
    good, strided = np.empty(shape, np.float32), np.empty((*shape, 2), np.float32)[..., 1]
    for out in (good, strided, good[:]):
        assert called(X, out) is out
        np.testing.assert_allclose(out, expected(X), rtol=1e-4, atol=1e-4)
    both = np.empty(X.size + good.size - 1, np.float32)  # the input begins in the output's last
    x, overlapping = both[good.size - 1 :].reshape(X.shape), both[: good.size].reshape(shape)
    x[...] = X
    called(x)
    read_only = good.copy()
    read_only.flags.writeable = False
    wrong = [overlapping, read_only, good.astype(float), good[0], good[:, :5], good.tolist(),
             np.broadcast_to(good[:1, :1, :1, :1], shape), "text"]
    for out in wrong:
        with pytest.raises((TypeError, ValueError), match="^out must"):
            called(x, out)
    np.testing.assert_array_equal(x, X)


def test_weights_and_bias_of_now():
    w, bias, x = W.copy(), BIAS.copy(), X.copy()
    before = fastconv.conv2d(x, w, bias)
    w *= 2
    bias *= 2
    np.testing.assert_allclose(fastconv.conv2d(x, w, bias), 2 * before, rtol=1e-5, atol=1e-5)
    w[0, 0, 0, 0] = np.inf  # over padding that is NaN, and must not be skipped
    assert np.isnan(fastconv.conv2d(x, w, bias, padding=1)).any()
    w[...] = W
    assert np.isfinite(fastconv.conv2d(x, w, bias, padding=1)).all()
    for wrong in (BIAS[:5], BIAS[:, None], "text", BIAS.astype(complex)):
        with pytest.raises((TypeError, ValueError), match="^bias"):
            fastconv.conv2d(x, w, wrong)
    for other in (BIAS.astype(float), BIAS[::-1], list(BIAS), None):
        fastconv.conv2d(x, w, other)
    for wrong in (W[0], W[:, :7], W[:0], W.astype(complex)):
        with pytest.raises((TypeError, ValueError), match="^(w|groups) must"):
            fastconv.conv2d(x, wrong)


def test_arguments_that_compare_equal_but_are_others():
    fastconv.conv2d(X, W, stride=1, padding=1, groups=1)
    fastconv.conv2d(X, W, stride=(1, 1))
    for wrong in ({"stride": True}, {"stride": 1.0}, {"padding": True}, {"padding": 1.0},
                  {"groups": True}, {"stride": (1, True)}, {"threads": True}):
        with pytest.raises(TypeError):
            fastconv.conv2d(X, W, **wrong)


def test_arguments_that_change_between_calls():
    stride, padding = [1, 1], ([0, 0], [0, 0])
    for _ in range(2):
        assert fastconv.conv2d(X, W, stride=stride, padding=padding).shape == (2, 6, 11, 12)
    stride[:] = 2, 3
    padding[0][:] = 1, 1
    assert fastconv.conv2d(X, W, stride=stride, padding=padding).shape == (2, 6, 7, 4)


@pytest.mark.parametrize("kind", [list, np.array])
def test_arguments_that_change_after_a_plan_is_made(kind):
    stride, dilation, clip = kind([1, 1]), kind([1, 1]), [0.0, 1.0]
    plan = fastconv.Conv2d(W, BIAS, stride, "same", dilation, activation=clip)
    before, shown = plan(X), repr(plan)
    stride[:], dilation[:], clip[:] = [2, 2], [3, 3], [5.0, 6.0]
    for now in (plan, pickle.loads(pickle.dumps(plan))):
        np.testing.assert_array_equal(now(X), before)
        np.testing.assert_array_equal(now(X[:, :, 1:]), fastconv.Conv2d(
            W, BIAS, padding="same", activation=(0, 1))(X[:, :, 1:]))
        assert now.explain(X.shape)["error_bound"] == fastconv.Conv2d(
            W, padding="same").explain(X.shape)["error_bound"]
        assert repr(now) == shown
    padding = kind([[1, 1], [0, 2]])
    plan = fastconv.Conv2d(W, padding=padding)
    padding[0][:] = kind([7, 7])
    assert plan(X).shape == pickle.loads(pickle.dumps(plan))(X).shape == (2, 6, 13, 14)


@pytest.mark.parametrize("function", [fastconv.conv2d, planned])
def test_same_padding_follows_the_image(function):
    for size in (7, 8, 9, 7, 8, 9):
        x = X[:, :, :size, :size]
        y = function(x, W, padding="same", stride=2)
        assert y.shape[2:] == (-(-size // 2),) * 2
        np.testing.assert_array_equal(y, fastconv.conv2d(x, W, padding="same", stride=2))


@pytest.mark.parametrize("padding", [2, "same"])
def test_packed_weights_serve_every_size(padding):
    """The phases of a dilated convolution change their algorithm, and so the packing, with it."""
    w = np.random.default_rng(3).standard_normal((64, 64, 3, 3)).astype(np.float32)
    options = {"dilation": 2, "padding": padding, "algorithm": "dilated", "precision": "exact"}
    plan = fastconv.Conv2d(w, **options)
    for size in (3, 4, 6, 9, 20, 40, 90, 3, 9, 40):
        x = np.random.default_rng(size).standard_normal((1, 64, size, size)).astype(np.float32)
        np.testing.assert_array_equal(plan(x), fastconv.Conv2d(w, **options)(x))


def test_a_known_shape_allocates_its_result_only():
    plan = fastconv.Conv2d(W, BIAS)
    out = plan(X)
    for call, size in ((lambda: plan(X, out), 0), (lambda: plan(X), out.nbytes),
                       (lambda: fastconv.conv2d(X, W, BIAS, out=out), 0)):
        call()
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(5):
                call()
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            call()
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 100, "the two numbers themselves"
        assert peak - before <= size + 1024, "a few tuples"


def test_memory_stays_flat_over_10_000_shapes():
    code = """
import gc, numpy as np, fastconv
w, bias = np.ones((4, 3, 3, 3), "f4"), np.ones(4, "f4")
plan = fastconv.Conv2d(w, bias, padding=1)
same = fastconv.Conv2d(w, padding="same", dilation=2)
pixels = np.ones((3, 140, 140), "f4")
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4

def call(shapes):
    for i in shapes:
        x = pixels[:, : 30 + i % 100, : 30 + i // 100]
        plan(x), same(x), fastconv.conv2d(x, w, bias, padding=(i % 7, i % 11 + i // 2000))
        fastconv.max_pool2d(x, 2)

call(range(9000, 10000))  # the largest
gc.collect()
before = resident()
call(range(10000))
gc.collect()
print(resident() - before)
"""
    assert int(printed(code, FASTCONV_NUM_THREADS="1")) < 2048, "KiB"


def test_a_plan_without_weights():
    with pytest.raises((AttributeError, TypeError)):
        fastconv.Conv2d.__new__(fastconv.Conv2d)(X)
    plan = fastconv.Conv2d(W)
    first = plan(X)
    plan.__init__(W[:3])
    np.testing.assert_array_equal(plan(X), fastconv.Conv2d(W[:3])(X))
    assert plan(X).shape[1] == 3 and first.shape[1] == 6


@pytest.mark.parametrize("bad", [
    {"w": W.astype(complex)}, {"w": W[:0]}, {"bias": BIAS[:3]}, {"groups": 3}, {"stride": 0},
])
def test_a_plan_that_was_not_made_again_is_the_old_one(bad):
    """Packed weights of one stride are not those of another, which may be more."""
    w = RNG.standard_normal((64, 64, 3, 3)).astype(np.float32)
    x = RNG.standard_normal((1, 64, 24, 24)).astype(np.float32)
    plan = fastconv.Conv2d(w, padding=1, algorithm="winograd6")
    first, facts = plan(x), plan.explain(x.shape)
    with pytest.raises((TypeError, ValueError)):
        plan.__init__(**{"w": w, "stride": 2, "padding": 1, "algorithm": "winograd6", **bad})
    assert plan.explain(x.shape) == facts
    np.testing.assert_array_equal(plan(x[..., 1:]), fastconv.Conv2d(
        w, padding=1, algorithm="winograd6")(x[..., 1:]))
    np.testing.assert_array_equal(plan(x), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(plan))(x), first)


@pytest.mark.parametrize("groups", [np.uint8(200), np.int16(200)])
def test_groups_of_a_small_type(groups):
    """200 groups of 2 channels are more than such a number holds."""
    x, w = np.ones((400, 3, 3), np.float32), np.ones((400, 2, 3, 3), np.float32)
    assert fastconv.Conv2d(w, groups=groups)(x).tolist() == [[[18.0]]] * 400


def test_repr_has_what_was_given():
    w = np.ones((2, 3, 1, 1), np.float32)
    assert repr(fastconv.Conv2d(w)) == "Conv2d(w of shape (2, 3, 1, 1))"
    plan = fastconv.Conv2d(w, np.zeros(2), 2, padding="same", activation=[0, 1], threads=1)
    assert repr(plan) == ("Conv2d(w of shape (2, 3, 1, 1), bias, stride=2, padding='same', "
                          "activation=(0, 1), threads=1)")


class Named(fastconv.Conv2d):
    def __init__(self, filters):
        super().__init__(np.ones((filters, 1, 3, 3), np.float32), padding=1)
        self.name = "ones"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_subclass_with_attributes_is_pickled(protocol):
    again = pickle.loads(pickle.dumps(Named(2), protocol))
    assert (type(again), again.name) == (Named, "ones")
    assert again(np.ones((1, 3, 3), np.float32)).shape == (2, 3, 3)


@pytest.mark.parametrize(("dtype", "geometry", "algorithm", "terms"), [
    (np.float32, (1, 1, 1), "winograd", 64 + 19),
    (np.float64, (1, 1, 1), "winograd", 64 + 19 + 6),
    (np.float64, (2, 1, 1), "winograd", 4 * 64 + 19 + 4),
    (np.float32, (1, 2, 2), "dilated", 64 + 19),  # Winograd for each phase
    (np.float32, (1, 1, 1), "direct", 64 * 9 + 1),
])
def test_explain_has_the_proven_bound(dtype, geometry, algorithm, terms):
    plan = fastconv.Conv2d(np.ones((64, 64, 3, 3), dtype), None, *geometry, algorithm=algorithm)
    u = 2.0**-53 if dtype == np.float64 else 2.0**-24
    assert plan.explain((1, 64, 56, 56))["error_bound"] == terms * u / (1 - terms * u)


def test_a_bound_without_meaning_is_infinite():
    w = np.ones((1, 2**24, 1, 1), np.float32)
    assert fastconv.Conv2d(w).explain((2**24, 1, 1))["error_bound"] == np.inf


def test_other_weights_during_a_call():
    """Nothing of the old ones stays: not what a thread was packing meanwhile."""
    x = [np.ones((1, 1024, 6, n), np.float32) for n in (6, 7)]
    for pause in range(8):
        layer = fastconv.Conv2d(np.ones((512, 1024, 3, 3), np.float32), algorithm="im2col")
        thread = threading.Thread(target=layer, args=x[:1])
        thread.start()
        time.sleep(0.002 + 0.001 * pause)
        layer.__init__(np.full((1024, 1024, 3, 3), 2, np.float32), algorithm="im2col")
        thread.join()
        for image in x:
            y = layer(image)
            assert y.shape[1] == 1024 and (y == 2 * 9 * 1024).all()


def test_nothing_else_is_public():
    assert [name for name in dir(fastconv.Conv2d) if not name.startswith("_")] == ["explain"]
