"""Arguments that are not arrays: numbers, pairs, names, flags."""

import re
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import numpy as np

import fastconv

from .calls import CALLS, CONVOLUTIONS, WITH_KERNEL_SIZE, WITH_OUT, call, expected, right
from .case import Case, M, T, V, base, refused


class Two(IntEnum):
    ZERO, ONE, TWO, THREE = range(4)


class ShortList(list):
    """A list that iterates over fewer items than it counts."""

    def __iter__(self):
        return iter([1])


class EndlessList(list):
    def __iter__(self):
        while True:
            yield 1


# Value, error, and the form in which a valid number goes instead.
STEPS = [
    (0, V, lambda n: n), (-1, V, lambda n: (n, n)), ((1, 0), V, lambda n: [n, n]),
    ((), V, np.int64), ((1, 1, 1), V, np.uint8), (np.ones((1, 2), int), V, lambda n: (n, n)),
    (2**63, V, np.array), (-(2**70), V, lambda n: np.array([n, n])), (2**62, (V, M), np.int16),
    (10**5000, V, lambda n: (n, np.int32(n))), ([1] * 10**6, V, lambda n: [n, np.uint64(n)]),
    (ShortList([1, 2]), V, lambda n: [n, n]), (EndlessList([1, 2]), V, lambda n: (n, n)),
    (1.5, T, lambda n: n), (1.0, T, lambda n: n), (np.float64(1), T, np.int64),
    (float("nan"), T, lambda n: n), ("2", T, lambda n: n), (b"2", T, lambda n: n),
    (True, T, lambda n: n), (np.True_, T, np.int8), ((1, 1.5), T, lambda n: (n, n)),
    ((1, None), T, lambda n: (n, n)), ({2}, T, lambda n: [n, n]), ({}, T, lambda n: n),
    (range(1, 3), T, lambda n: (n, n)), (1j, T, lambda n: n), (Fraction(1), T, lambda n: n),
    (Decimal(1), T, lambda n: n), (np.timedelta64(1, "s"), T, np.int32),
    (np.array([1.0, 1.0]), T, lambda n: np.array([n, n], np.uint16)),
    (np.array(["1", "1"]), T, lambda n: np.array([n, n], ">i4")),
    (np.array(1.0), T, lambda n: np.array(n, ">i2")), (object(), T, lambda n: n),
    (len, T, Two), (np.array([True, True]), T, lambda n: (Two(n), n)),
]
PADDINGS = [
    (-1, V, 0), ((0, -1), V, (0, 0)), (((0, 0), (-1, 0)), V, ((0, 0), (0, 0))),
    ("full", V, "valid"), ("", V, "valid"), ("SAME", V, "valid"), ((1, 2, 3), V, [0, 0]),
    (((1, 2, 3), (1, 2, 3)), V, [[0, 0], [0, 0]]), (((1,), (2,)), V, ((0, 0), [0, 0])),
    ((), V, np.zeros(2, int)), (((0, 0),), V, np.zeros((2, 2), np.int8)), (2**63, V, np.int64(0)),
    ([ShortList([1, 2]), ShortList([1, 2])], V, [[0, 0], [0, 0]]),
    (2**40, (V, M), np.uint8(0)), (((0, 2**62), (0, 2**62)), (V, M), np.str_("valid")),
    (1.5, T, 0), (None, T, 0), (True, T, 0), ((1, (2, 3)), T, ((0, 0), (0, 0))),
    (((0, 0.0), (0, 0)), T, 0), (b"same", T, "valid"), ({0}, T, [0, 0]), (np.nan, T, 0),
]
GROUPS = [(0, V), (-1, V), (3, V), (8, V), (2**31, V), (2**62, V), (2**63, V), (1.5, T), ("2", T),
          (True, T), ((1, 1), T), (np.array([1]), T), (2.0, T)]
