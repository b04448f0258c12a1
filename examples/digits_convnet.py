"""A convolutional net that reads handwritten digits, in NumPy and fastconv alone.

    8x8 image -> conv 32@3x3, relu -> max pool 2x2 -> dense 128, relu -> dense 10

Nothing is trained by gradient descent.  The filters are random but orthogonal, which is known
to go a long way; the first dense layer takes the principal directions of what the filters see;
the last one is fitted by least squares.  All of it is deterministic.

Run it with ``python examples/digits_convnet.py``; it needs scikit-learn for the digits.

References
----------
K. Jarrett, K. Kavukcuoglu, M. Ranzato and Y. LeCun, "What is the best multi-stage architecture
for object recognition?", 2009 (nets with random filters).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

import fastconv

FILTERS, HIDDEN, CLASSES = 32, 128, 10
TEST_IMAGES = 500
RIDGE = 1e-3  # relative to the mean square of a feature


@dataclass
class DigitNet:
    """The weights of the net, and how an image goes through it."""

    filters: np.ndarray  # (32, 1, 3, 3)
    hidden: np.ndarray | None = None  # (32 * 4 * 4, 128)
    hidden_bias: np.ndarray | None = None  # (128,)
    output: np.ndarray | None = None  # (128, 10)
    output_bias: np.ndarray | None = None  # (10,)

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return what the convolution and the pooling see: (N, 1, 8, 8) -> (N, 512)."""
        maps = fastconv.conv2d(images, self.filters, padding="same", activation="relu")
        return fastconv.max_pool2d(maps, 2).reshape(len(images), -1)

    def activations(self, features: np.ndarray) -> np.ndarray:
        """Return the first dense layer: (N, 512) -> (N, 128)."""
        return np.maximum(features @ self.hidden + self.hidden_bias, 0)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return a score for each class: (N, 1, 8, 8) -> (N, 10)."""
        return self.activations(self.features(images)) @ self.output + self.output_bias

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Choose both dense layers in closed form."""
        features = self.features(images)
        mean = features.mean(axis=0)
        _, _, directions = np.linalg.svd(features - mean, full_matrices=False)
        principal = directions[: HIDDEN // 2].T
        # Each direction with both signs, so that relu keeps both of its halves.
        self.hidden = np.hstack([principal, -principal])
        self.hidden_bias = -mean @ self.hidden

        activations = self.activations(features)
        center = activations.mean(axis=0)
        activations = activations - center
        targets = np.eye(CLASSES, dtype=images.dtype)[labels]
        gram = activations.T @ activations
        gram += RIDGE * np.trace(gram) / HIDDEN * np.eye(HIDDEN, dtype=gram.dtype)
        self.output = np.linalg.solve(gram, activations.T @ (targets - targets.mean(axis=0)))
        self.output_bias = targets.mean(axis=0) - center @ self.output


def orthogonal_filters(rng: np.random.Generator) -> np.ndarray:
    """Return random 3x3 filters in orthonormal sets of nine; the last set is cut short."""
    sets = [np.linalg.qr(rng.standard_normal((9, 9)))[0] for _ in range(-(-FILTERS // 9))]
    return np.concatenate(sets)[:FILTERS].reshape(FILTERS, 1, 3, 3).astype(np.float32)


def main() -> None:
    """Fit the net on 1297 digits, test it on the other 500, and time it."""
    rng = np.random.default_rng(0)
    digits = load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    order = rng.permutation(len(images))
    train, test = order[:-TEST_IMAGES], order[-TEST_IMAGES:]

    net = DigitNet(orthogonal_filters(rng))
    net.fit(images[train], digits.target[train])

    print("Layer                     weights  biases")
    print(f"conv 32@3x3, relu       {net.filters.size:>9,} {0:>7}")
    print(f"max pool 2x2            {0:>9} {0:>7}")
    print(f"dense 512 -> 128, relu  {net.hidden.size:>9,} {net.hidden_bias.size:>7}")
    print(f"dense 128 -> 10         {net.output.size:>9,} {net.output_bias.size:>7}")
    assert (net.filters.size, net.hidden.size, net.output.size) == (288, 65_536, 1_280)

    start = time.perf_counter()
    scores = net(images[test])
    elapsed = time.perf_counter() - start
    accuracy = np.mean(scores.argmax(axis=1) == digits.target[test])
    print(f"\n{len(train)} digits to fit, {len(test)} others to test")
    print(f"test accuracy: {accuracy:.1%}")
    print(f"forward pass of the test set: {elapsed * 1e3:.2f} ms")
    assert accuracy >= 0.95


if __name__ == "__main__":
    main()
