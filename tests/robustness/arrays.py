"""Arrays: what is no array of numbers, shapes that do not fit, memory that is odd but right."""

import tempfile

import numpy as np
from numpy.lib.stride_tricks import as_strided

import fastconv

from .calls import CALLS, CONVOLUTIONS, EVERY_ARRAY, call, expected, right, values
from .case import Case, M, T, V, refused

NOT_NUMBERS = [object, "U3", "S3", "V5", bool, complex, np.complex64, "M8[s]", "m8[s]", "f4,i4",
               np.longdouble, np.clongdouble]
NUMBERS = {"f2": "f4", "f4": "f4", "f8": "f8", "i1": "f4", "u1": "f4", "i2": "f4", "u2": "f4",
           "i4": "f8", "u4": "f8", "i8": "f8", "u8": "f8", ">f4": "f4", ">f8": "f8", ">i2": "f4",
           ">u8": "f8"}


class Subclass(np.ndarray):
    def __len__(self):
        return 10**6


class Array:
    """Something that turns into an array when asked to, or fails to."""

    def __init__(self, value):
        self.value = value

    def __array__(self, *arguments, **options):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def interface(a, **changes):
    """An object whose memory another array owns."""
    made = type("Interface", (), {})()
    made.__array_interface__ = {**a.__array_interface__, **changes}
    made.owner = a
    return made


NO_ARRAYS = {
    "rows of two lengths": [[1.0], [2.0, 3.0]], "a string": "abc", "strings": [["a"]],
    "a dict": {1: 2}, "a set": {1.0}, "an object": object(), "a function": len,
    "integers beyond 64 bits": [[[[2**70]]]], "__array__ of a string": Array("no array"),
    "__array__ that raises": Array(ValueError("broken")),
    "__array_interface__ without a shape": interface(np.ones(3), shape="x"),
    "__array_interface__ of another version": interface(np.ones(3), version=7, typestr="?"),
}


def wrong_kinds():
    for target, name in EVERY_ARRAY:
        good = CALLS[target][1][name]
        for dtype in NOT_NUMBERS:
            value = np.zeros(good.shape, dtype)
            yield refused("dtypes", target, name, value, T, {name: good.astype("f8")},
                          (value.dtype,), str(value.dtype))
        flat = good[0, ...] if good.ndim == 1 else good.reshape(-1)
        shapes = [np.array(flat), np.array(good[None, None]), np.zeros((0,) * 9), 1.0, [], None]
        for value in shapes:
            if value is None and name.startswith("bias"):
                continue
            # None is an array of one object.
            yield refused("ranks", target, name, value, (V, T), {name: good.tolist()},
                          ("got",), f"{type(value).__name__} of shape {np.shape(value)}")
        for label, value in NO_ARRAYS.items():
            yield refused("no arrays", target, name, value, (T, V), {name: Array(good)}, (), label)
        yield refused("no memory", target, name, Array(MemoryError(name)), M, words=(), label="")


