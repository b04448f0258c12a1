"""Why convolution layers are small: one filter, used at every place of an image.

Counts weights and operations of well-known layers, and measures on a real handwritten digit
what sharing the weights buys: the answer moves with the image.  Every figure is checked.

Run it with ``python examples/weight_sharing.py``; it needs scikit-learn for the digit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

import fastconv


class Layer(NamedTuple):
    """A convolution layer: C channels in, K filters of R x R, an output of H x H."""

    name: str
    channels: int
    filters: int
    kernel: int
    size: int
    groups: int  # as in the published network; with groups == channels, a pointwise layer follows


REAL_LAYERS = [
    Layer("AlexNet conv2", 96, 256, 5, 27, 2),
    Layer("ResNeXt-50 stage 1", 128, 128, 3, 56, 32),
    Layer("MobileNet 14x14", 512, 512, 3, 14, 512),
]


def conv_weights(channels: int, filters: int, kernel: int, groups: int = 1) -> int:
    """Count the weights of a convolution, biases apart: each filter sees C / groups channels."""
    return filters * (channels // groups) * kernel * kernel


def separable_weights(channels: int, filters: int, kernel: int) -> int:
    """Count the weights of a depthwise convolution followed by a pointwise one."""
    return conv_weights(channels, channels, kernel, channels) + conv_weights(channels, filters, 1)


def show_parameter_counts() -> None:
    """Compare a fully connected layer with a convolution, then count a small digit net."""
    print("Weights (biases apart)")
    dense = 32 * 32 * 3 * 1000
    shared = conv_weights(3, 64, 3)
    print(f"  fully connected, 32x32x3 = 3072 inputs to 1000 units  {dense:>9,}")
    print(f"  convolution, 64 filters of 3x3x3                      {shared:>9,}")
    assert (dense, shared) == (3_072_000, 1_728)

    conv, hidden, output = conv_weights(1, 32, 3), 14 * 14 * 32 * 128, 128 * 10
    print(f"  MNIST net: convolution, 32 filters of 3x3x1           {conv:>9,}")
    print(f"             dense, 14x14x32 = 6272 inputs to 128 units {hidden:>9,}")
    print(f"             dense, 128 inputs to 10 classes            {output:>9,}")
    assert (conv, hidden, output) == (288, 802_816, 1_280)


def show_uses_of_a_filter() -> None:
    """Count how often one weight is used: on an image of ones, each use adds the weight once."""
    image = np.ones((1, 32, 32), np.float32)
    one_weight = np.zeros((1, 1, 3, 3), np.float32)
    one_weight[0, 0, 1, 1] = 1
    uses = fastconv.conv2d(image, one_weight)
    print("\nUses of one filter")
    print(
        f"  each weight of a 3x3 filter on a 32x32 image: {uses.shape[1]}x{uses.shape[2]} = "
        f"{int(uses.sum())} times"
    )
    assert uses.shape == (1, 30, 30)
    assert uses.sum() == 900


def receptive_fields(dilations: tuple[int, ...]) -> list[int]:
    """Measure the receptive field after each of several stacked 3x3 layers.

    An impulse reaches exactly those outputs that have it in their receptive field, and all
    places behave alike, so what it reaches is as large as what one output sees.
    """
    signal = np.zeros((1, 31, 31), np.float32)
    signal[0, 15, 15] = 1
    ones = np.ones((1, 1, 3, 3), np.float32)
    fields = []
    for dilation in dilations:
        signal = fastconv.conv2d(signal, ones, padding="same", dilation=dilation)
        rows, cols = np.nonzero(signal[0])
        side = int(np.ptp(rows)) + 1
        assert np.ptp(cols) + 1 == side
        assert len(rows) == side * side, "a receptive field has holes"
        fields.append(side)
    return fields


def show_receptive_fields() -> None:
    """Compare three ordinary 3x3 layers with three dilated ones: the same 27 weights."""
    print("\nReceptive field of three stacked 3x3 layers (27 weights), seen by an impulse")
    for dilations, expected in [((1, 1, 1), [3, 5, 7]), ((1, 2, 4), [3, 7, 15])]:
        fields = receptive_fields(dilations)
        growth = " -> ".join(f"{side}x{side}" for side in fields)
        print(f"  dilation {', '.join(map(str, dilations))}: {growth}")
        assert fields == expected


def show_kinds_of_convolution() -> None:
    """Compare standard, grouped and depthwise separable forms of layers of real networks."""
    print("\nWeights and multiply-adds of real layers (* as in the published network)")
    print(f"  {'layer':<19} {'kind':<21} {'weights':>9} {'multiply-adds':>14} {'of standard':>12}")
    for layer in REAL_LAYERS:
        name, channels, filters, kernel, size, groups = layer
        # A depthwise layer's grouped form is shown with 32 groups, like ResNeXt's.
        shown_groups = groups if groups < channels else 32
        kinds = {
            "standard": conv_weights(channels, filters, kernel),
            f"{shown_groups} groups": conv_weights(channels, filters, kernel, shown_groups),
            "depthwise separable": separable_weights(channels, filters, kernel),
        }
        published = "depthwise separable" if groups == channels else f"{groups} groups"
        for kind, weights in kinds.items():
            # Every weight is used once for every output pixel.
            operations = weights * size * size
            label = kind + (" *" if kind == published else "")
            share = weights / kinds["standard"]
            print(f"  {name:<19} {label:<21} {weights:>9,} {operations:>14,} {share:>12.1%}")

    assert conv_weights(96, 256, 5, 2) == 307_200
    assert conv_weights(128, 128, 3, 32) == 4_608
    assert separable_weights(512, 512, 3) == 512 * 9 + 512 * 512


def shifted_canvases(digit: np.ndarray, shifts: list[tuple[int, int]]) -> list[np.ndarray]:
    """Put a digit on a larger empty canvas at several places round the middle."""
    height, width = digit.shape
    canvases = []
    for down, right in shifts:
        canvas = np.zeros((1, height + 16, width + 16), np.float32)
        canvas[0, 8 + down : 8 + down + height, 8 + right : 8 + right + width] = digit
        canvases.append(canvas)
    return canvases


def show_equivariance(digit: np.ndarray) -> None:
    """Shift the image, and the convolution shifts with it."""
    edges = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32).reshape(1, 1, 3, 3)
    down, right = 2, 3
    image, moved = shifted_canvases(digit, [(0, 0), (down, right)])
    shift_then_convolve = fastconv.conv2d(moved, edges, padding="same")
    convolve_then_shift = np.roll(
        fastconv.conv2d(image, edges, padding="same"), (down, right), axis=(1, 2)
    )
    inner = np.s_[:, 4:-4, 4:-4]  # away from the borders, which np.roll wraps round
    difference = np.abs(shift_then_convolve - convolve_then_shift)[inner].max()
    print("\nConvolution of a handwritten digit is equivariant to translation")
    print(f"  max |conv(shift(x)) - shift(conv(x))| = {difference:g}")
    assert np.any(shift_then_convolve)
    assert difference == 0


def show_invariance(digit: np.ndarray) -> None:
    """Shift the image a little: the larger the pool, the less its maxima change."""
    neighbours = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
    image, *moved = shifted_canvases(digit, [(0, 0), *neighbours])
    print("\nMax pooling makes a small shift matter less")
    print("  change of the result when the digit moves by one pixel (mean of 8 directions):")
    changes = []
    for window in (1, 2, 4, 8):
        # A stride of 1 leaves out where the grid of windows happens to lie on the digit.
        pooled = fastconv.max_pool2d(image, window, stride=1)
        change = np.mean(
            [
                np.linalg.norm(fastconv.max_pool2d(other, window, stride=1) - pooled)
                for other in moved
            ]
        ) / np.linalg.norm(pooled)
        changes.append(float(change))
        label = "no pooling" if window == 1 else f"{window}x{window} pooling"
        print(f"  {label:<12} {change:>6.1%}")
    assert changes == sorted(changes, reverse=True)
    assert changes[-1] < changes[0] / 2


def main() -> None:
    """Print and check everything."""
    show_parameter_counts()
    show_uses_of_a_filter()
    show_receptive_fields()
    show_kinds_of_convolution()
    digit = load_digits().images[0].astype(np.float32)
    show_equivariance(digit)
    show_invariance(digit)
    print("\nAll figures checked.")


if __name__ == "__main__":
    main()
