"""`out`: what may be given, what may not, and that a refused one is left alone."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .calls import CALLS, CONVOLUTIONS, WITH_OUT, call, expected, right
from .case import Case, T, V, refused


def like(y, dtype="f4"):
    return np.full(y.shape, 77, dtype)


def wrong(y):
    """Arrays that no result of y's shape can go to, and what the message says."""
    read_only = like(y)
    read_only.flags.writeable = False
    yield "a wider one", np.empty((*y.shape[:3], y.shape[3] + 1), "f4"), "shape"
    yield "one image", like(y)[0], "shape"
    yield "broadcast", np.broadcast_to(like(y)[:1], y.shape), ""
    yield "channels last", like(y).transpose(0, 2, 3, 1), "shape"
    yield "empty", np.empty(0, "f4"), "shape"
    for dtype in ("f8", "f2", "i4", ">f4", "c8", object, "f4,f4", "U1"):
        yield f"dtype {dtype}", np.zeros(y.shape, dtype), ("byte order", "dtype")
    yield "read-only", read_only, "read-only"
    for offset in range(1, 4):
        raw = np.empty(y.nbytes + 8, np.uint8)[offset : offset + y.nbytes]
        yield f"misaligned by {offset}", raw.view("f4").reshape(y.shape), "aligned"
    for axis in range(4):
        strides = [0 if i == axis else s for i, s in enumerate(like(y).strides)]
        yield f"axis {axis} without a step", as_strided(like(y), y.shape, strides), "overlap"
    s = like(y).strides
    yield "rows that overlap", as_strided(np.empty(y.size, "f4"), y.shape, (*s[:2], s[3], s[3])), \
        "overlap"
    record = np.zeros(y.shape, [("tag", "u1"), ("value", "f4")])
    yield "a field of packed records", record["value"], "aligned"


def fitting(y):
    sparse = np.empty((*y.shape[:2], y.shape[2] * 2, y.shape[3] * 3), "f4")
    yield "every other row", sparse[:, :, 1::2, ::3]
    yield "backwards", like(y)[:, ::-1, :, ::-1]
    yield "Fortran order", np.asfortranarray(like(y))
    more = np.empty((y.shape[0], y.shape[1] + 3, *y.shape[2:]), "f4")
    yield "some channels of more", more[:, 2:-1]
    yield "channels last in memory", like(y).transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    yield "a subclass", like(y).view(np.recarray)
    yield "memmap", np.memmap("/dev/zero", "f4", "c", 0, y.shape)
    yield "a masked array", np.ma.masked_array(like(y), y > 0)
    yield "a field of aligned records", np.zeros(y.shape, [("tag", "i4"), ("value", "f4")])["value"]


def fits(target, out):
    assert call(target, out=out) is out
    np.testing.assert_array_equal(np.rint(np.asarray(out)), expected(target))


def overlapping(target, place):
    """x in the middle of a block, out so that it shares the one element at `place`."""
    x, y = CALLS[target][1]["x"], call(target)
    memory = np.zeros(2 * y.size + x.size, "f4")
    given = memory[y.size : y.size + x.size].reshape(x.shape)
    given[...] = x
    begin = 1 if place == "first" else y.size + x.size - 1
    call(target, x=given, out=memory[begin : begin + y.size].reshape(y.shape))


def beside(target):
    x, y = CALLS[target][1]["x"], call(target)
    memory = np.zeros(2 * y.size + x.size, "f4")
    given = memory[y.size : y.size + x.size].reshape(x.shape)
    given[...] = x
    right(target, x=given, out=memory[: y.size].reshape(y.shape))
    right(target, x=given, out=memory[y.size + x.size :].reshape(y.shape))


def interleaved(target):
    """Inputs at even, results at odd elements: bounds overlap, no element does."""
    x, y = CALLS[target][1]["x"], call(target)
    memory = np.zeros(2 * max(x.size, y.size), "f4")
    given = as_strided(memory, x.shape, [2 * s for s in x.strides])
    given[...] = x
    out = as_strided(memory[1:], y.shape, [2 * s for s in like(y).strides])
    right(target, x=given, out=out)


def cases():
    for target in WITH_OUT:
        y = call(target).astype("f4")
        for label, out, word in wrong(y):
            yield refused("out", target, "out", out, V, {"out": like(y)},
                          (word,), label)
        for value in (y.tolist(), "abc", 1.0, memoryview(like(y)), True):
            yield refused("out", target, "out", value, T, {"out": like(y)},
                          (type(value).__name__,), type(value).__name__)
        for label, out in fitting(y):
            yield Case("out", f"{target} {label}", lambda t=target, out=out: fits(t, out))
        if target == "depthwise_separable_conv2d":
            continue  # its input is done with before the result is written
        for place in ("first", "last"):
            yield Case("out", f"{target} shares the {place} element with x",
                       lambda t=target, p=place: overlapping(t, p), (V,),
                       ("out must not share memory with x",), lambda t=target: beside(t))
        yield Case("out", f"{target} between the elements of x", lambda t=target: interleaved(t))
    for target in CONVOLUTIONS:
        if target == "Conv2d":
            continue  # it copies its weights
        shape = call(target).shape
        for name in ("w", "bias"):
            memory = np.ones(int(np.prod(shape)), "f4")
            size = CALLS[target][1][name].shape
            given = memory[: int(np.prod(size))].reshape(size)
            yield Case("out", f"{target} shares memory with {name}",
                       lambda t=target, n=name, g=given, m=memory, s=shape: call(
                           t, out=m.reshape(s), **{n: g}),
                       (V,), (f"out must not share memory with {name}",),
                       lambda t=target, n=name, g=given: right(t, **{n: g}))
