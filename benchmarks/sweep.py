"""Odd shapes: the share of the peak along one axis at a time, and where it falls off a cliff.

``python -m fastconv bench --sweep`` walks channels 1..67, widths 1..130, strides 1..3, kernels
1..11, groups and dilations around a few layers, and around seeded random ones one step in every
direction. A cliff is a shape whose share of the peak (its own, of multiply-adds, at most 1) is less
than a third of that of a shape one step away.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fastconv
from benchmarks.layers import Layer
from benchmarks.problems import Convolution
from benchmarks.versus import machine
from benchmarks.versus.contender import channels_last
from benchmarks.versus.timing import minimum

CLIFF = 3.0
SEED = 20260101
SPOTS = 40  # random shapes
KERNELS, STRIDES = range(1, 12), range(1, 4)
CHANNELS, WIDTHS = range(1, 68), range(1, 131)
WORK = 2e6  # operations at least: below, the way in and out of a call is what is measured
Place = tuple[str, int]  # a walk and where on it


def shape(c: int = 32, k: int = 32, size: int = 40, kernel: int = 3, stride: int = 1,
          dilation: int = 1, groups: int = 1) -> Layer:
    """A layer padded so that its size is kept, with enough images for WORK."""
    padding = (kernel - 1) * dilation // 2
    name = f"{c}-{k} {kernel}x{kernel} s{stride} d{dilation} g{groups} @{size}"
    one = Layer(name, 1, c, size, size, k, kernel, kernel, stride, padding, dilation, groups)
    return replace(one, n=min(max(round(WORK / one.flops), 1), 64))


def walks() -> Iterator[tuple[str, list[tuple[int, Layer]]]]:
    """Named walks along one axis."""
    def walk(name: str, values: Any, make: Any) -> tuple[str, list[tuple[int, Layer]]]:
        return name, [(value, make(value)) for value in values]

    yield walk("channels in = out, 3x3 @28", CHANNELS, lambda v: shape(v, v, 28))
    yield walk("channels in, 3x3, 32 out @28", CHANNELS, lambda v: shape(v, 32, 28))
    yield walk("channels out, 3x3, 32 in @28", CHANNELS, lambda v: shape(32, v, 28))
    yield walk("channels in = out, 1x1 @28", CHANNELS, lambda v: shape(v, v, 28, 1))
    yield walk("channels in = out, 5x5 stride 2 @28", CHANNELS, lambda v: shape(v, v, 28, 5, 2))
    yield walk("channels, depthwise 3x3 @28", CHANNELS, lambda v: shape(v, v, 28, groups=v))
    yield walk("channels, depthwise 5x5 stride 2 @28", CHANNELS,
               lambda v: shape(v, v, 28, 5, 2, groups=v))
    yield walk("width, 3x3 32-32", WIDTHS, lambda v: shape(size=v))
    yield walk("width, 1x1 32-32", WIDTHS, lambda v: shape(size=v, kernel=1))
    yield walk("width, 3x3 stride 2 32-32", WIDTHS, lambda v: shape(size=v, stride=2))
    yield walk("width, depthwise 3x3 of 32", WIDTHS, lambda v: shape(size=v, groups=32))
    yield walk("width, depthwise 3x3 stride 2 of 32", WIDTHS,
               lambda v: shape(size=v, stride=2, groups=32))
    yield walk("width, 5x5 1-1", WIDTHS, lambda v: shape(1, 1, v, 5))
    for stride in STRIDES:
        yield walk(f"kernel, stride {stride} 32-32 @40", KERNELS,
                   lambda v, s=stride: shape(kernel=v, stride=s))
        yield walk(f"kernel, stride {stride}, depthwise of 32 @40", KERNELS,
                   lambda v, s=stride: shape(kernel=v, stride=s, groups=32))
    yield walk("channels of each of 8 groups, 3x3 @20", range(1, 25),
               lambda v: shape(8 * v, 8 * v, 20, groups=8))
    yield walk("dilation, 3x3 32-32 @40", range(1, 9), lambda v: shape(dilation=v))


def spots() -> Iterator[list[tuple[int, Layer]]]:
    """Random shapes, each with its neighbours: the first of a list is in the middle."""
    dice = random.Random(SEED)
    for _ in range(SPOTS):
        c, k, size = dice.choice(CHANNELS), dice.choice(CHANNELS), dice.choice(WIDTHS)
        spot = {"c": c, "k": k, "size": size, "kernel": dice.choice(KERNELS),
                "stride": dice.choice(STRIDES)}
        steps = [(0, spot)]
        for axis, low, high in (("c", 1, 67), ("k", 1, 67), ("size", 1, 130), ("kernel", 1, 11),
                                ("stride", 1, 3)):
            for step in (-1, 1):
                if low <= spot[axis] + step <= high:
                    steps.append((len(steps), {**spot, axis: spot[axis] + step}))
        yield [(i, shape(**sizes)) for i, sizes in steps]


def measure(layer: Layer, layout: str, dtype: str, peak: float, budget: float) -> dict[str, Any]:
    x, w = replace(Convolution(layer), dtype=dtype).inputs
    image = channels_last(x) if layout == "NHWC" else x
    plan = fastconv.Conv2d(w, **layer.arguments, layout=layout)
    facts = plan.explain(image.shape)
    ns = minimum(partial(plan, image, out=plan(image)), budget)
    return {"layer": layer.name, "layout": layout, "images": layer.n, "us": ns / 1e3,
            "algorithm": facts["algorithm"], "share": layer.flops / ns / peak}


def depth(here: dict[str, Any], there: dict[str, Any]) -> float:
    return float(min(there["share"], 1) / here["share"])


def cliffs(walk: list[dict[str, Any]], spot: bool) -> list[dict[str, Any]]:
    """Pairs one step apart, of which one has less than a third of the other's share."""
    pairs = [(walk[0], other) for other in walk[1:]] if spot else zip(walk, walk[1:], strict=False)
    found = []
    for pair in pairs:
        for here, there in (pair, pair[::-1]):
            if depth(here, there) > CLIFF:
                found.append({"depth": depth(here, there), "low": here, "high": there})
    return found