CHOICES = {
    "layout": [("NCWH", V), ("nchw", V), ("", V), ("NCHW\0", V), ("\udcff", V), (None, T), (1, T),
               (b"NCHW", T), (np.array(["NCHW", "NHWC"]), T), (("NCHW",), T)],
    "algorithm": [("fft", V), ("", V), ("direct\0", V), ("winograd9", V), (None, T), (1, T),
                  (b"direct", T), (np.array(["auto", "direct"]), T), (["auto"], T)],
    "precision": [("fast", V), ("", V), (None, T), (1, T), (np.array(["auto"]), T)],
    "padding_mode": [("mirror", V), ("ZEROS", V), (None, T), (0, T), (np.array(["zeros"]), T)],
}
ACTIVATIONS = [("gelu", V), ("ReLU", V), ((1, 0), V), ((0,), V), ((0, 1, 2), V), ((), V),
               ((float("nan"), 1), V), ((0, float("nan")), V), ((0, 10**400), V), (1, T), (1.0, T),
               ({0, 1}, T), (("0", "1"), T), ((None, None), T), ((False, True), T), ((0, 1j), T),
               (b"relu", T), (np.array(0.0), T), (ShortList([0, 1]), V)]
THREADS = [(0, V), (-2, V), (2**63, V), (10**5000, V), (1.5, T), ("2", T), (True, T), ((1,), T),
           (np.nan, T)]


def label_of(value):
    try:
        return re.sub(" at 0x\\w+", "", " ".join(f"{type(value).__name__} {value!r}".split()))[:50]
    except ValueError:
        return f"{type(value).__name__} without a repr"


def words_of(value):
    """Of a long or unprintable value the message says at least something."""
    printable = not isinstance(value, int) or abs(value) < 10**4000
    return None if printable and len(repr(value)) < 90 else (("...", "a value of type"),)


def steps():
    for target in CALLS:
        names = ["stride", "dilation"] + ["kernel_size"] * (target in WITH_KERNEL_SIZE)
        for name in names:
            n = base(target, name) if name != "stride" or target != "max_pool2d" else 3
            for value, kind, form in STEPS:
                yield refused("steps", target, name, value, kind, {name: form(n)}, words_of(value),
                              label_of(value))
            if target != "max_pool2d" or name != "stride":
                yield refused("steps", target, name, None, T, {name: n})
        for value, kind, near in PADDINGS:
            yield refused("padding", target, "padding", value, kind, {"padding": near},
                          label=label_of(value))
    for value, kind, _ in STEPS:
        yield refused("steps", "col2im", "output_size", value, kind, {"output_size": [9, 8]},
                      words_of(value), label_of(value))


def integers():
    """Every form of an integer is the integer."""
    for target in CALLS:
        for name in ("stride", "dilation", "padding"):
            n = 1 if name == "padding" else 2
            if target == "col2im":
                n -= 1  # its columns fit one geometry only
            for form in (np.int8, np.uint64, np.array, lambda n: (n, n), lambda n: [n, n],
                         lambda n: np.array([n, n], ">u2"), lambda n: (n, np.int32(n)), Two):
                value = form(n)
                yield Case("numpy integers", f"{target} {name}={label_of(value)}",
                           lambda target=target, name=name, value=value, n=n: right(
                               target, expected(target, **{name: n}), **{name: value}))


def groups_and_names():
    for target in CONVOLUTIONS:
        n = CALLS[target][1].get("groups", 1)
        for value, kind in GROUPS:
            yield refused("groups", target, "groups", value, kind, {"groups": np.int64(n)},
                          label=label_of(value))
    yield refused("groups", "conv2d_grouped", "groups", 1, V)
    for target in WITH_OUT:
        for value, kind in THREADS:
            yield refused("threads", target, "threads", value, kind, {"threads": np.int8(2)},
                          words_of(value), label_of(value))
        for value, kind in CHOICES["layout"]:
            yield refused("names", target, "layout", value, kind, {"layout": np.str_("NCHW")},
                          label=label_of(value))
    for target in ("conv2d", "Conv2d"):
        near = {"algorithm": np.str_("im2col"), "precision": np.str_("exact"),
                "padding_mode": np.str_("zeros")}
        for name, changed in near.items():
            for value, kind in CHOICES[name]:
                yield refused("names", target, name, value, kind, {name: changed},
                              label=label_of(value))
    for target in CONVOLUTIONS:
        for value, kind in ACTIVATIONS:
            near = {"activation": np.array([-3, 3])}
            yield refused("activation", target, "activation", value, kind, near,
                          words_of(value), label_of(value))
    for value, kind in ACTIVATIONS[:4]:
        for name in ("activation", "activation_depthwise"):
            yield refused("activation", "depthwise_separable_conv2d", name, value, kind,
                          {name: (0, np.inf)}, label=label_of(value))


