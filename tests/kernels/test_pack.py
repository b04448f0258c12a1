"""The packing of weights: a single 1 in the input finds each of them again, bit by bit."""

import itertools

import numpy as np
import pytest
from support import edges, tile

import fastconv


def impulse(channels, channel, kernel, dtype):
    """An image whose convolution, padded by the kernel, is one channel of the filters, flipped."""
    x = np.zeros((1, channels, *kernel), dtype)
    x[0, channel, -1, -1] = 1
    return x


def found(w, channel, groups=1):
    channels = w.shape[1] * groups
    kernel = w.shape[2:]
    padding = ((0, kernel[0] - 1), (0, kernel[1] - 1))
    x = impulse(channels, channel, kernel, w.dtype)
    y = fastconv.conv2d_im2col(x, w, padding=padding, groups=groups)
    return y[0, :, ::-1, ::-1]


def filters(dtype, *shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("kernel", [(1, 1), (1, 2), (3, 3), (2, 5)])
def test_panels_of_every_width(isa, dtype, kernel):
    size = tile(isa, dtype)
    panel = size.pixel_channels
    for count in [*edges(size.vl), panel - 1, panel, panel + 1, 2 * panel + 3]:
        w = filters(dtype, count, 3, *kernel)
        for channel in range(3):
            np.testing.assert_array_equal(found(w, channel), w[:, channel])


def test_filter_lengths_around_the_vector(isa, dtype):
    size = tile(isa, dtype)
    for channels, count in itertools.product(edges(size.vl), [size.vl, size.vl + 1]):
        w = filters(dtype, count, channels, 1, 3)
        for channel in {0, channels // 2, channels - 1}:
            np.testing.assert_array_equal(found(w, channel), w[:, channel])


def test_filters_longer_than_a_stretch(isa, dtype):
    """1 KiB of each filter at a time, which begins and ends within a channel's taps."""
    for channels, kernel in [(61, (3, 3)), (40, (1, 7))]:
        w = filters(dtype, tile(isa, dtype).pixel_channels + 1, channels, *kernel)
        for channel in [*range(0, channels, 9), channels - 1]:
            np.testing.assert_array_equal(found(w, channel), w[:, channel])


def test_groups_have_panels_of_their_own(isa, dtype):
    size = tile(isa, dtype)
    for groups, count in itertools.product([2, 3], [1, size.vl + 1, size.pixel_channels + 1]):
        w = filters(dtype, groups * count, 2, 1, 2)
        for channel in range(2 * groups):
            group, inner = divmod(channel, 2)
            wanted = np.zeros((groups * count, 1, 2), dtype)
            rows = slice(group * count, (group + 1) * count)
            wanted[rows] = w[rows, inner]
            np.testing.assert_array_equal(found(w, channel, groups), wanted)


@pytest.mark.parametrize("channels", [557, 640])
def test_long_reductions_are_packed_by_blocks_of_channels(isa, dtype, channels):
    w = filters(dtype, 5, channels, 3, 3)  # 5013 and 5760 taps
    for channel in {0, 127, 128, 511, 512, channels - 1}:
        np.testing.assert_array_equal(found(w, channel), w[:, channel])
