"""What the tables and plots say, read out of the results of run.py."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

Result = dict[str, Any]
COMPUTE_BOUND = 64  # products in a sum, from which on a dense layer should reach the peak
CALL = "call "  # the names of layers that measure the way in and out begin with it


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values if value > 0]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def number(value: float) -> str:
    """Three significant digits; a dash for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def ratio(value: float) -> str:
    """Losses are bold."""
    if math.isnan(value):
        return "-"
    return f"{value:.2f}" if value >= 1 else f"**{value:.2f}**"


def rate(result: Result, name: str) -> float:
    """GFLOP/s (for pooling, Gmax/s) of a contender, NaN if it did not take part."""
    entry = result["entries"].get(name)
    return result["work"] / entry["ns"] if entry else math.nan


def best(result: Result, layout: str = "") -> tuple[str, float]:
    """The fastest peer with this layout in and out, or with any."""
    peers = {name: rate(result, name) for name, entry in result["entries"].items()
             if not entry["ours"] and layout in ("", entry["layout"])}
    name = max(peers, key=lambda name: peers[name], default="-")
    return name, peers.get(name, math.nan)


def against(result: Result, name: str, layout: str = "") -> float:
    return rate(result, name) / best(result, layout)[1]


def share(result: Result, name: str, isa: str) -> float:
    """Of the peak of multiply-adds, measured in the same rounds."""
    limit = result["limits"].get(f"fma {isa}")
    return rate(result, name) / limit["rate"] if limit else math.nan


def copies(result: Result, name: str) -> float:
    """Bytes that have to move, each once, over the time: as a share of a copy of as many."""
    entry, limit = result["entries"].get(name), result["limits"].get("copy")
    return result["bytes"] / entry["ns"] / limit["rate"] if entry and limit else math.nan


def compute_bound(result: Result) -> bool:
    """A layer that should reach the peak: dense or in wide groups, with long sums."""
    return result["kind"] == "conv" and result["dense"] and result["reduction"] >= COMPUTE_BOUND


def is_call(result: Result) -> bool:
    return str(result["name"]).startswith(CALL)


def of_kind(results: list[Result], kind: str, dtype: str = "float32") -> list[Result]:
    return [r for r in results if (r["kind"], r["dtype"]) == (kind, dtype) and not is_call(r)]


def names(results: list[Result], ours: bool, prepared: bool | None = None) -> list[str]:
    """Contenders of any of the results, in the order of their first appearance."""
    found = {name: entry for r in results for name, entry in r["entries"].items()}
    return [name for name, entry in found.items()
            if entry["ours"] == ours and prepared in (None, entry["prepared"])]