def report(found: list[dict[str, Any]]) -> str:
    rows = [["depth", "layout", "shape", "algorithm", "share", "beside", "algorithm", "share"],
            ["---:", *["---"] * 7]]
    for cliff in sorted(found, key=lambda c: -c["depth"]):
        low, high = cliff["low"], cliff["high"]
        rows.append([f"{cliff['depth']:.1f}", low["layout"], low["layer"], low["algorithm"],
                     f"{low['share']:.1%}", high["layer"], high["algorithm"],
                     f"{high['share']:.1%}"])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def plot(walked: dict[str, dict[str, list[dict[str, Any]]]], title: str, path: Path) -> None:
    """A panel for each walk; colours are algorithms, hollow marks are channels last."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from PIL import Image  # matplotlib needs it, too

    names = sorted({p["algorithm"] for w in walked.values() for points in w.values()
                    for p in points})
    colours = dict(zip(names, plt.get_cmap("tab10").colors, strict=False))
    rows = -(-len(walked) // 3)
    figure, panels = plt.subplots(rows, 3, figsize=(15, 2.2 * rows), layout="constrained")
    for axes, (name, layouts) in zip(panels.flat, walked.items(), strict=False):
        for layout, points in layouts.items():
            edges = [colours[p["algorithm"]] for p in points]
            axes.scatter([p["at"] for p in points], [p["share"] for p in points], 9,
                         edges if layout == "NCHW" else "none", edgecolors=edges, linewidths=0.8)
        axes.axhline(1, color="black", linewidth=0.6)
        axes.set_yscale("log")
        axes.set_ylim(0.003, 5)
        axes.set_title(name, fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        axes.grid(linewidth=0.3)
    for axes in panels.flat[len(walked):]:
        axes.axis("off")
    marks = [plt.Line2D([], [], marker="o", linestyle="", color=c, label=n)
             for n, c in colours.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize=9)
    figure.suptitle(f"{title}: share of the peak of multiply-adds; hollow: channels last",
                    fontsize=11)
    figure.savefig(path, dpi=90)
    plt.close(figure)
    Image.open(path).quantize(32).save(path, optimize=True)  # a third of the bytes


def main(arguments: list[str]) -> None:
    p = argparse.ArgumentParser(prog="python -m fastconv bench --sweep", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    p.add_argument("--layout", default="NCHW,NHWC", metavar="LAYOUT,...")
    p.add_argument("--walks", default="", metavar="TEXT", help="those with TEXT in their names")
    p.add_argument("--ms", type=float, default=3, help="for each shape")
    p.add_argument("--out", type=Path, metavar="DIR", help="sweep.json, .md and .png")
    options = p.parse_args(arguments)
    machine.pin(1)
    fastconv.set_num_threads(1)
    isa = fastconv.active_isa()
    call, work = machine.Machine(1, (isa,)).fma(isa, options.dtype)
    walked: dict[str, dict[str, list[dict[str, Any]]]] = {}
    found: list[dict[str, Any]] = []
    count = 0

    def shares(layers: list[tuple[int, Layer]], layout: str) -> list[dict[str, Any]]:
        peak = work / minimum(call, 1e7)
        return [{"at": at, **measure(layer, layout, options.dtype, peak, options.ms * 1e6)}
                for at, layer in layers]

    for layout in options.layout.split(","):
        for name, layers in walks():
            if options.walks in name:
                points = shares(layers, layout)
                walked.setdefault(name, {})[layout] = points
                found += cliffs(points, spot=False)
                count += len(points)
        for layers in spots() if not options.walks else ():
            points = shares(layers, layout)
            found += cliffs(points, spot=True)
            count += len(points)
    title = f"{machine.processor()}, {isa}, {options.dtype}"
    text = (f"{title}: {len(found)} cliffs deeper than {CLIFF:g} among {count} shapes.\n\n"
            f"{report(found)}")
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "sweep.json").write_text(json.dumps({"walks": walked, "cliffs": found}))
        (options.out / "sweep.md").write_text(text)
        plot(walked, title, options.out / "sweep.png")


if __name__ == "__main__":
    main(sys.argv[1:])
