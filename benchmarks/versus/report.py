"""Tables of the results, ready for the docs, and the files of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isnan
from pathlib import Path
from typing import Any

from benchmarks.versus import figures as f
from benchmarks.versus.figures import Result, number, percent, ratio

NOTICED = 0.05  # of the processors


def _table(headings: list[str], rows: Iterable[list[str]], left: int = 1) -> str:
    lines = [headings, ["---"] * left + ["---:"] * (len(headings) - left), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _named(best: tuple[str, float]) -> str:
    return "-" if isnan(best[1]) else f"{number(best[1])} {best[0]}"


def line(r: Result) -> str:
    """One result, for the terminal."""
    nchw, nhwc = (f.rate(r, f"Conv2d {layout}") for layout in ("NCHW", "NHWC"))
    parts = [f"{r['name']:26} {r['dtype']}",
             f"NCHW {number(nchw)}, {_algorithm(r)}",
             f"{ratio(f.against(r, 'Conv2d NCHW', 'NCHW'))} x {_named(f.best(r, 'NCHW'))}",
             f"{ratio(f.against(r, 'Conv2d NCHW'))} x {_named(f.best(r))}",
             f"NHWC {number(nhwc)}, {ratio(f.against(r, 'Conv2d NHWC', 'NHWC'))} x "
             f"{_named(f.best(r, 'NHWC'))}"]
    problems = [f"{name} left out: {why}" for name, why in r["reasons"].items()]
    if r["others"] > NOTICED:
        problems.append(f"other processes took {percent(r['others'])} of the processors")
    return " | ".join(parts + problems).replace("**", "")


def _algorithm(r: Result, layout: str = "NCHW") -> str:
    return str(r["entries"].get(f"Conv2d {layout}", {}).get("algorithm", "") or "-")


# ---------------------------------------------------------------- convolutions

def layers_table(results: list[Result], isa: str) -> str:
    """Ours against the best peers, and the share of the peak without Winograd."""
    rows = []
    for r in results:
        entry = r["entries"]["Conv2d NCHW"]
        rows.append([
            r["name"], _algorithm(r), number(f.rate(r, "Conv2d NCHW")), percent(entry["spread"]),
            _named(f.best(r, "NCHW")), ratio(f.against(r, "Conv2d NCHW", "NCHW")),
            _named(f.best(r)), ratio(f.against(r, "Conv2d NCHW")),
            number(f.rate(r, "Conv2d NHWC")), ratio(f.against(r, "Conv2d NHWC", "NHWC")),
            *(percent(f.share(r, f"exact {layout}", isa)) for layout in ("NCHW", "NHWC")),
            percent(f.copies(r, "Conv2d NCHW"))])
    rows.append(["**geometric mean**", "", *(
        number(v) if what == "rate" else "" if what == "" else ratio(v)
        for what, v in (
            ("rate", _mean(results, lambda r: f.rate(r, "Conv2d NCHW"))), ("", 0),
            ("rate", _mean(results, lambda r: f.best(r, "NCHW")[1])),
            ("ratio", _mean(results, lambda r: f.against(r, "Conv2d NCHW", "NCHW"))),
            ("rate", _mean(results, lambda r: f.best(r)[1])),
            ("ratio", _mean(results, lambda r: f.against(r, "Conv2d NCHW"))),
            ("rate", _mean(results, lambda r: f.rate(r, "Conv2d NHWC"))),
            ("ratio", _mean(results, lambda r: f.against(r, "Conv2d NHWC", "NHWC"))))),
        "", "", ""])
    return _table(["layer", "algorithm", "NCHW", "spread", "best NCHW peer", "ratio",
                   "best of all", "ratio", "NHWC", "x best NHWC peer", "exact NCHW / peak",
                   "exact NHWC / peak", "bytes / copy"], rows, left=2)


def _mean(results: list[Result], value: Any) -> float:
    return f.geometric_mean(v for v in map(value, results) if not isnan(v))


def contenders_table(results: list[Result], only: list[str] | None = None) -> str:
    """GFLOP/s (Gmax/s) of everybody."""
    chosen = only or f.names(results, ours=True) + f.names(results, ours=False)
    rows = [[r["name"], *(number(f.rate(r, name)) for name in chosen)] for r in results]
    rows.append(["**geometric mean**",
                 *(number(_mean(results, lambda r, n=name: f.rate(r, n))) for name in chosen)])
    return _table(["layer", *chosen], rows)


def peers_table(results: list[Result]) -> str:
    """For each peer the geometric mean of our ratio to it, over the layers that it can do."""
    rows = []
    for name in f.names(results, ours=False):
        there = [r for r in results if not isnan(f.rate(r, name))]
        layout = there[0]["entries"][name]["layout"]
        same = [f.rate(r, f"Conv2d {layout}") / f.rate(r, name) for r in there]
        worst = min(range(len(there)), key=lambda i: same[i])
        rows.append([name, layout, str(len(there)), number(_mean(there, lambda r, n=name:
                     f.rate(r, n))), ratio(f.geometric_mean(same)), ratio(same[worst]),
                     there[worst]["name"]])
    return _table(["peer", "layout", "layers", "GFLOP/s", "fastconv is faster by", "at least",
                   "on"], rows, left=2)


def each_call_table(results: list[Result]) -> str:
    """Weights given with each call."""
    rivals = f.names(results, ours=False, prepared=False)
    rows = []
    for r in results:
        fastest = max((f.rate(r, name) for name in rivals if not isnan(f.rate(r, name))),
                      default=float("nan"))
        ours = f.rate(r, "conv2d NCHW")
        rows.append([r["name"], number(ours), number(f.rate(r, "conv2d NHWC")),
                     *(number(f.rate(r, name)) for name in rivals), ratio(ours / fastest)])
    return _table(["layer", "conv2d NCHW", "conv2d NHWC", *rivals, "NCHW / best"], rows)


def pools_table(results: list[Result]) -> str:
    chosen = f.names(results, ours=True) + f.names(results, ours=False)
    rows = [[r["name"], *(number(r["entries"][n]["ns"] / 1e3) if n in r["entries"] else "-"
                          for n in chosen),
             ratio(f.against(r, "Conv2d NCHW")), percent(f.copies(r, "Conv2d NCHW")),
             percent(f.copies(r, "Conv2d NHWC"))] for r in results]
    headings = [name.replace("Conv2d", "max_pool2d") for name in chosen]
    return _table(["layer", *headings, "NCHW x best of all", "NCHW / copy", "NHWC / copy"], rows)


def call_table(results: list[Result]) -> str:
    rows = [[name, r["dtype"], f"{entry['ns'] / 1e3:.2f}"] for r in results
            for name, entry in sorted(r["entries"].items(), key=lambda e: e[1]["ns"])]
    return _table(["contender", "type", "us"], rows, left=2)


# ---------------------------------------------------------------- sentences

def summary_table(facts: Result, results: list[Result]) -> str:
    """The short form: what was asked for, and what came out."""
    conv, pools = f.of_kind(results, "conv"), f.of_kind(results, "pool")
    rows = []

    def add(what: str, values: list[tuple[float, str]], form: Any, mean: bool = True) -> None:
        known = [(value, name) for value, name in values if not isnan(value)]
        if known:
            least = min(known)
            middle = form(f.geometric_mean(v for v, _ in known)) if mean else ""
            rows.append([what, str(len(known)), middle, f"{form(least[0])} {least[1]}",
                         str(sum(v >= 1 for v, _ in known)) if form is ratio else ""])

    def each(chosen: list[Result], value: Any) -> list[tuple[float, str]]:
        return [(value(r), r["name"]) for r in chosen]

    isa = facts["isa"]
    add("NCHW / best NCHW peer", each(conv, lambda r: f.against(r, "Conv2d NCHW", "NCHW")), ratio)
    add("NCHW / best peer of any layout", each(conv, lambda r: f.against(r, "Conv2d NCHW")), ratio)
    add("NHWC / best NHWC peer", each(conv, lambda r: f.against(r, "Conv2d NHWC", "NHWC")), ratio)
    add("max pooling NCHW / best peer", each(pools, lambda r: f.against(r, "Conv2d NCHW")), ratio)
    bound = [r for r in conv if f.compute_bound(r)]
    for name in dict.fromkeys([isa, *(limit[4:] for r in conv for limit in r["limits"]
                                      if limit.startswith("fma "))]):
        for layout in ("NCHW", "NHWC"):
            contender = f"exact {layout}" + ("" if name == isa else f" {name}")
            add(f"exact {layout}, {name}, share of the FMA peak",
                each(bound, lambda r, c=contender, n=name: f.share(r, c, n)), percent)
    singles = {r["name"]: r for r in conv}
    doubles = [r for r in f.of_kind(results, "conv", "float64") if r["name"] in singles]
    for layout in ("NCHW", "NHWC"):
        name = f"Conv2d {layout}"
        add(f"float64 {layout}, share of half of float32",
            each(doubles, lambda r, n=name: 2 * f.rate(r, n) / f.rate(singles[r["name"]], n)),
            percent)
    add("float64 NCHW / PyTorch", each(doubles, lambda r: f.against(r, "Conv2d NCHW")), ratio)
    return _table(["what", "layers", "geometric mean", "least", "at least 1"], rows)


def where(facts: Result, results: list[Result]) -> str:
    """Machine, date, peers and what else ran, as sentences."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    absent = f" Absent: {', '.join(facts['absent'])}." if facts["absent"] else ""
    threads = "one thread" if facts["threads"] == 1 else f"{facts['threads']} threads"
    shares = sorted(r["others"] for r in results)
    return (f"{facts['processor']}, {threads}, {facts['isa']}, {facts['date']}, "
            f"fastconv {facts['commit'] or facts['fastconv']}; {versions}.{absent} Median of "
            f"{facts['rounds']} rounds of minima. Other processes took "
            f"{percent(shares[len(shares) // 2])} of the processors meanwhile, at most "
            f"{percent(shares[-1])} beside one layer.\n")


