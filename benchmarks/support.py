"""What a benchmark file needs: `contest` pairs problems with contenders, `measure` times a pair."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

import fastconv
from benchmarks.contenders import Contender


def contest(problems: Iterable[Any], *contenders: Contender) -> pytest.MarkDecorator:
    """Parametrize a benchmark by (problem, contender), problem by problem."""
    rows = [pytest.param(problem, contender, id=f"{problem.name}-{contender.name}")
            for problem in problems for contender in contenders]
    return pytest.mark.parametrize(("problem", "contender"), rows)


def measure(benchmark: Any, problem: Any, contender: Contender, dtype: str) -> None:
    """Time one contender on one problem, note the facts, then check the answer."""
    problem = replace(problem, dtype=dtype)
    benchmark.group = problem.name
    if contender.slow:
        problem = problem.small()
    with fastconv.use_isa(contender.isa or fastconv.active_isa()):
        run = contender.prepare(problem)
        if contender.slow:
            result = benchmark.pedantic(run.call, rounds=1)
        else:
            result = benchmark(run.call)
    benchmark.extra_info.update(
        contender=contender.name,
        algorithm=run.algorithm,
        isa=contender.isa or "",
        threads=fastconv.get_num_threads(),
        dtype=dtype,
        shape=problem.shape,
        unit=problem.unit,
    )
    if benchmark.stats is not None:  # it is with --benchmark-disable
        benchmark.extra_info["rate"] = problem.work / benchmark.stats.stats.median / 1e9
    problem.check(run.result(result), run.algorithm)
