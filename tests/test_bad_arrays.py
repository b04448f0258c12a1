"""Arrays: ranks, shapes, dtypes and memory orders, the wrong ones refused, the odd ones right."""

import time

import numpy as np
import pytest
from calls import CALLS, CONVOLUTIONS, WITH_OUT, arrays_of, call
from numpy.lib.stride_tricks import as_strided

import fastconv

EVERY_ARRAY = pytest.mark.parametrize(
    ("target", "name"), [(target, name) for target in CALLS for name in arrays_of(target)]
)
DTYPES = [object, "U3", "S3", bool, complex, np.complex64, "M8[s]", "m8[s]", "f4,i4",
          np.longdouble]


def refused(kind, name, target, value, *words):
    with pytest.raises((ValueError, TypeError, MemoryError, OverflowError)) as caught:
        call(target, **{name: value})
    message = str(caught.value)
    assert caught.type is kind, message
    for word in (name, *words):
        assert str(word) in message, message


@EVERY_ARRAY
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes_that_are_not_numbers_of_64_bits(target, name, dtype):
    shape = CALLS[target][1][name].shape
    value = np.zeros(shape, dtype)
    refused(TypeError, name, target, value, value.dtype)


@EVERY_ARRAY
def test_ranks(target, name):
    good = CALLS[target][1][name]
    for bad in (good[0, ...] if good.ndim == 1 else good.reshape(-1), good[None, None]):
        refused(ValueError, name, target, np.array(bad), bad.shape)


@EVERY_ARRAY
def test_values_that_are_no_array(target, name):
    refused(TypeError, name, target, [[1.0], [2.0, 3.0]])
    with pytest.raises((TypeError, ValueError), match=name):
        call(target, **{name: "abc"})


@pytest.mark.parametrize("target", CONVOLUTIONS)
@pytest.mark.parametrize("axis", range(4))
def test_empty_filters(target, axis):
    shape = list(CALLS[target][1]["w"].shape)
    shape[axis] = 0
    refused(ValueError, "w", target, np.ones(shape, np.float32), tuple(shape))


@pytest.mark.parametrize("target", CONVOLUTIONS)
def test_shapes_that_do_not_go_together(target):
    w = CALLS[target][1]["w"]
    wider = np.ones((4, w.shape[1] + 1, 3, 3), np.float32)
    refused(ValueError, "w", target, wider, wider.shape)
    refused(ValueError, "bias", target, np.ones(5, np.float32), "(5,)")
    refused(ValueError, "bias", target, np.ones((4, 1), np.float32), "(4, 1)")
    assert call(target, bias=None).shape == call(target).shape


@pytest.mark.parametrize("target", [t for t in CALLS if t != "col2im"])
def test_no_images_and_no_channels(target):
    x = CALLS[target][1]["x"]
    full = call(target)
    assert call(target, x=x[:0]).shape == (0, *full.shape[1:])
    refused(ValueError, "x", target, x[:, :0], 0)


def test_columns_that_do_not_fit():
    for shape in [(2, 0, 42), (2, 35, 42), (2, 36, 41), (35, 42), (42,), (1, 2, 36, 42)]:
        refused(ValueError, "cols", "col2im", np.ones(shape), shape)


@pytest.mark.parametrize("target", WITH_OUT)
class TestOut:
    def test_wrong_kinds(self, target):
        y = call(target)
        bigger = np.empty((*y.shape[:3], y.shape[3] + 1), y.dtype)
        read_only = np.empty_like(y)
        read_only.flags.writeable = False
        misaligned = np.empty(y.nbytes + 1, np.uint8)[1:].view(y.dtype).reshape(y.shape)
        for bad, word in [(bigger, bigger.shape), (np.empty(y.shape, np.float64), "float64"),
                          (y.astype(">f4"), "byte order"), (read_only, "read-only"),
                          (np.empty(y.shape, np.int32), "int32"), (y[0], y[0].shape),
                          (misaligned, "aligned")]:
            refused(ValueError, "out", target, bad, word)
        refused(TypeError, "out", target, y.tolist(), "list")

    def test_overlap_with_itself(self, target):
        y = call(target)
        for axis in range(4):
            strides = [0 if i == axis else s for i, s in enumerate(y.strides)]
            shared = as_strided(np.empty_like(y), y.shape, strides)
            refused(ValueError, "out", target, shared, "overlap")
        row = np.empty(y.size, y.dtype)
        shared = as_strided(row, y.shape, (*y.strides[:2], y.strides[3], y.strides[3]))
        refused(ValueError, "out", target, shared, "overlap")

    def test_memory_shared_with_the_input(self, target):
        if target == "depthwise_separable_conv2d":
            return  # its input is done with before the result is written
        x = CALLS[target][1]["x"]
        y = call(target)
        memory = np.zeros(x.size + y.size, np.float32)
        given = memory[: x.size].reshape(x.shape)
        given[...] = x
        out = memory[x.size - 1 : -1].reshape(y.shape)
        with pytest.raises(ValueError, match="out must not share memory with x"):
            call(target, x=given, out=out)
        out = memory[x.size :].reshape(y.shape)
        np.testing.assert_array_equal(call(target, x=given, out=out), y)

    def test_strided_ones(self, target):
        y = call(target)
        sparse = np.empty((*y.shape[:2], y.shape[2] * 2, y.shape[3] * 3), y.dtype)
        larger = np.empty((y.shape[0], y.shape[1] + 3, *y.shape[2:]), y.dtype)
        for out in (sparse[:, :, 1::2, ::3], np.empty_like(y)[:, ::-1, :, ::-1],
                    np.empty_like(y, order="F"), larger[:, 2:-1]):
            assert call(target, out=out) is out
            np.testing.assert_array_equal(out, y)


