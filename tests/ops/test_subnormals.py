"""Subnormal numbers: images of them are convolved times a power of two, whoever notices them."""

import platform

import numpy as np
import pytest
from children import printed
from support import from_layout, to_layout

import fastconv

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"),
                                reason="only where processors are known to be slow")

# x, w, options: each algorithm, and what is cut into parts.
PROBLEMS = {
    "direct": ((2, 5, 9, 11), (7, 5, 3, 3), {"padding": 1}),
    "direct, groups": ((1, 40, 60, 61), (80, 4, 3, 3), {"groups": 10}),
    "im2col": ((2, 20, 9, 11), (24, 20, 3, 2), {"stride": 2}),
    "im2col, rows": ((1, 16, 200, 90), (8, 16, 2, 3), {"padding": ((3, 1), (0, 2)), "stride": 2}),
    "winograd": ((2, 16, 14, 14), (16, 16, 3, 3), {"padding": 1}),
    "dilated": ((1, 8, 17, 16), (8, 8, 3, 3), {"dilation": 2, "padding": 2}),
    "depthwise": ((2, 40, 60, 63), (40, 1, 3, 3), {"groups": 40, "padding": 1}),
    "depthwise, multiplier": ((1, 12, 110, 101), (36, 1, 5, 5), {"groups": 12}),
    "depthwise, one channel": ((1, 1, 500, 620), (2, 1, 5, 5), {"padding": 2}),
    "depthwise, two channels": ((3, 2, 30, 31), (2, 1, 3, 3), {"groups": 2}),
    "grouped": ((1, 32, 90, 40), (32, 2, 3, 3), {"groups": 16, "padding": 1}),
    "grouped, rows left out": ((1, 8, 201, 300), (8, 2, 2, 2), {"groups": 4, "stride": 3}),
    "direct, pointwise": ((3, 12, 7, 7), (20, 12, 1, 1), {}),
}
POWER = {"float32": 64, "float64": 512}


def least(dtype):
    return np.finfo(dtype).smallest_normal


def arrays(name, dtype, layout):
    shape, filters, options = PROBLEMS[name]
    rng = np.random.default_rng(len(name))
    x = to_layout(rng.standard_normal(shape) * least(dtype) / 8, layout).astype(dtype)
    w = rng.standard_normal(filters).astype(dtype)
    bias = (rng.standard_normal(filters[0]) * least(dtype)).astype(dtype)
    options = {**options, "layout": layout, "algorithm": name.split(",")[0]}
    return x, w, bias, options


def by_hand(x, w, bias, **options):
    """Scaled by NumPy: exact on the way up, rounded once on the way down."""
    up = np.ldexp(x.dtype.type(1), POWER[x.dtype.name])
    lo, hi = options.pop("activation", None) or (-np.inf, np.inf)
    bounds = None if (lo, hi) == (-np.inf, np.inf) else (float(lo * up), float(hi * up))
    return fastconv.Conv2d(w, bias * up, activation=bounds, **options)(x * up) / up


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_if_no_exponent_were_too_low(isa, dtype, layout, name):
    x, w, bias, options = arrays(name, dtype, layout)
    expected = by_hand(x, w, bias, **options)
    assert (abs(expected) < least(dtype)).mean() > 0.1
    for threads in (1, 3):
        plan = fastconv.Conv2d(w, bias, threads=threads, **options)
        np.testing.assert_array_equal(plan(x), expected)
        row = {**options, "algorithm": plan.explain(x.shape)["algorithm"]}
        np.testing.assert_array_equal(fastconv.conv2d(x, w, bias, threads=threads, **row), expected)


@pytest.mark.parametrize("name", ["direct", "winograd", "depthwise"])
def test_the_activation_is_scaled_too(isa, dtype, layout, name):
    x, w, bias, options = arrays(name, dtype, layout)
    for lo, hi in ((0.0, np.inf), (-float(least(dtype)), float(least(dtype)) / 3)):
        expected = by_hand(x, w, bias, activation=(dtype.type(lo), dtype.type(hi)), **options)
        plan = fastconv.Conv2d(w, bias, activation=(lo, hi), **options)
        np.testing.assert_array_equal(plan(x), expected)


