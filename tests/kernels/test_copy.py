"""The copies in and out of strips, which are exact: every form, every edge of a block.

A 1x1 `im2col` is one copy of each plane; a 1x1 convolution with the identity goes through the
transposing forms as well, and returns its input bit by bit.
"""

import itertools

import numpy as np
import pytest
from support import canary, edges, from_layout, tile, to_layout

import fastconv

# How a plane's columns, then its rows, lie in memory: contiguous, a step, backwards, broadcast.
STEPS = [1, 2, 3, -1, -2, 0]


def view(values, row_step, column_step, transposed=False):
    """`values` (C, H, W) with the given strides, everything around it NaN."""
    values = values.transpose(0, 2, 1) if transposed else values
    shape = values.shape[:1] + tuple(
        n * max(abs(step), 1) + 2
        for n, step in zip(values.shape[1:], (row_step, column_step), strict=True)
    )
    larger = np.full(shape, np.nan, values.dtype)
    inner = larger
    for axis, step in ((1, row_step), (2, column_step)):
        n = values.shape[axis]
        at = slice(1, 2) if step == 0 else slice(1, 1 + n * abs(step), abs(step))
        inner = inner[(slice(None),) * axis + (at,)]
        inner = np.flip(inner, axis) if step < 0 else inner
        if step == 0:
            values = np.broadcast_to(np.take(values, [0], axis), values.shape)
    inner[...] = values[:, : inner.shape[1], : inner.shape[2]]
    inner = np.broadcast_to(inner, values.shape)
    return inner.transpose(0, 2, 1) if transposed else inner


def values(shape, dtype):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("transposed", [False, True], ids=["", "transposed"])
def test_rows_of_any_stride(isa, dtype, transposed):
    vl = tile(isa, dtype).vl
    for height, width in itertools.product([1, vl - 1 or 1, vl + 1], edges(vl)):
        x = values((2, height, width), dtype)
        for row_step, column_step in itertools.product((1, 2, -1), STEPS):
            given = view(x, row_step, column_step, transposed)
            got = fastconv.im2col(given[None], 1)
            np.testing.assert_array_equal(got.reshape(given.shape), given)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_every_step_th_element(isa, dtype, step):
    vl = tile(isa, dtype).vl
    for width in edges(vl) + [n * step for n in edges(vl)]:
        x, _ = canary(values((1, 2, 3, width), dtype))
        got = fastconv.im2col(x, 1, stride=(1, step))
        np.testing.assert_array_equal(got.ravel(), x[..., ::step].ravel())


def test_outputs_of_any_stride(isa, dtype, layout):
    """Strips out: rows, transposed blocks, single elements."""
    vl = tile(isa, dtype).vl
    for channels, width in itertools.product(edges(vl)[:-1], [1, vl, 2 * vl + 3]):
        x = values((1, channels, 2, width), dtype)
        w = np.eye(channels, dtype=dtype)[:, :, None, None]
        for algorithm, step in itertools.product(("direct", "im2col"), (1, 2, 3, -1)):
            given = to_layout(x, layout)
            larger = np.full((*given.shape[:3], given.shape[3] * abs(step)), 7, dtype)
            out = larger[..., ::step]
            fastconv.conv2d(given, w, layout=layout, algorithm=algorithm, out=out)
            np.testing.assert_array_equal(from_layout(out, layout), x)
            if step > 1:
                assert (np.delete(larger, np.s_[::step], axis=3) == 7).all()


@pytest.mark.parametrize("few", [2, 4])
def test_pixels_of_two_and_four(isa, dtype, layout, few):
    """Taken apart and put together by vectors: as channels of a row, and as planes of so many."""
    vl = tile(isa, dtype).vl
    for many in [*edges(vl), vl // few or 1, 3 * vl // few]:
        for channels, height, width in ((few, 2, many), (many, 1, few), (many, 2, few // 2)):
            x = values((1, channels, height, width), dtype)
            w = np.eye(channels, dtype=dtype)[:, :, None, None]
            flat, _ = canary(to_layout(x, layout).ravel())
            given = flat.reshape(to_layout(x, layout).shape)
            for algorithm in ("direct", "im2col"):
                flat, intact = canary(np.zeros(x.size, dtype))
                out = flat.reshape(given.shape)
                fastconv.conv2d(given, w, layout=layout, algorithm=algorithm, out=out)
                np.testing.assert_array_equal(from_layout(out, layout), x)
                assert intact()


def test_the_first_of_two_and_four(isa, dtype):
    """Rows of images of two and four pixels, channels last in the strip."""
    vl = tile(isa, dtype).vl
    for channels, size in itertools.product(edges(vl), [(2, 1), (4, 1), (2, 2), (1, 4)]):
        x = values((1, channels, *size), dtype)
        w = np.eye(channels, dtype=dtype)[:, :, None, None]
        given, _ = canary(x.ravel())
        for stride in (1, 2, 3):
            got = fastconv.conv2d_im2col(given.reshape(x.shape), w, stride=stride)
            np.testing.assert_array_equal(got, x[:, :, ::stride, ::stride])


@pytest.mark.parametrize("transposed", [False, True], ids=["", "transposed"])
def test_channels_last_strips_in(isa, dtype, transposed):
    """NCHW into channels-last scratch: transposed blocks, with a column step of 1 and 2."""
    vl = tile(isa, dtype).vl
    for channels, width in itertools.product(edges(vl)[:-1], edges(vl)):
        x = values((channels, 2, width), dtype)
        w = np.eye(channels, dtype=dtype)[:, :, None, None]
        for column_step, stride in itertools.product((1, 2, -1), (1, 2)):
            given = view(x, 1, column_step, transposed)
            got = fastconv.conv2d_im2col(given, w, stride=(1, stride))
            np.testing.assert_array_equal(got, x[:, :, ::stride])


@pytest.mark.parametrize("algorithm", ["direct", "depthwise"])
def test_the_four_phases_of_a_stride_of_2(isa, dtype, algorithm):
    """A filter with a single one takes out one phase, from any first row and column."""
    vl = tile(isa, dtype).vl
    for height, width in itertools.product((2, 3, 7), (*edges(vl), 4 * vl + 2)):
        x, _ = canary(values((1, 2, height, width), dtype))
        for pad in (((0, 1), (0, 1)), ((1, 0), (1, 1)), ((2, 2), (0, 2))):
            padded = np.pad(x, ((0, 0), (0, 0), *pad))
            for i, j in itertools.product((0, 1), (0, 1)):
                w = np.zeros((4, 1, 2, 2), dtype)
                w[:, :, i, j] = 1
                got = fastconv.conv2d(x, w, None, 2, pad, groups=2, algorithm=algorithm)
                rows, columns = got.shape[2:]
                wanted = padded[:, :, i::2, j::2][:, :, :rows, :columns]
                np.testing.assert_array_equal(got, np.repeat(wanted, 2, 1))