class Subclass(np.ndarray):
    pass


def odd_forms(a, folder):
    """Memory that is unusual but holds the same values."""
    yield np.asfortranarray(a)
    yield a.astype(a.dtype.newbyteorder())
    for offset in (1, 3, 4, 7):
        raw = np.empty(a.nbytes + 8, np.uint8)[offset : offset + a.nbytes]
        moved = np.frombuffer(raw, a.dtype).reshape(a.shape)
        moved[...] = a
        yield moved
    record = np.zeros(a.shape, [("tag", "u1"), ("value", a.dtype)])
    record["value"] = a
    yield record["value"]
    yield a.view(Subclass)
    frozen = a.copy()
    frozen.flags.writeable = False
    yield frozen
    mapped = np.memmap(folder / "a.bin", a.dtype, "w+", shape=a.shape)
    mapped[...] = a
    yield mapped
    yield a.tolist()


@EVERY_ARRAY
def test_odd_forms_give_the_same_bits(target, name, tmp_path):
    given = CALLS[target][1][name]
    expected = call(target)
    for form in odd_forms(given, tmp_path):
        if isinstance(form, list):  # of Python floats: everything is computed in float64
            np.testing.assert_allclose(call(target, **{name: form}), expected, 1e-4, 1e-4)
            continue
        got = call(target, **{name: form})
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("given", "computed"),
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i1", "f4"), ("u1", "f4"), ("i2", "f4"),
     ("u2", "f4"), ("i4", "f8"), ("u4", "f8"), ("i8", "f8"), ("u8", "f8")],
)
def test_promotion(given, computed):
    x, w = np.arange(50).reshape(1, 2, 5, 5).astype(given), np.ones((3, 2, 3, 3), given)
    got = fastconv.conv2d(x, w)
    assert got.dtype == computed
    np.testing.assert_array_equal(got, fastconv.conv2d(x.astype(computed), w.astype(computed)))
    assert fastconv.conv2d(x, w.astype("f8")).dtype == "f8"
    assert fastconv.conv2d(x.astype("f8"), w).dtype == "f8"
    assert fastconv.im2col(x, 2).dtype == computed


HUGE = 2**40


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1"])
@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("target", ["conv2d", "conv2d_direct", "max_pool2d", "im2col"])
def test_one_element_that_claims_to_be_many(target, axis, dtype):
    shape = [1, 4, 9, 8]
    shape[axis] = HUGE
    x = as_strided(np.ones(1, dtype), shape, (0,) * 4)
    start = time.perf_counter()
    with pytest.raises((MemoryError, ValueError)):
        call(target, x=x)
    assert time.perf_counter() - start < 1


def test_shapes_of_nothing_and_very_much():
    def claims(dtype, *shape):
        return as_strided(np.ones(1, dtype), shape, (0,) * len(shape))

    for target in ("conv2d", "max_pool2d", "im2col"):
        for shape in [(0, 1, 2**61, 1), (0, 2**61, 1, 1), (2**61, 0, 1, 1), (1, 1, 0, 2**61)]:
            with pytest.raises((MemoryError, ValueError)):
                call(target, x=claims("i1", *shape))
    with pytest.raises((MemoryError, ValueError)):
        call("conv2d", w=claims("f4", 2**54, 4, 3, 3), bias=None)
    with pytest.raises((MemoryError, ValueError)):
        call("col2im", cols=claims("f4", 2**50, 36, 42))