def _limits_table(facts: Result, results: list[Result]) -> str:
    rates: dict[str, list[float]] = {}
    for r in results:
        for name, limit in r["limits"].items():
            if name != "copy":
                rates.setdefault(f"{name} {r['dtype']}", []).append(limit["rate"])
    rows = [[name, f"{number(sorted(v)[len(v) // 2])} GFLOP/s ({number(min(v))} to "
             f"{number(max(v))} beside the layers)"] for name, v in rates.items()]
    rows += [[f"tile of sums {isa} float32, weights from {level}", f"{number(rate)} GFLOP/s"]
             for isa, levels in facts["tiles"].items() for level, rate in levels.items()]
    rows += [[f"{level}, {facts['bandwidth'][level]['bytes'] >> 10} KiB a thread",
              f"read {number(b['read'])} GB/s, copy {number(b['copy'])} GB/s"]
             for level, b in facts["bandwidth"].items()]
    return _table(["limit", "measured"], rows, left=2)


def markdown(facts: Result, results: list[Result]) -> str:
    conv, pools = f.of_kind(results, "conv"), f.of_kind(results, "pool")
    doubles = f.of_kind(results, "conv", "float64")
    calls = [r for r in results if f.is_call(r)]
    parts = [where(facts, results), summary_table(facts, results),
             "## Limits of the machine\n", _limits_table(facts, results)]
    if conv:
        parts += ["## Layer by layer, float32\n", layers_table(conv, facts["isa"]),
                  "## Peer by peer\n", peers_table(conv),
                  "## Every contender, GFLOP/s\n", contenders_table(conv),
                  "## Weights given with each call, GFLOP/s\n", each_call_table(conv)]
    if doubles:
        parts += ["## Float64\n", layers_table(doubles, facts["isa"])]
    if pools:
        parts += ["## Max pooling, microseconds\n", pools_table(pools)]
    if calls:
        parts += ["## A call on 1x1x8x8 with a 3x3 filter, microseconds\n", call_table(calls)]
    return "\n".join(parts)


