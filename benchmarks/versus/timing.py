"""Rounds of minima: contender by contender within a round, so that all share the machine's mood."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

SAMPLE = 5e4  # ns: calls that take less are timed several at once, the clock itself needs 50
LEAST = 3  # samples in each round
NAP, LONGEST = 0.005, 1.0  # s
RESTING = 0.05  # of a processor


@dataclass
class Timed:
    """One contender's calls and its minimum of each round, in nanoseconds."""

    name: str
    call: Callable[[], Any]
    within: Callable[[], AbstractContextManager[Any]] = nullcontext
    minima: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.minima)

    @property
    def spread(self) -> float:
        """The interquartile range of the minima over their median."""
        if len(self.minima) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.minima, n=4, method="inclusive")
        return (high - low) / self.median


def minimum(call: Callable[[], Any], budget: float) -> float:
    """The shortest time of a call, in nanoseconds, looked for during `budget` of them."""
    clock = time.perf_counter_ns
    call()  # its data into the caches
    start = clock()
    call()
    once = clock() - start
    calls = range(max(int(SAMPLE / max(once, 1)), 1))
    best, samples, end = float("inf"), 0, clock() + budget
    while samples < LEAST or clock() < end:
        start = clock()
        for _ in calls:
            call()
        best = min(best, (clock() - start) / len(calls))
        samples += 1
    return best


def settle() -> None:
    """Until the process rests: threads of a pool spin after a call, some for 0.1 s, and would take
    a processor from the next contender. Two naps, as a thread that spins may have to wait too."""
    end, calm = time.monotonic() + LONGEST, 0
    while calm < 2 and time.monotonic() < end:
        before = time.process_time()  # of all threads
        time.sleep(NAP)
        calm = calm + 1 if time.process_time() - before < RESTING * NAP else 0


def interleave(contenders: list[Timed], rounds: int, budget: float,
               turn: AbstractContextManager[Any] | None = None) -> None:
    """Time all contenders `rounds` times in turn, each `budget` ns, in another order each time."""
    for i in range(rounds):
        for contender in random.Random(i).sample(contenders, len(contenders)):
            with contender.within(), turn or nullcontext():
                contender.minima.append(minimum(contender.call, budget))