def shapes():
    for target in CONVOLUTIONS:
        w = CALLS[target][1]["w"]
        for axis in range(4):
            empty = np.ones([0 if i == axis else n for i, n in enumerate(w.shape)], "f4")
            yield refused("weights", target, "w", empty, V, {"w": w[::-1]}, (str(empty.shape),),
                          f"of shape {empty.shape}")
        wider = np.ones((4, w.shape[1] + 1, 3, 3), "f4")
        yield refused("weights", target, "w", wider, V, {"w": wider[:, :-1]}, (str(wider.shape),),
                      f"of shape {wider.shape}")
        for bias in (np.ones(5), np.ones((4, 1)), np.ones(0), np.ones(()), [[1.0]], np.ones(1)):
            yield refused("bias", target, "bias", np.asarray(bias), V, {"bias": None},
                          (str(np.shape(bias)),), f"of shape {np.shape(bias)}")
        yield Case("bias", f"{target} beyond float32",
                   lambda t=target: np.isinf(call(t, bias=np.full(4, 1e300))).all() or 1 / 0)
    for name, shape in [("w_depthwise", (5, 1, 3, 3)), ("w_depthwise", (4, 2, 3, 3)),
                        ("w_pointwise", (5, 3, 1, 1)), ("w_pointwise", (5, 4, 3, 3)),
                        ("w_pointwise", (0, 4, 1, 1)), ("bias_depthwise", (5,)),
                        ("bias_pointwise", (4,)), ("bias_pointwise", (5, 1))]:
        near = CALLS["depthwise_separable_conv2d"][1][name]
        yield refused("weights", "depthwise_separable_conv2d", name, np.ones(shape), V,
                      {name: near.astype("i1")}, (str(shape),), f"of shape {shape}")
    for target in (t for t in CALLS if t != "col2im"):
        x = CALLS[target][1]["x"]
        yield Case("no images", target, lambda t=target, x=x: right(t, call(t)[:0], x=x[:0]))
        yield refused("no channels", target, "x", x[:, :0], V, {"x": x[1:]}, (0,), "(2, 0, 9, 8)")
        yield refused("no channels", target, "x", x[:, :, :0], V, {"x": x[:, :, ::-1]}, (),
                      "(2, 4, 0, 8)")
    for shape in [(2, 0, 42), (2, 35, 42), (2, 36, 41), (2, 36, 0), (35, 42), (42,),
                  (1, 2, 36, 42)]:
        near = {"cols": np.ones((1, 36, 42))}
        yield refused("weights", "col2im", "cols", np.ones(shape), V, near, (str(shape),),
                      f"of shape {shape}")
    x = np.ones((1, 4, 4, 5), "f4")
    one = {"w": np.ones((3, 4, 11, 11), "f4"), "bias": None, "padding": 5}
    yield Case("odd shapes", "3 filters of 11 x 11", lambda: right("conv2d", x=x, **one))
    yield Case("odd shapes", "4 channels, 1 x 1, stride 2",
               lambda: right("conv2d", w=values(4, 4, 1, 1), stride=2))
    for groups in (5, 67):
        many = {"x": values(1, groups, 7, 11), "w": values(groups, 1, 3, 3), "groups": groups,
                "bias": values(groups)}
        for target in ("conv2d", "conv2d_depthwise", "conv2d_direct", "conv2d_grouped"):
            yield Case("odd shapes", f"{target} {groups} groups",
                       lambda target=target, many=many: right(target, **many))
    for target in CONVOLUTIONS:
        w, options = CALLS[target][1]["w"], {"padding": 2 if target == "conv2d_dilated" else 1}
        for size in [(1, 1), (1, 37), (13, 1), (31, 17)]:
            x = values(1, 4, *size)
            yield Case("odd shapes", f"{target} image of {size}",
                       lambda t=target, x=x, w=w, o=options: right(t, x=x, w=w, **o))


def forms(a):
    """Memory that is unusual but holds the same values."""
    yield "Fortran order", np.asfortranarray(a)
    yield "foreign byte order", a.astype(a.dtype.newbyteorder())
    for offset in range(1, 8):
        raw = np.empty(a.nbytes + 8, np.uint8)[offset : offset + a.nbytes]
        moved = np.frombuffer(raw, a.dtype).reshape(a.shape)
        moved[...] = a
        yield f"misaligned by {offset}", moved
    for axis in range(a.ndim):
        at = (slice(None),) * axis
        yield f"axis {axis} backwards", np.flip(np.flip(a, axis).copy(), axis)
        yield f"every third of axis {axis}", np.repeat(a, 3, axis)[(*at, slice(None, None, 3))]
    record = np.zeros(a.shape, [("tag", "u1"), ("value", a.dtype)])
    record["value"] = a
    yield "a field of records", record["value"]
    frozen = a.copy()
    frozen.flags.writeable = False
    yield "read-only", frozen
    yield "a subclass", a.view(Subclass)
    yield "a masked array", np.ma.masked_array(a, a > 0)
    yield "a list", a.tolist()
    yield "an object with __array__", Array(a)
    yield "an object with __array_interface__", interface(a)
    yield "a memoryview", memoryview(a)
    with tempfile.TemporaryFile() as file:
        file.write(b"head" + a.tobytes())
        yield "memmap", np.memmap(file, a.dtype, "r+", 4, a.shape)
        yield "read-only memmap", np.memmap(file, a.dtype, "r", 4, a.shape)
    yield "copy on write", np.memmap("/dev/zero", a.dtype, "c", 0, a.shape) + a
    far = as_strided(a, a.shape, [s if n > 1 else 2**61 for s, n in zip(a.strides, a.shape,
                                                                     strict=True)])
    yield "huge strides of one element", far
    for code in NUMBERS:
        if np.dtype(code).kind != "u":
            yield f"dtype {code}", a.astype(code)


def memory():
    for target, name in EVERY_ARRAY:
        good = CALLS[target][1][name]
        for label, form in forms(good):
            yield Case("memory", f"{target} {name} {label}",
                       lambda t=target, name=name, form=form: right(t, expected(t), **{name: form}))
        first = good[:1] if good.ndim > 1 else good
        wide = np.broadcast_to(first, good.shape)
        yield Case("memory", f"{target} {name} broadcast",
                   lambda t=target, name=name, wide=wide: right(
                       t, expected(t, **{name: np.array(wide)}), **{name: wide}))