def write(folder: Path, facts: Result, results: list[Result], add: bool) -> None:
    """<threads>t.json, .md, a summary and two plots; `add` keeps what the JSON had besides."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"versus-{facts['threads']}t"
    source = stem.with_suffix(".json")
    if add and source.exists():
        kept = {_key(r): r for r in json.loads(source.read_text())["results"]}
        results = list((kept | {_key(r): r for r in results}).values())
    source.write_text(json.dumps({"facts": facts, "results": results}, indent=1))
    derive(source)


def _key(r: Result) -> tuple[str, str]:
    return r["name"], r["dtype"]


def derive(source: Path) -> None:
    """Tables and plots from the JSON of a run."""
    from benchmarks.versus import plots

    report = json.loads(source.read_text())
    facts, results = report["facts"], report["results"]
    source.with_suffix(".md").write_text(markdown(facts, results))
    summary = source.with_name(source.stem + "-summary.md")
    summary.write_text(where(facts, results) + "\n" + summary_table(facts, results))
    written = [source, source.with_suffix(".md"), summary]
    conv = f.of_kind(results, "conv")
    if conv:
        written += [plots.bars(facts, conv, source.with_suffix(".png")),
                    plots.roofline(facts, conv, source.with_name(source.stem + "-roofline.png"))]
    print("wrote " + ", ".join(map(str, written)))
