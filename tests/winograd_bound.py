"""The proven bound of docs/numbers.md for Winograd, evaluated tile by tile in float64."""

import numpy as np
from support import gamma, unit_roundoff

# Points of F(m, 3) beside infinity, as src_c/kernels/winograd.inc.c has them.
POINTS = {2: (0, 1, -1), 4: (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)}


def matrices(m):
    """B^T (t x t), G (t x 3) and A^T (m x t) by Toom-Cook interpolation, signs apart."""
    p = np.array(POINTS[m], dtype=float)
    t = m + 2
    bt, g, at = np.zeros((t, t)), np.zeros((t, 3)), np.zeros((m, t))
    for i, point in enumerate(p):
        others = np.delete(p, i)
        bt[i, : t - 1] = np.poly(others)[::-1]
        g[i] = point ** np.arange(3) / np.prod(point - others)
        at[:, i] = point ** np.arange(m)
    bt[-1] = np.poly(p)[::-1]
    g[-1, 2] = at[-1, -1] = 1
    return bt, g, at


def winograd_bound(x, w, bias, m, padding=1):
    """Largest possible error of each output of an NCHW convolution of one group, stride 1."""
    bt, g, at = matrices(m)
    t = m + 2
    out = [size + 2 * padding - 2 for size in x.shape[2:]]
    tiles = [-(-size // m) for size in out]
    sizes = zip(tiles, x.shape[2:], strict=True)
    border = [(padding, n * m + 2 - size - padding) for n, size in sizes]
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), *border))
    d = np.lib.stride_tricks.sliding_window_view(padded, (t, t), (2, 3))[:, :, ::m, ::m]
    v = abs(bt) @ abs(d) @ abs(bt).T
    if x.dtype == np.float32:  # transformed in double, rounded once
        u, roundings = abs(g @ w.astype(np.float64) @ g.T), 21
    else:
        u, roundings = abs(g) @ abs(w) @ abs(g).T, 33
    products = np.einsum("kcij,ncyxij->nkyxij", u, v, optimize=True)
    size = abs(at) @ products @ abs(at).T
    size = size.swapaxes(3, 4).reshape(x.shape[0], w.shape[0], tiles[0] * m, tiles[1] * m)
    size = size[:, :, : out[0], : out[1]]
    if bias is not None:
        size = size + abs(bias.astype(np.float64))[:, None, None]
    return gamma(w.shape[1] + roundings, unit_roundoff(x.dtype)) * size