@pytest.mark.parametrize("name", PROBLEMS)
def test_noticed_or_not(isa, dtype, layout, name):
    """A look at a few numbers tells of those next to each other; the processor of all others."""
    x, w, bias, options = arrays(name, dtype, layout)
    plan = fastconv.Conv2d(w, bias, **options)
    expected = plan(x)
    apart = np.zeros((*x.shape[:3], 2 * x.shape[3]), dtype)[..., ::2]
    apart[...] = x
    out = np.full((*expected.shape[:3], 2 * expected.shape[3]), 7, dtype)
    plan(apart, out=out[..., ::2])
    np.testing.assert_array_equal(out[..., ::2], expected)
    assert (out[..., 1::2] == 7).all()
    # Small, but none is subnormal: only their sums are.
    normal = np.where(abs(x) < least(dtype), np.copysign(least(dtype), x), x).astype(dtype)
    tiny = w * dtype.type(2.0**-8)
    np.testing.assert_array_equal(fastconv.Conv2d(tiny, bias, **options)(normal),
                                  by_hand(normal, tiny, bias, **options))


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_image_by_itself(isa, dtype, layout, name):
    """Beside images of normal numbers, of a NaN and of numbers that leave no room."""
    x, w, bias, options = arrays(name, dtype, layout)
    normal = np.ones_like(x[:1])
    mixed, large = x[:1].copy(), x[:1].copy()
    mixed[0, 0, 0, 0] = np.nan
    large[0, -1, -1, -1] = np.finfo(dtype).max / 2**20
    batch = np.concatenate([normal, x, mixed, large, x[:1]])
    plan = fastconv.Conv2d(w, bias, **options)
    alone = np.concatenate([plan(batch[i:i + 1]) for i in range(len(batch))])
    np.testing.assert_array_equal(plan(batch), alone)
    np.testing.assert_array_equal(plan(batch[::-1]), alone[::-1])
    np.testing.assert_array_equal(fastconv.Conv2d(w, bias, threads=3, **options)(batch), alone)


@pytest.mark.parametrize("exponent", [20, 60, 90, 120])
def test_less_room_for_larger_numbers(isa, dtype, layout, exponent):
    """Whatever the largest number, weight and bias are: nothing overflows that need not."""
    exponent = exponent if dtype == np.float32 else 8 * exponent
    x, w, bias, options = arrays("direct", dtype, layout)
    factor = dtype.type(2.0**exponent)
    kinds = [(factor, w, bias), (1, w * factor / 4, bias), (1, w, bias + factor)]
    for large, weights, start in kinds:
        given = x.copy()
        given[0, 0, 0, 0] = large
        wide = np.longdouble if dtype == np.float64 else np.float64
        exact = fastconv.reference.vectorized.conv2d(
            from_layout(given, layout).astype(wide), weights.astype(wide), start.astype(wide),
            padding=1)
        size = fastconv.reference.vectorized.conv2d(
            abs(from_layout(given, layout)).astype(wide), abs(weights).astype(wide),
            abs(start).astype(wide), padding=1)
        got = from_layout(fastconv.conv2d(given, weights, start, **options), layout)
        allowed = 50 * np.finfo(dtype).eps * size + 50 * np.finfo(dtype).smallest_subnormal
        assert (abs(got - exact) <= allowed).all()


def test_rows_that_no_window_has(isa, dtype, layout):
    """They count as the image's, which leaves no room: what is summed is as it is."""
    x, w, bias, options = arrays("grouped, rows left out", dtype, layout)
    scaled = fastconv.Conv2d(w, bias, **options)(x)
    rows = (slice(None),) * (2 if layout == "NCHW" else 1)
    x[(*rows, -1)] = np.finfo(dtype).max / 4  # below the last window, and part
    plan = fastconv.Conv2d(w, bias, **options)
    threaded = fastconv.Conv2d(w, bias, threads=4, **options)
    apart = np.zeros((*x.shape[:3], 2 * x.shape[3]), dtype)[..., ::2]
    apart[...] = x
    expected = plan(x)
    assert (expected != scaled).any() and abs(expected - scaled).max() < least(dtype)
    np.testing.assert_array_equal(threaded(x), expected)
    np.testing.assert_array_equal(plan(apart), expected)


