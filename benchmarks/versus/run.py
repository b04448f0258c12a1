"""One problem at a time: make every contender ready, check its result, time them in turn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np

import fastconv
from benchmarks.problems import Convolution, Pooling, exact_convolution, gamma
from benchmarks.versus.contender import CannotError, Contender, Run
from benchmarks.versus.machine import Machine, Turns
from benchmarks.versus.timing import Timed, interleave

WINOGRAD = 21  # roundings in the transforms of the tiles, beside the sum (docs/numbers.md)


@dataclass(frozen=True)
class Options:
    threads: int = 1
    rounds: int = 7
    budget: float = 2e7  # ns, for each contender in each round


def run(problem: Any, contenders: list[Contender], machine: Machine,
        options: Options) -> dict[str, Any]:
    """Everything that is known about one problem, as JSON."""
    ready, reasons = _prepare(problem, contenders, options.threads)
    timed = {c.name: Timed(c.name, r.call, partial(_isa, c)) for c, r, _ in ready}
    limits = _limits(problem, machine)
    probes = {name: Timed(name, call) for name, (call, _) in limits.items()}
    turns = Turns()
    interleave([*timed.values(), *probes.values()], options.rounds, options.budget, turns)
    entries = {
        c.name: {"ns": timed[c.name].median, "spread": timed[c.name].spread,
                 "minima": timed[c.name].minima, "layout": c.layout, "prepared": c.prepared,
                 "ours": c.ours, "exact": c.exact, "isa": c.isa, "algorithm": r.algorithm,
                 "error": error}
        for c, r, error in ready}
    return {
        "kind": "pool" if isinstance(problem, Pooling) else "conv",
        "name": problem.name, "dtype": problem.dtype, "shape": problem.shape,
        "work": problem.work, "bytes": traffic(problem),
        "reduction": 0 if isinstance(problem, Pooling) else prod(problem.layer.w_shape[1:]),
        "dense": not isinstance(problem, Pooling) and problem.layer.groups < problem.layer.c,
        "entries": entries, "reasons": reasons, "others": turns.others,
        "limits": {name: {"rate": limits[name][1] / probe.median, "spread": probe.spread}
                   for name, probe in probes.items()},
    }


def traffic(problem: Any) -> int:
    """Bytes of images, filters and results: each has to be moved once at least."""
    outputs = problem.layer.k if isinstance(problem, Convolution) else problem.layer.c
    elements = (sum(a.size for a in problem.inputs)
                + problem.layer.n * outputs * prod(problem.layer.out_size))
    return int(elements * np.dtype(problem.dtype).itemsize)


def _prepare(problem: Any, contenders: list[Contender],
             threads: int) -> tuple[list[tuple[Contender, Run, float]], dict[str, str]]:
    """Those that can do this problem, with their error; and why the others cannot."""
    ready, reasons = [], {}
    inputs = problem.inputs
    for contender in contenders:
        make: Any = contender.pool if isinstance(problem, Pooling) else contender.conv
        if make is None or problem.dtype not in contender.dtypes:
            continue
        try:
            with _isa(contender):
                made = make(problem.layer, *inputs, threads)
                result = made.result(made.call())
        except CannotError as reason:
            reasons[contender.name] = str(reason)
        except Exception as error:  # a peer's own, of whatever type; ours are bugs
            if contender.ours:
                raise
            reasons[contender.name] = f"{type(error).__name__}: {error}"
        else:
            error = check(problem, contender, result)
            if error is None:
                reasons[contender.name] = "wrong result"
            else:
                ready.append((contender, made, error))
    return ready, reasons


def check(problem: Any, contender: Contender, y: np.ndarray) -> float | None:
    """The largest error over the largest sum |x| |w|; None if it is more than may be.

    `exact` contenders must keep to gamma_n sum |x| |w| in each element, n = C/groups R S + 1.
    Others may have used Winograd, whose errors are relative to the tile: each error is held
    against gamma of n + 21 times the largest sum.
    """
    if isinstance(problem, Pooling):
        equal = np.array_equal(y, exact_pooling(problem))
        return 0.0 if equal else _failed(problem, contender, "not equal")
    exact, magnitude = exact_convolution(problem.layer, problem.dtype)
    if y.shape != exact.shape:
        return _failed(problem, contender, f"shape {y.shape}")
    n = prod(problem.layer.w_shape[1:]) + 1
    error, largest = np.abs(y - exact), float(magnitude.max())
    own = gamma(n, "float64")  # of what it is compared with
    allowed = ((gamma(n, problem.dtype) + own) * magnitude if contender.exact
               else (gamma(n + WINOGRAD, problem.dtype) + own) * largest)
    relative = float(error.max()) / largest
    if not np.all(error <= allowed):
        return _failed(problem, contender, f"error {relative:.1e} of the largest sum")
    return relative


def _failed(problem: Any, contender: Contender, what: str) -> None:
    if contender.ours:
        raise AssertionError(f"{contender.name} on {problem.name}: {what}")


def exact_pooling(problem: Pooling) -> np.ndarray:
    from fastconv.reference import vectorized

    return vectorized.max_pool2d(*problem.inputs, **problem.arguments)


def _isa(contender: Contender) -> Any:
    return fastconv.use_isa(contender.isa) if contender.isa else contextlib.nullcontext()


def _limits(problem: Any, machine: Machine) -> dict[str, tuple[Callable[[], None], int]]:
    """What this problem is held against: peaks of multiply-adds, a copy of as many bytes."""
    if machine.missing:
        return {}
    limits = {"copy": machine.copy(traffic(problem))}
    if isinstance(problem, Convolution):
        limits |= {f"fma {isa}": machine.fma(isa, problem.dtype) for isa in machine.isas}
    return limits