def promotion():
    def check(x, w, want):
        got = fastconv.conv2d(x, w)
        assert got.dtype == want, got.dtype
        np.testing.assert_array_equal(np.rint(got), expected("conv2d", x=x, w=w, bias=None))

    x, w = np.arange(50).reshape(1, 2, 5, 5), np.ones((3, 2, 3, 3), int)
    for a, first in NUMBERS.items():
        for b, second in NUMBERS.items():
            wider = max(first, second)
            yield Case("mixed dtypes", f"{a} {b}", lambda a=a, b=b, wider=wider: check(
                x.astype(a), w.astype(b), wider))
    for code, want in NUMBERS.items():
        def others(code=code, want=want):
            given = x.astype(code)
            assert fastconv.im2col(given, 2).dtype == want
            assert fastconv.col2im(given.reshape(1, 2, 25), (5, 6), (1, 2)).dtype == want
            pooled = fastconv.max_pool2d(given, 2)
            kind = np.dtype(code).newbyteorder("=") if code[-2] in "iu" else want
            assert pooled.dtype == kind and pooled.dtype.isnative
            np.testing.assert_array_equal(pooled, expected("max_pool2d", x=x, kernel_size=2))
            np.testing.assert_array_equal(fastconv.max_pool2d(given, 2, out=pooled), pooled)

        yield Case("mixed dtypes", f"im2col and max_pool2d of {code}", others)


def claims(dtype, *shape):
    """One element that claims to be many."""
    return as_strided(np.ones(1, dtype), shape, (0,) * len(shape))


def huge():
    arrays = {"x": (1, 4, 9, 8), "w": (4, 4, 3, 3)}
    for target in [*CONVOLUTIONS, "max_pool2d", "im2col", "depthwise_separable_conv2d"]:
        for axis in range(4):
            for dtype in ("f4", "f8", "i1", "i8", ">f4"):
                shape = list(arrays["x"])
                shape[axis] = 2**40
                x = claims(dtype, *shape)
                yield Case("claims", f"{target} {dtype} {tuple(shape)}",
                           lambda t=target, x=x: call(t, x=x), (M, V), (),
                           lambda t=target, d=dtype: right(t, x=claims(d, *arrays["x"])))
        for shape in [(0, 1, 2**61, 1), (0, 2**61, 1, 1), (2**61, 0, 1, 1), (1, 1, 0, 2**61)]:
            yield Case("zero and huge", f"{target} {shape}",
                       lambda t=target, s=shape: call(t, x=claims("i1", *s)), (M, V), (),
                       lambda t=target: right(t))
    for target in CONVOLUTIONS:
        for shape in [(2**40, 4, 3, 3), (4, 4, 2**30, 2**30), (2**54, 4, 3, 3)]:
            yield Case("claims", f"{target} w {shape}",
                       lambda t=target, s=shape: call(t, w=claims("f4", *s), bias=None), (M, V), (),
                       lambda t=target: right(t))
        yield Case("claims", f"{target} bias",
                   lambda t=target: call(t, bias=claims("f4", 2**40)), (M, V))
    for shape in [(2**50, 36, 42), (2**40, 36, 42), (1, 9 * 2**40, 42), (1, 36, 2**40)]:
        yield Case("claims", f"col2im {shape}",
                   lambda s=shape: call("col2im", cols=claims("f4", *s)), (M, V), (),
                   lambda: right("col2im", cols=claims("f4", 2, 36, 42)))

    def small_of(target, want, **arguments):
        np.testing.assert_array_equal(call(target, x=claims("f4", 1, 1, 2**26, 2**26), **arguments),
                                      want)

    far = {"stride": 2**25}
    yield Case("bounded scratch", "conv2d of 2**52 pixels", lambda: small_of(
        "conv2d", np.full((1, 1, 2, 2), 9.0), w=np.ones((1, 1, 3, 3), "f4"), bias=None, **far))
    yield Case("bounded scratch", "im2col of 2**52 pixels",
               lambda: small_of("im2col", np.ones((1, 9, 4)), **far))
    yield Case("bounded scratch", "max_pool2d of 2**52 pixels",
               lambda: small_of("max_pool2d", np.ones((1, 1, 2, 2)), **far))
    yield Case("bounded scratch", "a matrix of 4 TB that is never built", lambda: right(
        "conv2d", np.full((1, 1, 1025, 1025), 2**20.0)[:, :, :2, :2],
        x=claims("f4", 1, 1, 1025, 1025), w=claims("f4", 1, 1, 1024, 1024), bias=None))


def cases():
    yield from wrong_kinds()
    yield from shapes()
    yield from memory()
    yield from promotion()
    yield from huge()
