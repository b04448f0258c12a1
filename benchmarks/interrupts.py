"""How long Ctrl-C waits in a call that would take most of a minute.

Usage: python -m benchmarks.interrupts; the longest of a few waits, in milliseconds.
"""

import os
import signal
import threading
import time

import numpy as np

import fastconv

IMAGES = np.broadcast_to(np.ones((1, 1, 91, 91)), (400, 32, 91, 91))
FILTERS = np.ones((32, 32, 31, 31))
CALLS = {
    "conv2d_direct": lambda: fastconv.conv2d_direct(IMAGES, FILTERS),
    "conv2d_im2col": lambda: fastconv.conv2d_im2col(IMAGES, FILTERS),
    "max_pool2d": lambda: fastconv.max_pool2d(IMAGES, 90, 1, 45, return_indices=True),
}


def wait(call):
    """Seconds from the signal to the exception, or None if the call was over before it."""
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.5, interrupt)
    timer.start()
    try:
        call()
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    timer.cancel()
    return None


def main():
    print("| call | 1 thread | 2 threads |\n| --- | --- | --- |")
    for name, call in CALLS.items():
        row = []
        for threads in (1, 2):
            with fastconv.threads(threads):
                waits = [wait(call) for _ in range(5)]
            row.append("too short" if None in waits else f"{1000 * max(waits):.0f}")
        print(f"| {name} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
