"""The proven bound of docs/numbers.md for Winograd, evaluated tile by tile in a wider type."""

import itertools
import math

import numpy as np
from support import gamma, oracle_type, tiny, unit_roundoff

# Points of tiles of t beside infinity, as src_c/kernels/winograd.inc.c has them.
POINTS = {4: (0, 1, -1), 5: (0, 3 / 4, -3 / 4, 2), 6: (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)}
TILES = tuple(POINTS)


def matrices(t, r):
    """B^T (t x t), G (t x r) and A^T (m x t) by Toom-Cook interpolation, signs apart."""
    if t == 1:
        return np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1))
    if t == 3:  # F(2, 3) of tiles whose first and last inputs are zeros
        return (np.array([[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]),
                np.array([[0, 1, 0], [0, -1, 1], [1, -1, 0]]), np.array([[1, 1, 0], [1, 0, 1]]))
    p = np.array(POINTS[t], dtype=float)
    m = t - r + 1
    bt, g, at = np.zeros((t, t)), np.zeros((t, r)), np.zeros((m, t))
    for i, point in enumerate(p):
        others = np.delete(p, i)
        bt[i, : t - 1] = np.poly(others)[::-1]
        g[i] = point ** np.arange(r) / np.prod(point - others)
        at[:, i] = point ** np.arange(m)
    bt[-1] = np.poly(p)[::-1]
    g[-1, -1] = at[-1, -1] = 1
    return bt, g, at


def winograd_bound(x, w, bias, t, stride=1, padding=0, dilation=1, groups=1):
    """Largest possible error of each output of an NCHW convolution with tiles of t."""
    stride, dilation = (v if isinstance(v, tuple) else (v, v) for v in (stride, dilation))
    padding = padding if isinstance(padding, tuple) else (padding, padding)
    padding = [p if isinstance(p, tuple) else (p, p) for p in padding]
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    bias = np.zeros(len(w)) if bias is None else bias
    sizes = zip(x.shape[2:], w.shape[2:], stride, dilation, strict=True)
    shape = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in sizes]
    out = np.zeros((len(x), len(w), *shape), oracle_type(x.dtype))
    for g in range(groups):
        channels, count = w.shape[1], len(w) // groups
        mine = slice(g * count, (g + 1) * count)
        xg = x[:, g * channels : (g + 1) * channels]
        # Every d-th output of a dilation is an undilated convolution: fewer than d of them where
        # the stride shares a factor with it.
        shared = [math.gcd(s, d) for s, d in zip(stride, dilation, strict=True)]
        apart = [d // n for d, n in zip(dilation, shared, strict=True)]
        steps = [s // n for s, n in zip(stride, shared, strict=True)]
        for row, column in itertools.product(*map(range, apart)):
            part = xg[:, :, row * stride[0] :: dilation[0], column * stride[1] :: dilation[1]]
            limit = out[:, mine, row :: apart[0], column :: apart[1]]
            if limit.size:
                limit[:] = _phases_bound(part, w[mine], bias[mine], t, steps, limit.shape[2:])
    return out


def _phases_bound(x, w, bias, t, stride, size):
    """One group, padded and undilated: the phases of the stride as channels."""
    taps = [-(-k // s) for k, s in zip(w.shape[2:], stride, strict=True)]
    # Zeros beyond the image and the kernel, so that every phase has the same size.
    x = np.pad(x, [(0, 0), (0, 0), *((0, s * (n + k + t) - m) if s * (n + k + t) > m else (0, 0)
                                    for s, n, k, m in zip(stride, size, taps, x.shape[2:],
                                                          strict=True))])
    w = np.pad(w, [(0, 0), (0, 0), *((0, s * k - n) for s, k, n in
                                    zip(stride, taps, w.shape[2:], strict=True))])
    phases = list(itertools.product(*map(range, stride)))
    x = np.concatenate([x[:, :, i :: stride[0], j :: stride[1]] for i, j in phases], 1)
    w = np.concatenate([w[:, :, i :: stride[0], j :: stride[1]] for i, j in phases], 1)
    return _tiles_bound(x, w, bias, [1 if k == 1 else t for k in taps], size)


def _tiles_bound(x, w, bias, tile, size):
    """Stride 1 without padding, the image larger than its tiles need."""
    (bt_y, g_y, at_y), (bt_x, g_x, at_x) = (matrices(t, r) for t, r in
                                            zip(tile, w.shape[2:], strict=True))
    m = len(at_y), len(at_x)
    tiles = [-(-n // k) for n, k in zip(size, m, strict=True)]
    window = bt_y.shape[1], bt_x.shape[1]
    wide, least = oracle_type(x.dtype), tiny(x.dtype)
    d = np.lib.stride_tricks.sliding_window_view(x.astype(wide), window, (2, 3))
    d = d[:, :, :: m[0], :: m[1]][:, :, : tiles[0], : tiles[1]]
    v = abs(bt_y) @ abs(d) @ abs(bt_x).T
    if x.dtype == np.float32:  # transformed in double, rounded once
        u, roundings, filter_least = abs(g_y @ w.astype(wide) @ g_x.T), 19, least
    else:
        u, roundings = abs(g_y) @ abs(w.astype(wide)) @ abs(g_x).T, 19 + sum(w.shape[2:])
        filter_least = sum(w.shape[2:]) * (1 + _norm(g_x)) * least
    products = np.einsum("kcij,ncyxij->nkyxij", u, v, optimize=True)
    limit = gamma(w.shape[1] + roundings, unit_roundoff(x.dtype)) * products
    # Underflow: of filters and inputs, each times the other, and of the products.
    limit += (v.sum(1)[:, None] * filter_least + (w.shape[1] + 1) * least
              + u.sum(1)[:, None, None] * 4 * (1 + _norm(bt_x)) * least)
    limit = abs(at_y) @ limit @ abs(at_x).T
    limit = limit.swapaxes(3, 4).reshape(len(x), len(w), tiles[0] * m[0], tiles[1] * m[1])
    rest = gamma(w.shape[1] + roundings, unit_roundoff(x.dtype)) * abs(bias.astype(wide))
    return limit[:, :, : size[0], : size[1]] + rest[:, None, None] + 2 * (1 + _norm(at_x)) * least


def _norm(matrix):
    """The largest sum of magnitudes of a row."""
    return abs(matrix).sum(1).max()