def test_what_the_mode_has_noted_stays():
    """The sticky flags of subnormal operands and of underflow, in MXCSR."""
    code = """
import ctypes, numpy as np, fastconv
libm = ctypes.CDLL("libm.so.6")
environment = (ctypes.c_uint32 * 8)()
def mode(wanted=None):
    assert libm.fegetenv(environment) == 0
    if wanted is not None:
        environment[7] = wanted
        assert libm.fesetenv(environment) == 0
    return environment[7]
x, w = np.ones((1, 4, 9, 9), "f4"), np.ones((4, 4, 3, 3), "f4")
plan = fastconv.Conv2d(w, threads=1)
plan(x)
usual = mode() & ~0x3f
for noted in (0x12, 0x02, 0x10):
    mode(usual | noted)
    plan(x)
    assert mode() & 0x12 == noted, (hex(mode()), noted)
mode(usual)
plan(x)
assert mode() & 0x12 == 0
print("done")
"""
    assert printed(code) == "done"


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "winograd", "depthwise"])
def test_large_numbers_with_small_weights(isa, dtype, layout, algorithm):
    """The sums would leave room, the numbers do not."""
    huge = dtype.type(2.0 ** (120 if dtype == np.float32 else 1000))
    x = np.full((1, 1, 8, 8), least(dtype) / 4, dtype)
    x[0, 0, 7, 7] = huge
    w = np.full((1, 1, 3, 3), 1 / huge, dtype)
    got = fastconv.conv2d(to_layout(x, layout), w, padding=1, layout=layout, algorithm=algorithm)
    assert from_layout(got, layout)[0, 0, 7, 7] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
def test_large_weights_of_a_call(isa, dtype, layout, algorithm):
    """Pointwise ones are looked at only once there are subnormal numbers."""
    huge = dtype.type(2.0 ** (120 if dtype == np.float32 else 1000))
    x = np.full((1, 2, 8, 8), least(dtype) / 4, dtype)
    x[0, 1, 7, 7] = 2
    w = np.full((3, 2, 1, 1), huge, dtype)
    got = fastconv.conv2d(to_layout(x, layout), w, layout=layout, algorithm=algorithm)
    assert (from_layout(got, layout)[0, :, 7, 7] == 2 * huge).all()


@pytest.mark.parametrize("activation", [(1e30, np.inf), (-np.inf, -1e30), (1e30, 2e30),
                                        (np.inf, np.inf), (-3e38, 3e38), (-1e-39, 1e-39)])
def test_bounds_beyond_what_is_finite_when_scaled(isa, dtype, layout, activation):
    activation = tuple(b if dtype == np.float32 else np.copysign(abs(b) ** 8, b)
                       for b in activation)
    x = np.full((2, 3, 8, 8), least(dtype) / 64, dtype)
    x[1] = 1
    w = np.ones((2, 3, 3, 3), dtype)
    got = fastconv.conv2d(to_layout(x, layout), w, layout=layout, activation=activation)
    lo, hi = (dtype.type(b) for b in activation)
    sums = np.stack([np.full((2, 6, 6), v, dtype) for v in (27 * (least(dtype) / 64), 27)])
    np.testing.assert_array_equal(from_layout(got, layout), np.clip(sums, lo, hi))


@pytest.mark.parametrize("bound", [6, 1e20, 1e30])
def test_bounds_that_would_overflow_do_not_trap(dtype, bound):
    """Where the caller has made overflow trap, which normal images do not either."""
    code = f"""
import ctypes, numpy as np, fastconv
x = np.full((1, 4, 8, 8), np.finfo("{dtype}").smallest_normal / 64, "{dtype}")
w, bound = np.ones((4, 4, 3, 3), "{dtype}"), {bound if dtype == np.float32 else bound ** 8}
plan = fastconv.Conv2d(w, activation=(0.0, bound), algorithm="direct", threads=1)
ctypes.CDLL("libm.so.6").feenableexcept(8)
print(int((plan(x) == 36 * x[0, 0, 0, 0]).all()))
"""
    assert printed(code) == "1"


