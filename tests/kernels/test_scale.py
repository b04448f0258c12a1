"""Powers of two up and down, seen through a depthwise 1x1 convolution of subnormal numbers.

Its sums have one term: what comes back is the product, rounded once.
"""

import platform

import numpy as np
import pytest
from support import edges, tile

import fastconv

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"),
                                reason="only where processors are known to be slow")


def numbers(dtype):
    """Both zeros, counts of units to either side of each power of two, numbers that are normal."""
    unit, mantissa = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).nmant
    counts = {0, 1, 2, 3, 2**mantissa - 1, 2**mantissa, 2**mantissa + 1}
    for k in range(2, mantissa + 12):
        counts |= {2**k - 1, 2**k, 2**k + 2 ** max(k - mantissa, 0), 3 * 2 ** (k - 1)}
    few = np.array(sorted(counts), np.float64).astype(dtype) * unit
    return np.concatenate([few, -few, [1, -1, 3e-5, 1e9]]).astype(dtype)


@pytest.mark.parametrize("factor", [1, 0.5, 0.25, 0.75, 1.5, 2.0**-20])
def test_products_are_rounded_once(isa, dtype, layout, factor):
    x = np.concatenate([numbers(dtype), numbers(dtype) * dtype.type(3)])
    x = np.stack([x, x[::-1]])
    x = x[:, None, :] if layout == "NCHW" else np.ascontiguousarray(x.T)[None]
    # NumPy's product, which the processor rounds; -0 and a bias of 0 add up to 0.
    w = np.full((2, 1, 1, 1), factor, dtype)
    np.testing.assert_array_equal(fastconv.conv2d(x, w, groups=2, layout=layout),
                                  x * dtype.type(factor))


def test_every_length_and_step(isa, dtype):
    rng = np.random.default_rng(0)
    unit = np.finfo(dtype).smallest_subnormal
    for n in edges(tile(isa, dtype).vl):
        for step in (1, 2, -1, 3):
            memory = (rng.integers(-9, 9, (2, 1, n * abs(step) + 1)) * unit).astype(dtype)
            x = memory[..., ::step][..., :n]
            out = np.full((2, 1, n * abs(step) + 1), 7, dtype)
            view = out[..., ::step][..., :n]
            fastconv.conv2d(x, np.ones((2, 1, 1, 1), dtype), groups=2, out=view)
            np.testing.assert_array_equal(view, x)
            assert (out == 7).sum() == out.size - view.size