def flags():
    for name in ("ceil_mode", "return_indices"):
        for value in (1, 0, None, "yes", np.array([True]), 1.0):
            yield refused("flags", "max_pool2d", name, value, T, {"ceil_mode": np.False_},
                          label=label_of(value))


def windows():
    """The dilated kernel against the padded input: both sizes in the message."""
    for target in CALLS:
        near = {} if target == "col2im" else {"dilation": (4, 2)}
        words = ("9x8", "(9, 8)"), ("3x3", "(3, 3)", "11x3"), "larger than the padded input"
        yield refused("kernel too large", target, "dilation", (5, 1), V, near, words)
    for value in (2, ((2, 0), (0, 0)), (1, 2), (0, 2**31), ((0, 2**62), (0, 0))):
        yield refused("pool padding", "max_pool2d", "padding", value, V,
                      {"padding": ((1, 0), (1, 1))})


def settings():
    before = fastconv.get_num_threads()

    def restored():
        assert fastconv.get_num_threads() == before
        with fastconv.threads(np.int64(3)):
            assert fastconv.get_num_threads() == 3

    for value, kind in [*THREADS, (None, T), (0.5, T)]:
        yield Case("settings", f"set_num_threads {label_of(value)}",
                   lambda v=value: fastconv.set_num_threads(v), (kind,), ("got",), restored)
        yield Case("settings", f"threads {label_of(value)}",
                   lambda v=value: fastconv.threads(v).__enter__(), (kind,), ("got",), restored)

    def every_isa():
        for isa in fastconv.available_isas():
            with fastconv.use_isa(np.str_(isa)):
                assert fastconv.active_isa() == isa

    best = fastconv.available_isas()[-1]
    for value, kind in [("sse9", V), ("", V), (best + "\0", V), (best.upper(), V), (best + " ", V),
                        ("\udcff", V), (best.encode(), T), (None, T), (1, T), ([best], T)]:
        yield Case("settings", f"use_isa {label_of(value)}",
                   lambda v=value: fastconv.use_isa(v).__enter__(), (kind,),
                   ("isa", "got", repr(value)), every_isa)
    plan = fastconv.Conv2d(CALLS["conv2d"][1]["w"])

    def explains():
        assert plan.explain([1, np.int64(4), 9, 8])["out_shape"] == (1, 4, 7, 6)

    for shape, kind in [((1, 4, 2**62, 9), V), ((1, 4, 2**64, 9), V), ((2**40, 4, 2**31, 2**31), V),
                        ((1, 4, -4, 9), V), ((4, 4), V), ((), V), (5, V), (None, V),
                        ((1, 4, 9, 8.0), T), ((1, 4, 9, "8"), T), ((1, 3, 9, 9), V),
                        (ShortList([1, 4, 9, 8]), V), ((1, 4, 2, 9), V)]:
        yield Case("settings", f"explain {label_of(shape)}", lambda s=shape: plan.explain(s),
                   (kind,), (), explains)
    for shape in [(2**62, 4, 8, 8), (2**58, 4, 8, 8), (0, 4, 2**31, 2**31)]:
        yield Case("settings", f"explain more than any array {shape}",
                   lambda s=shape: plan.explain(s), (V,), ("shape", shape), explains)


def cases():
    yield from steps()
    yield from integers()
    yield from groups_and_names()
    yield from flags()
    yield from windows()
    yield from settings()
    yield Case("numpy integers", "conv2d every argument",
               lambda: right("conv2d", expected("conv2d", stride=2, padding=1, groups=2,
                                                w=np.ones((4, 2, 3, 3))),
                             stride=np.uint8(2), padding=(np.int16(1), np.int64(1)),
                             groups=np.uint32(2), w=np.ones((4, 2, 3, 3)), threads=np.int8(1)))
    yield Case("steps", "max_pool2d stride=None", lambda: np.testing.assert_array_equal(
        call("max_pool2d", stride=None), call("max_pool2d", stride=3)))
