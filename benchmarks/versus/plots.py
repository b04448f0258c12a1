"""The plots: bars of every contender, and the roofline of the machine."""

from __future__ import annotations

import statistics
from math import isnan
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.versus import figures as f  # noqa: E402
from benchmarks.versus.figures import Result  # noqa: E402

OURS = {"Conv2d NCHW": "#0b5d7a", "Conv2d NHWC": "#4fa8c5"}
# A colour for each peer, the same for its layouts; NHWC is a square.
PEERS = {"torch": "#d1495b", "oneDNN": "#edae49", "ORT": "#66a182", "OpenVINO": "#8d5a97",
         "ncnn": "#2f2f2f", "JAX": "#a0764a", "XNNPACK": "#e07be0", "OpenCV": "#9a9a9a"}


def bars(facts: Result, results: list[Result], path: Path) -> Path:
    """GFLOP/s over the peak, layer by layer: ours as bars, each peer as a mark."""
    peak = _peak(facts, results)
    figure, axes = plt.subplots(figsize=(12, 1.5 + 0.36 * len(results)), layout="constrained")
    places = np.arange(len(results))
    for i, (name, colour) in enumerate(OURS.items()):
        values = [f.rate(r, name) / peak for r in results]
        axes.barh(places + 0.4 * (i - 0.5), values, 0.38, color=colour, label=f"fastconv {name}",
                  zorder=1)
    for name in f.names(results, ours=False):
        if name.endswith(" w"):  # weights with each call
            continue
        colour = PEERS[name.split()[0]]
        layout = next(r["entries"][name]["layout"] for r in results if name in r["entries"])
        axes.scatter([f.rate(r, name) / peak for r in results], places, 26, colour,
                     "s" if layout == "NHWC" else "o", label=f"{name} ({layout})",
                     edgecolors="white", linewidths=0.5, zorder=3)
    axes.axvline(1, color="black", linewidth=0.8, zorder=2)
    axes.set_yticks(places, [r["name"] for r in results], fontsize=8)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"GFLOP/s over the measured peak of multiply-adds, {peak:.0f} GFLOP/s "
                    "(Winograd needs fewer operations than are counted)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", linewidth=0.3, zorder=0)
    figure.legend(loc="outside right upper", fontsize=8)
    return _save(figure, facts, axes, path)


def roofline(facts: Result, results: list[Result], path: Path) -> Path:
    """GFLOP/s against operations for each byte that has to be moved once."""
    peak = _peak(facts, results)
    figure, axes = plt.subplots(figsize=(11, 7), layout="constrained")
    x = np.geomspace(0.5, 2000, 200)
    for (level, bandwidth), style in zip(facts["bandwidth"].items(), ("-", "--", "-.", ":"),
                                         strict=False):
        axes.plot(x, np.minimum(peak, x * bandwidth["copy"]), style, color="black", linewidth=1,
                  label=f"{level}: copies at {bandwidth['copy']:.0f} GB/s")
    axes.axhline(peak, color="black", linewidth=1)
    axes.annotate(f"peak of multiply-adds {peak:.0f}", (x[-1], peak), ha="right", va="bottom",
                  fontsize=8)
    intensity = [r["work"] / r["bytes"] for r in results]
    series = {"best NCHW peer": ([f.best(r, "NCHW")[1] for r in results], "#b3541e", "x"),
              "fastconv exact NCHW": ([f.rate(r, "exact NCHW") for r in results], "#4fa8c5", "o"),
              "fastconv Conv2d NCHW": ([f.rate(r, "Conv2d NCHW") for r in results], "#0b5d7a",
                                       "o")}
    for name, (values, colour, marker) in series.items():
        axes.scatter(intensity, values, 34, colour, marker, label=name, zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(10, 5 * peak)
    axes.set_xlabel("FLOP per byte of images, filters and results, each moved once")
    axes.set_ylabel("GFLOP/s")
    axes.grid(linewidth=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", fontsize=8)
    heights = [f.rate(r, "Conv2d NCHW") for r in results]
    _label(figure, axes, [(r["name"], at, height) for r, at, height in
                          zip(results, intensity, heights, strict=True) if not isnan(height)])
    return _save(figure, facts, axes, path)


def _label(figure: plt.Figure, axes: plt.Axes, points: list[tuple[str, float, float]]) -> None:
    """Names beside points, each at the first of some places where it covers no other name."""
    places = [(side, 4 + 7 * step) for step in (0, -1.6, 1, -2.6, 2, -3.6, 3) for side in (1, -1)]
    figure.draw_without_rendering()
    taken: list[Any] = []
    for name, x, y in points:
        for side, up in places:
            text = axes.annotate(name, (x, y), (3 * side, up), textcoords="offset points",
                                 fontsize=6, ha="left" if side > 0 else "right")
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            axes.add_artist(text)  # there is no free place
        taken.append(box)


def _peak(facts: Result, results: list[Result]) -> float:
    peaks = [r["limits"][f"fma {facts['isa']}"]["rate"] for r in results if r["limits"]]
    return statistics.median(peaks) if peaks else 1.0


def _save(figure: plt.Figure, facts: Result, axes: plt.Axes, path: Path) -> Path:
    threads = "1 thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
    axes.set_title(f"fastconv and its peers, float32, {threads}, {facts['processor']}, "
                   f"{facts['isa']}, {facts['date']}", loc="left", fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
