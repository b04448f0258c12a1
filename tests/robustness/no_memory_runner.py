"""Fails every allocation of a call in turn, with tests/c/failing_malloc.c preloaded.

Each must end in a MemoryError that leaks nothing, after which the call gives the same bits.
Usage: python no_memory_runner.py; prints a line a call and way of failing.
"""

import ctypes
import gc
import re
import threading
import time

import numpy as np

import fastconv

shim = ctypes.CDLL(None)
shim.fail_watch.argtypes = [ctypes.c_size_t] * 2
shim.fail_arm.argtypes = [ctypes.c_long]
shim.fail_disarm.restype = shim.fail_holding.restype = ctypes.c_long

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 16, 40, 40)).astype("f4")
W = RNG.standard_normal((24, 16, 3, 3)).astype("f4")
SUBNORMAL = X * np.float32(2.0**-130)
D = RNG.standard_normal((16, 1, 3, 3)).astype("f4")
GROUPED = RNG.standard_normal((16, 4, 3, 3)).astype("f4")
BIAS = RNG.standard_normal(24).astype("f4")
COLUMNS = fastconv.im2col(X, 3)
OUT = np.empty((2, 24, 38, 38), "f4")
PLAN = fastconv.Conv2d(W, BIAS)
FOREIGN, BACKWARDS, LIST = X.astype(">f4"), W[:, :, ::-1], BIAS.tolist()
INTEGERS, SHORTS, LONGS = X.astype("i4"), W.astype("i2"), X.astype("i8")


def plan_anew():
    return fastconv.Conv2d(W, BIAS, padding=1)(X)


CALLS = {
    "conv2d": lambda: fastconv.conv2d(X, W, BIAS),
    "conv2d of odd memory": lambda: fastconv.conv2d(FOREIGN, BACKWARDS, LIST),
    "conv2d of integers": lambda: fastconv.conv2d(INTEGERS, SHORTS, BIAS),
    "conv2d into out": lambda: fastconv.conv2d(X, W, BIAS, out=OUT).copy(),
    "conv2d of subnormals": lambda: fastconv.conv2d(SUBNORMAL, W, BIAS, threads=2),
    "conv2d on two threads": lambda: fastconv.conv2d(X, W, BIAS, threads=2),
    "conv2d_direct": lambda: fastconv.conv2d_direct(X, W),
    "conv2d_im2col": lambda: fastconv.conv2d_im2col(X, W),
    "conv2d_winograd": lambda: fastconv.conv2d_winograd(X, W, padding=1),
    "conv2d_dilated": lambda: fastconv.conv2d_dilated(X, W, dilation=2),
    "conv2d_depthwise": lambda: fastconv.conv2d_depthwise(X, D),
    "conv2d_grouped": lambda: fastconv.conv2d_grouped(X, GROUPED, groups=4),
    "depthwise_separable_conv2d": lambda: fastconv.depthwise_separable_conv2d(
        X, D, W[:, :, :1, :1], padding=1),
    "Conv2d": plan_anew,
    "Conv2d called": lambda: PLAN(X),
    "Conv2d called with integers": lambda: PLAN(INTEGERS),
    "max_pool2d": lambda: fastconv.max_pool2d(X, 3),
    "max_pool2d with indices": lambda: fastconv.max_pool2d(X, 3, 2, return_indices=True)[1],
    "max_pool2d of integers": lambda: fastconv.max_pool2d(LONGS, 3),
    "im2col": lambda: fastconv.im2col(X, 3, 2, 1),
    "col2im": lambda: fastconv.col2im(COLUMNS, (40, 40), 3),
}


def watch(*names):
    """Code of these libraries, by the map of the process."""
    for line in open("/proc/self/maps"):
        found = re.match(r"(\w+)-(\w+) r-xp .*/([^/]+)$", line)
        if found and found[3].startswith(names):
            shim.fail_watch(int(found[1], 16), int(found[2], 16))


class Malloc:
    """What the extension and NumPy's arrays ask of the C library."""

    arm, disarm, holding = shim.fail_arm, shim.fail_disarm, shim.fail_holding

    def ended(self, n):
        """Whether the call made no n-th allocation."""
        return self.disarm() <= n


def in_a_thread(call):
    """On a thread of its own, whose workspace is not there yet and goes when it ends."""
    def run():
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    results = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def settled(most=-1, seconds=0.2):
    """Blocks held, at most so many as soon as that is so.

    The system ends a thread, and frees its workspace, some time after Python has joined it.
    """
    gc.collect()  # an exception and its frames may refer to each other
    end = time.monotonic() + seconds
    while shim.fail_holding() > most and time.monotonic() < end:
        time.sleep(0.001)
    return shim.fail_holding()


def fails(call, way, n):
    """Fail the n-th allocation; returns the result, if any, and whether there was an n-th."""
    result = None
    way.arm(n)
    try:
        result = call()
    except MemoryError:
        pass  # or none: a call that finds no memory for threads runs without them
    finally:
        ended = way.ended(n)
    return result, ended


def leaks(call, way, n):
    """Whether failing it over and over holds more and more: NumPy keeps a few blocks, not many."""
    def held_after(times):
        for _ in range(times):
            fails(call, way, n)
        return settled(held, 0.05 if held < 0 else 5)

    held = -1
    held = held_after(10)
    return held_after(10) > held


def sweep(call, way, most):
    """Fail allocation 0, 1, 2, ... until the call makes no further one."""
    expected = call()
    for n in range(most):
        result, ended = fails(call, way, n)
        assert result is None or np.array_equal(result, expected), f"allocation {n}: wrong"
        assert np.array_equal(call(), expected), f"after allocation {n}: wrong"
        if ended:
            return n
        assert not leaks(call, way, n), f"allocation {n} leaks"
    raise AssertionError(f"still failing after {most} allocations")


def main():
    watch("_core.", "_multiarray_umath.")
    way = Malloc()
    for name, plain in CALLS.items():
        print(f"{name}: ", end="", flush=True)
        count = sweep(lambda plain=plain: in_a_thread(plain), way, 5000)
        print(count, "allocations", flush=True)


if __name__ == "__main__":
    main()