def test_no_rows_of_an_empty_image(layout):
    """Nothing is there to be looked at, though subnormal weights are noticed."""
    code = f"""
import ctypes, mmap, numpy as np, fastconv
pages = mmap.mmap(-1, 2 * mmap.PAGESIZE)
address = ctypes.addressof(ctypes.c_char.from_buffer(pages)) + mmap.PAGESIZE
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, 0) == 0
last = "{layout}" == "NHWC"
shape, strides = ((1, 0, 5, 1), (48, 48, 8, 4)) if last else ((1, 1, 0, 5), (40, 40, 40, 4))
x, w = np.ndarray(shape, "f4", pages, mmap.PAGESIZE, strides), np.full((1, 1, 3, 3), 1e-40, "f4")
options = dict(padding=((2, 2), (1, 1)), layout="{layout}", algorithm="direct")
y = fastconv.conv2d(x, w, **options)
print(y.size, abs(y).max())
"""
    assert printed(code) == "10 0.0"


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_the_sign_of_a_zero_does_not_tell_the_threads(isa, dtype, threads):
    """Strips that meet padding alone leave -0 as it is: those of parts are the same ones."""
    rng = np.random.default_rng(0)
    x = (abs(rng.standard_normal((1, 200, 64, 16))) * least(dtype) / 8).astype(dtype)
    w = abs(rng.standard_normal((16, 16, 2, 2))).astype(dtype)
    options = {"padding": ((300, 0), (0, 0)), "layout": "NHWC", "algorithm": "im2col"}
    one, several = (fastconv.Conv2d(w, np.full(16, -0.0, dtype), threads=n, **options)(x)
                    for n in (1, threads))
    assert (one == 0).any() and one.tobytes() == several.tobytes()


def test_fewer_rows_than_parts(isa):
    x, w = np.full((1, 100, 400, 64), 1e-40, np.float32), np.ones((8, 64, 1, 1), np.float32)
    expected = fastconv.conv2d(x[:, ::16], w, stride=(1, 1), layout="NHWC")
    got = fastconv.conv2d(x, w, stride=(16, 1), layout="NHWC", threads=1)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("algorithm", ["auto", "im2col", "depthwise"])
def test_images_that_are_hardly_read_are_not_copied(isa, dtype, layout, algorithm):
    """14 GB they would be."""
    x = np.broadcast_to(least(dtype) / 4, (1, 60000, 60000, 1) if layout == "NHWC"
                        else (1, 1, 60000, 60000)).astype(dtype, copy=False)
    y = fastconv.conv2d(x, np.ones((1, 1, 1, 1), dtype), stride=2000, layout=layout,
                        algorithm=algorithm)
    assert (y == least(dtype) / 4).all()


def test_many_small_images(isa, dtype, layout):
    """Those next to each other that are alike are convolved together."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((300, 3, 6, 5))
    x *= np.where(rng.random((300, 1, 1, 1)) < 0.7, least(dtype) / 8, 1)
    x[::50, 0, 0, 0] = np.finfo(dtype).max / 2**30
    x = to_layout(x.astype(dtype), layout)
    w = rng.standard_normal((4, 3, 3, 3)).astype(dtype)
    plan = fastconv.Conv2d(w, padding=1, layout=layout)
    alone = np.concatenate([plan(image[None]) for image in x])
    np.testing.assert_array_equal(plan(x), alone)
    np.testing.assert_array_equal(plan(x[::-1]), alone[::-1])


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels, filters, images, size", [(122, 128, 5, 4), (136, 33, 3, 7)])
def test_a_few_images_of_larger_strips(isa, layout, channels, filters, images, size):
    """Between one image and all of a call, of which some are small: pointwise images in a row."""
    code = f"""
