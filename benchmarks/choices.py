"""Does "auto" choose well? Every row of the table that accepts a layer, timed beside the others.

``python -m fastconv bench --choices`` prints where "auto" takes 5% longer than the best row: for
plans, whose weights are packed, and for conv2d, which packs with each call; for both layouts and
types and every instruction set. Rows take turns, so what counts is a ratio of a single run.

``--record FILE`` adds the rows within 5% of the best to a table; tests/test_choices.py holds "auto"
to the one in benchmarks/choices.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import fastconv
from benchmarks.layers import LAYERS, Layer
from benchmarks.networks import SUITES
from benchmarks.problems import Convolution
from benchmarks.versus import machine
from benchmarks.versus.contender import channels_last
from benchmarks.versus.timing import Timed, interleave, minimum
from fastconv import _core

ALLOWED = 1.05
HOPELESS = 3.0  # rows that take longer than this many times the fastest are timed once only
HEADINGS = ("layer", "layout", "type", "ISA", "weights", "auto", "best", "auto / best")


def measure(layer: Layer, layout: str, dtype: str, packed: bool, rounds: int,
            budget: float) -> dict[str, Any]:
    """Times of all rows for one layer on the active instruction set, in microseconds."""
    x, w = replace(Convolution(layer), dtype=dtype).inputs
    image = channels_last(x) if layout == "NHWC" else x
    calls = {}
    for wanted in ("auto", *_core.rows()):
        row, call = _call(layer, image, w, layout, wanted, packed)
        calls.setdefault("auto" if wanted == "auto" else row, call)
    calls.pop("refused", None)
    once = {row: minimum(call, 0) for row, call in calls.items()}
    timed = [Timed(row, call) for row, call in calls.items()
             if row == "auto" or once[row] < HOPELESS * min(once.values())]
    interleave(timed, rounds, budget)
    times = once | {t.name: t.median for t in timed}
    auto = times.pop("auto")
    plan = fastconv.Conv2d(w, **layer.arguments, layout=layout)
    chosen = plan.explain(image.shape)["algorithm"] if packed else ""
    if chosen:
        auto = times.get(chosen, auto)  # the same code: one measurement is less noise than two
    best = min(times, key=lambda row: times[row])
    return {"layer": layer.name, "layout": layout, "dtype": dtype, "isa": fastconv.active_isa(),
            "weights": "packed" if packed else "each call", "auto": chosen or "auto",
            "best": best, "ratio": auto / times[best],
            "us": {row: time / 1e3 for row, time in times.items()} | {"auto": auto / 1e3}}


def _call(layer: Layer, image: np.ndarray, w: np.ndarray, layout: str, row: str,
          packed: bool) -> tuple[str, Callable[[], Any]]:
    """The row that `row` stands for (a family may have one of its name), and a call by it."""
    options = {**layer.arguments, "layout": layout, "algorithm": row}
    plan = fastconv.Conv2d(w, **options)
    try:
        facts = plan.explain(image.shape)
    except ValueError:
        return "refused", plan
    y = np.empty(facts["out_shape"], image.dtype)
    if packed:
        return facts["algorithm"], partial(plan, image, out=y)
    return facts["algorithm"], partial(fastconv.conv2d, image, w, **options, out=y)


def runs(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    wanted = [layer for layer in SUITES[options.suite][0] if options.layers == "all"
              or any(text in layer.name for text in options.layers.split(","))]
    for isa in options.isa.split(",") if options.isa else reversed(fastconv.available_isas()):
        for layer in wanted:
            for dtype in options.dtype.split(","):
                for layout in options.layout.split(","):
                    for packed in (True,) if options.packed else (True, False):
                        with fastconv.use_isa(isa):
                            yield settled(layer, layout, dtype, packed, options)


def settled(layer: Layer, layout: str, dtype: str, packed: bool,
            options: argparse.Namespace) -> dict[str, Any]:
    """A loss is measured once more, longer, before it is believed."""
    found = measure(layer, layout, dtype, packed, options.rounds, options.ms * 1e6)
    if found["ratio"] > ALLOWED:
        found = measure(layer, layout, dtype, packed, 3 * options.rounds, options.ms * 1e6)
    return found


def table(found: list[dict[str, Any]]) -> str:
    lines = [HEADINGS, ["---"] * (len(HEADINGS) - 1) + ["---:"]]
    for r in sorted(found, key=lambda r: -r["ratio"]):
        lines.append([r["layer"], r["layout"], r["dtype"], r["isa"], r["weights"],
                      f"{r['auto']} {r['us']['auto']:.0f} us",
                      f"{r['best']} {r['us'][r['best']]:.0f} us", f"{r['ratio']:.2f}"])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


# ---------------------------------------------------------------- the record

def kind(isa: str) -> str:
    """The instruction set and, where it matters to "auto" (base/cpu.h), whose processor it is."""
    intel = "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    return "avx512, Intel" if isa == "avx512" and intel else isa


COLUMNS = tuple((dtype, layout) for dtype in ("float32", "float64") for layout in ("NCHW", "NHWC"))
Record = dict[tuple[str, str, str, str], tuple[str, ...]]  # by kind, layer, type, layout


def good_rows(result: dict[str, Any]) -> tuple[str, ...]:
    """Those within 5% of the best, the best one first."""
    times = {row: us for row, us in result["us"].items() if row != "auto"}
    return tuple(sorted((row for row, us in times.items() if us <= ALLOWED * min(times.values())),
                        key=lambda row: times[row]))


def read_record(path: Path) -> Record:
    record, isa = {}, ""
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            isa = line[3:]
        elif line.startswith("| ") and not line.startswith(("| layer", "| ---")):
            layer, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            for (dtype, layout), cell in zip(COLUMNS, cells, strict=True):
                if cell != "-":
                    record[isa, layer, dtype, layout] = tuple(cell.split(", "))
    return record


def write_record(path: Path, found: list[dict[str, Any]]) -> None:
    """Adds to what is there: layers whose filters do not fit into the cache that processors share
    come out one way or the other, by what else runs."""
    record = read_record(path) if path.exists() else {}
    for r in found:
        if r["weights"] == "packed":
            key = kind(r["isa"]), r["layer"], r["dtype"], r["layout"]
            record[key] = tuple(dict.fromkeys((*record.get(key, ()), *good_rows(r))))
    lines = [f"Rows of the table of algorithms within {ALLOWED - 1:.0%} of the fastest in a run of "
             "`make choices`, packed weights, one thread. tests/test_choices.py holds \"auto\" "
             "to them. Those of Intel are of its processors with AVX-512, for which \"auto\" "
             f"counts otherwise. Last added to on {datetime.date.today()}, {machine.processor()}."]
    for isa in dict.fromkeys(key[0] for key in record):
        lines += ["", f"## {isa}", "",
                  f"| layer | {' | '.join(map(' '.join, COLUMNS))} |", "| --- " * 5 + "|"]
        for layer in LAYERS:
            cells = [", ".join(record.get((isa, layer.name, *column), ("-",)))
                     for column in COLUMNS]
            lines.append(f"| {layer.name} | {' | '.join(cells)} |")
    path.write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> None:
    p = argparse.ArgumentParser(prog="python -m fastconv bench --choices", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--suite", default="table", choices=SUITES)
    p.add_argument("--layers", default="all", metavar="TEXT,...")
    p.add_argument("--isa", default="", metavar="NAME,...", help="default: all of this machine")
    p.add_argument("--dtype", default="float32,float64", metavar="TYPE,...")
    p.add_argument("--layout", default="NCHW,NHWC", metavar="LAYOUT,...")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--ms", type=float, default=4, help="for each row in each round")
    p.add_argument("--out", type=Path, metavar="FILE", help="JSON of all times")
    p.add_argument("--packed", action="store_true", help="only with packed weights")
    p.add_argument("--record", type=Path, metavar="FILE", help="add the good rows to this table")
    options = p.parse_args(arguments)
    if options.record and options.suite != "table":
        p.error("--record is for the layers of the table")
    machine.pin(1)
    fastconv.set_num_threads(1)
    found = []
    for result in runs(options):
        found.append(result)
        if result["ratio"] > ALLOWED:
            print(table([result]).splitlines()[-1], flush=True)
    losses = [r for r in found if r["ratio"] > ALLOWED]
    print(f"\n{len(losses)} of {len(found)} choices take over {ALLOWED - 1:.0%} longer than the "
          f"best row\n\n{table(losses)}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1))
    if options.record:
        write_record(options.record, found)


if __name__ == "__main__":
    main(sys.argv[1:])
