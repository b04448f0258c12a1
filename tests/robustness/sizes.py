"""Small problems with huge numbers in them: the result, or an error; never a wrapped size."""

import itertools

import numpy as np

import fastconv

from .case import Case, M, V

ONE = np.full((1, 1, 1, 1), 2, "f4")


def right_or_refused(call, want):
    """Both are honest answers to a size beyond memory."""
    try:
        y = call()
    except (M, V):
        return
    assert float(np.ravel(y)[-1]) in want, y


def far(spread, stride, algorithm):
    """The middle tap of the window meets the one pixel."""
    return fastconv.conv2d(ONE, np.full((1, 1, 3, 3), 5, "f4"), stride=stride, dilation=spread,
                           padding=spread, algorithm=algorithm)


def distant_taps():
    for power, stride in itertools.product((10, 14, 20), (1, 2)):
        spread = 2**power - 1
        step = 1 if stride == 1 else 2 * spread + 1

        def bounded(spread=spread, step=step):
            assert far(spread, step, "auto").tolist() == [[[[10.0]]]]

        yield Case("bounded scratch", f"taps 2**{power} apart, stride {step}", bounded)
    for algorithm in ("direct", "im2col", "dilated"):
        for power, less in itertools.product((14, 20, 27, 28, 29, 30, 31), (0, 1)):
            spread = 2**power - less
            yield Case("huge sizes", f"{algorithm} dilation={spread}", lambda a=algorithm, s=spread:
                       right_or_refused(lambda: far(s, 2 * s + 1, a), [10.0]))


def phases():
    """The phases of the stride, times the least plane of each, come to 2**64 bytes."""
    for algorithm in ("direct", "im2col", "auto"):
        for rows, columns in [(2**29 - 1, 2**29 - 1), (2**29 - 2, 2**29)]:
            def split(algorithm=algorithm, rows=rows, columns=columns):
                right_or_refused(lambda: fastconv.conv2d(
                    ONE, np.ones((1, 1, 2, 2), "f4"), stride=(rows + 1, columns + 1),
                    dilation=(rows, columns), padding=(rows // 2 + 1, columns // 2 + 1),
                    algorithm=algorithm), [0.0])

            yield Case("huge sizes", f"{algorithm} phases of {rows}", split)

        def plans(algorithm=algorithm):
            for a, b, less in itertools.product(range(24, 32), range(24, 32), range(3)):
                spread = 2**a - less, 2**b
                plan = fastconv.Conv2d(np.ones((1, 1, 2, 2), "f4"), dilation=spread,
                                       stride=[s + 1 for s in spread],
                                       padding=[s // 2 + 1 for s in spread], algorithm=algorithm)
                try:
                    scratch = plan.explain((1, 1, 1, 1))["scratch_bytes"]
                except (M, V):
                    continue
                assert scratch >= 0, f"dilation {spread}"

        yield Case("huge sizes", f"{algorithm} scratch is never negative", plans)
    for algorithm, groups in itertools.product(("depthwise_pixels", "grouped", "im2col"), (1, 2)):
        def strip(algorithm=algorithm, groups=groups):
            """Whole vectors of channels, and rows by the grain, come to 2**64 bytes."""
            x, w = np.ones((1, 2, 2, 2), "f4"), np.ones((2, 2 // groups, 2, 2), "f4")
            right_or_refused(lambda: fastconv.conv2d(
                x, w, groups=groups, algorithm=algorithm, dilation=(2**29 - 1, 2**19 - 1),
                stride=(2**29, 2**19), padding=((2**28, 2**28 - 2), (2**27, 2**27 - 2))), [0.0])

        yield Case("huge sizes", f"{algorithm} strip of 2**64 bytes, {groups} groups", strip)
    for shape in [(1, 1, 1, 1), (0, 1, 1, 1)]:
        plan = fastconv.Conv2d(np.ones((1, 1, 3, 3), "f4"), padding=2**14, dilation=2**13,
                               algorithm="dilated")
        many = ("phases", "dilated")
        yield Case("huge sizes", f"2**26 phases of a dilation, {shape}",
                   lambda p=plan, s=shape: p.explain(s), (V,), many)
        yield Case("huge sizes", f"2**26 phases of a dilation, called with {shape}",
                   lambda p=plan, s=shape: p(np.ones(s, "f4")), (V,), many)


def windows():
    want = [2.0, 0.0, -np.inf]
    for function in (fastconv.max_pool2d, fastconv.im2col):
        for arguments in [(2**31, 2**31, 2**30), ((1, 2**31), 1, (0, 2**30)), (2, 1, 1, 2**31),
                          (2**30, 2**31, 2**29), (2**20, 1, 2**19), (3, 2**31, 1, 2),
                          (2**31, 1, 2**30), ((2**31, 3), (1, 1), (2**30, 1)),
                          (2**62, 2**62, 2**61), (2**31 - 1, 7, 2**30 - 1, 3)]:
            yield Case("huge sizes", f"{function.__name__} {arguments}",
                       lambda f=function, a=arguments: right_or_refused(lambda: f(ONE, *a), want))
            if function is fastconv.max_pool2d:
                yield Case("huge sizes", f"max_pool2d {arguments} with indices",
                           lambda a=arguments: right_or_refused(
                               lambda: fastconv.max_pool2d(ONE, *a, return_indices=True)[0], want))
                yield Case("huge sizes", f"max_pool2d {arguments} rounded up",
                           lambda a=arguments: right_or_refused(
                               lambda: fastconv.max_pool2d(ONE, *(*a, 1)[:4], True), want))
    for k in (5, 2**10, 2**16 + 1):
        # Each tap of the huge window but one lies in padding; the neighbour is a small one.
        def pooled(k=k):
            x = np.arange(12, dtype="f4").reshape(1, 1, 3, 4)
            small = fastconv.max_pool2d(x, 5, 1, 2)
            y = fastconv.max_pool2d(x, k, k, k // 2)
            assert y.shape[2:] == (-(-(3 + k // 2 * 2 - k + 1) // k),
                                   -(-(4 + k // 2 * 2 - k + 1) // k))
            assert y[0, 0, 0, 0] == x[0, 0, : k - k // 2, : k - k // 2].max()
            assert small.max() == 11

        yield Case("huge sizes", f"max_pool2d kernel_size={k} of 3 x 4", pooled)
    for size in [(2**31, 2**31), (2**40, 1), (2**62, 2**62), (2**31 + 1, 3)]:
        yield Case("huge sizes", f"col2im output_size={size}",
                   lambda s=size: fastconv.col2im(np.ones((1, 9, 4), "f4"), s, 3), (V, M))


def matrices():
    """Results beyond memory, or beyond 63 bits, of inputs that claim to be large."""
    one = np.float32(1)
    for shape in [(1, 1, 2**20, 2**20), (2**12, 3, 2**20, 2**20)]:
        x = np.broadcast_to(one, shape)
        yield Case("huge sizes", f"im2col x of {shape}",
                   lambda x=x: fastconv.im2col(x, 3, padding=2**22), (V, M),
                   ("x of 1048576x1048576", f"padding=(({2**22}, {2**22})"))
    for batch in (2**10, 2**30):
        columns = np.broadcast_to(one, (batch, 1, 1))
        yield Case("huge sizes", f"col2im of {batch} images",
                   lambda c=columns: fastconv.col2im(c, 2**20, 1, 2**20), (V, M),
                   ("output_size of 1048576x1048576", f"({batch}, 1, {2**20}, {2**20})"))


def cases():
    yield from matrices()
    yield from distant_taps()
    yield from phases()
    yield from windows()