import numpy as np, fastconv
rng = np.random.default_rng(0)
x = rng.standard_normal(({channels}, {images}, {size}, {size})).astype("f4")
w = rng.standard_normal(({filters}, {channels}, 1, 1)).astype("f4")
order = (1, 0, 2, 3)
y = np.zeros(({filters}, *x.shape[1:]), "f4")
if "{layout}" == "NHWC":
    x, y, order = np.ascontiguousarray(x.transpose(1, 2, 3, 0)), None, (0, 1, 2, 3)
x, out = x.transpose(order), None if y is None else y.transpose(order)
options = dict(layout="{layout}", algorithm="direct", threads=1)
for small in range(1, {images}):
    some = x.copy(order="K")
    some[:small] *= np.float32(1e-40)
    for _ in range(5):
        got = fastconv.conv2d(some, w, out=out, **options)
    alone = [fastconv.conv2d(some[n:n + 1], w, **options) for n in range({images})]
    assert (got == np.concatenate(alone)).all(), small
print("done")
"""
    assert printed(code, FASTCONV_ISA=isa) == "done"


def test_signals_are_heard_where_nothing_is_scaled():
    """A number so large that there is no room: by its size the call takes a few milliseconds, which
    a thread would spend on one strip without a pause."""
    code = """
import signal, time, numpy as np, fastconv
heard = []
signal.signal(signal.SIGALRM, lambda *_: heard.append(time.monotonic()))
x, w = np.full((1, 500, 14, 14), 1e-40, "f4"), np.ones((4096, 500, 1, 1), "f4")
x[:, 0, 0, 0] = 1e38
plan = fastconv.Conv2d(w, algorithm="im2col", threads=1)
signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
begin = time.monotonic()
plan(x)
end = time.monotonic()
signal.setitimer(signal.ITIMER_REAL, 0)
print(end - begin, sum(t < end for t in heard))
"""
    seconds, heard = map(float, printed(code).split())
    if seconds < 0.3:
        pytest.skip("subnormal numbers are not slow here")
    assert heard > 2


def test_signals_are_heard_between_parts():
    code = """
import signal, time, numpy as np, fastconv
heard = []
signal.signal(signal.SIGALRM, lambda *_: heard.append(time.monotonic()))
x, w = np.full((512, 64, 16, 16), 1e-40, "f4"), np.ones((64, 64, 3, 3), "f4")
seconds = 0
while seconds < 0.5:
    x = np.concatenate([x, x])
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    heard.clear()
    begin = time.monotonic()
    fastconv.conv2d(x, w, threads=1)
    end = time.monotonic()
    seconds = end - begin
    signal.setitimer(signal.ITIMER_REAL, 0)
assert sum(t < end for t in heard) > 2, (seconds, len(heard))
print("done")
"""
    assert printed(code) == "done"


@pytest.mark.long
def test_a_child_of_a_signal_handler_s_fork():
    """It does again what was under way, which must not scale results back twice."""
    code = """
import os, signal, time, numpy as np, fastconv
x = np.random.default_rng(0).standard_normal((1, 2, 6000, 6000), dtype=np.float32)
x *= np.float32(7e-40)
w = np.array([[1, 0.5], [0.25, -1]], np.float32).reshape(2, 2, 1, 1)
expected, y = fastconv.conv2d(x, w, threads=1), np.zeros_like(x)
for _ in range(3):  # the memory of the first one is not there yet
    begin = time.perf_counter()
    fastconv.conv2d(x, w, threads=2, out=y)
    seconds = time.perf_counter() - begin
children = []

def fork(*_):
    children.append(os.fork())

signal.signal(signal.SIGALRM, fork)
for i in range(16):
    signal.setitimer(signal.ITIMER_REAL, seconds * (0.6 + 0.4 * i / 16))  # late: scaled back
    fastconv.conv2d(x, w, threads=2, out=y)
    signal.setitimer(signal.ITIMER_REAL, 0)
    right = bool((y.view(np.uint32) == expected.view(np.uint32)).all())
    if children[-1:] == [0]:
        os._exit(not right)
    assert right
print(len(children), sum(os.waitstatus_to_exitcode(os.waitpid(c, 0)[1]) for c in children))
"""
    forks, wrong = map(int, printed(code).split())
    assert forks > 4 and wrong == 0
