"""Turn pytest-benchmark's JSON into a table and a plot.

Run it with ``python -m benchmarks.report out/bench.json out/bench.md out/bench.png``.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from benchmarks.layers import LAYERS, POOLS  # noqa: E402

REFERENCES = ("naive", "numpy")
COLOURS = {"fastconv": "#1f6f8b", "scipy": "#8fb339", "NumPy": "#e0a458", "naive": "#9a9a9a"}
HEADINGS = ("contender", "algorithm", "ISA", "shape", "median", "spread", "rate", "x naive",
            "x NumPy")

Group = list[dict[str, Any]]


def read(path: Path) -> tuple[dict[str, Any], dict[str, Group]]:
    """Return the report and its timings by problem: convolutions first, as in the list."""
    report = json.loads(path.read_text())
    groups: dict[str, Group] = {}
    for timing in report["benchmarks"]:
        stats = timing["stats"]
        entry = {**timing["extra_info"], "median": stats["median"], "rounds": stats["rounds"],
                 "spread": stats["iqr"] / stats["median"],
                 "active": timing["extra_info"]["isa"] == report["machine_info"]["fastconv"]["isa"]}
        groups.setdefault(timing["group"], []).append(entry)
    places = {layer.name: place for place, layer in enumerate((*LAYERS, *POOLS))}
    order = sorted(groups, key=lambda name: places.get(name, len(places)))
    return report, {name: groups[name] for name in order}


def rate_of(group: Group, contender: str) -> float:
    """The rate of a contender, NaN if it did not take part."""
    return next((e["rate"] for e in group if e["contender"] == contender), math.nan)


def ours(group: Group) -> dict[str, Any]:
    """What stands for fastconv: the plan that chooses by itself, or else the best we have."""
    mine = [entry for entry in group if entry["active"]] or [e for e in group if e["isa"]]
    plans = [entry for entry in mine if entry["contender"] == "Conv2d"]
    return max(plans or mine, key=lambda entry: entry["rate"])


def scipys(group: Group) -> float:
    """The best rate of scipy, NaN if it did not take part."""
    rates = [e["rate"] for e in group if e["contender"].startswith("scipy")]
    return max(rates, default=math.nan)


def seconds(time: float) -> str:
    return f"{time * 1e3:.3g} ms" if time < 1 else f"{time:.3g} s"


def significant(number: float) -> str:
    """Three significant digits, never an exponent; a dash for NaN."""
    if math.isnan(number):
        return "-"
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def geometric_mean(ratios: list[float]) -> float:
    known = [math.log(ratio) for ratio in ratios if not math.isnan(ratio)]
    return math.exp(sum(known) / len(known)) if known else math.nan


def table_of(name: str, group: Group) -> list[str]:
    """One problem as a markdown table, fastest first."""
    naive, numpy = (rate_of(group, reference) for reference in REFERENCES)
    lines = ["", f"### {name}", "", row(HEADINGS), row(["---"] * 4 + ["---:"] * 5)]
    for entry in sorted(group, key=lambda entry: -entry["rate"]):
        once = entry["rounds"] == 1
        lines.append(row([
            entry["contender"], entry["algorithm"], entry["isa"] or "-", entry["shape"],
            seconds(entry["median"]), "one run" if once else f"{entry['spread']:.0%}",
            f"{significant(entry['rate'])} {entry['unit']}",
            significant(entry["rate"] / naive), significant(entry["rate"] / numpy),
        ]))
    return lines


def row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def markdown(report: dict[str, Any], groups: dict[str, Group]) -> str:
    """The whole report: where it was measured, a summary, a table for each problem."""
    cpu = report["machine_info"]["cpu"].get("brand_raw", "unknown processor")
    first = next(iter(groups.values()))[0]
    lines = [
        "# Benchmarks", "",
        f"{cpu}, Python {report['machine_info']['python_version']}, {first['dtype']}, "
        f"threads: {first['threads']}, {report['datetime'][:10]}.", "",
        "Median of all rounds; the spread is the interquartile range over the median. The naive "
        "reference runs once, on the smaller shape shown: ratios compare rates, not times. "
        "GFLOP/s count a multiplication and an addition for each product, GB/s what has to be "
        "read and written once, Gmax/s the pixels of all windows.", "",
        "## fastconv beside the references", "",
        row(["problem", "contender", "ISA", "rate", "x naive", "x NumPy"]),
        row(["---"] * 3 + ["---:"] * 3),
    ]
    ratios: dict[str, list[float]] = {reference: [] for reference in REFERENCES}
    for name, group in groups.items():
        best = ours(group)
        for reference in REFERENCES:
            ratios[reference].append(best["rate"] / rate_of(group, reference))
        lines.append(row([
            name, best["contender"], best["isa"], f"{significant(best['rate'])} {best['unit']}",
            *(significant(ratios[reference][-1]) for reference in REFERENCES),
        ]))
    means = (f"**{significant(geometric_mean(ratios[reference]))}**" for reference in REFERENCES)
    lines += [row(["**geometric mean**", "", "", "", *means]), "", "## Every contender"]
    for name, group in groups.items():
        lines += table_of(name, group)
    return "\n".join(lines) + "\n"


def bars(axes: Any, labels: list[str], series: dict[str, list[float]]) -> None:
    """Horizontal bars, one group for each label, each bar with its number."""
    thickness = 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        places = [y + (i - (len(series) - 1) / 2) * thickness for y in range(len(labels))]
        drawn = axes.barh(places, values, thickness * 0.92, label=name, color=COLOURS[name])
        texts = ["" if math.isnan(value) else significant(value) for value in values]
        axes.bar_label(drawn, texts, padding=2, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def plot(groups: dict[str, Group], path: Path) -> None:
    """GFLOP/s of the convolutions on the left, ratios of everything on the right."""
    flops = {name: group for name, group in groups.items() if group[0]["unit"] == "GFLOP/s"}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(13, 1.6 + 0.4 * len(groups)), layout="constrained")
    if flops:
        bars(left, list(flops), {
            "fastconv": [ours(group)["rate"] for group in flops.values()],
            "NumPy": [rate_of(group, "numpy") for group in flops.values()],
            "scipy": [scipys(group) for group in flops.values()],
        })
    left.set_title("GFLOP/s", loc="left", fontweight="bold")
    left.margins(x=0.1)
    bars(right, list(groups), {
        label: [ours(group)["rate"] / rate_of(group, name) for group in groups.values()]
        for label, name in (("naive", "naive"), ("NumPy", "numpy"))
    })
    right.set_xscale("log")
    right.axvline(1, color="black", linewidth=0.8)
    right.margins(x=0.12)
    right.set_title("fastconv: times faster than (log scale)", loc="left", fontweight="bold")
    # The convolutions come first in both, so that a row is one problem.
    for axes in (left, right):
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str]) -> None:
    if len(arguments) != 3:
        raise SystemExit(__doc__)
    source, table, picture = map(Path, arguments)
    report, groups = read(source)
    if not groups:
        raise SystemExit(f"{source} has no timings: was pytest run with --benchmark-enable?")
    table.write_text(markdown(report, groups))
    plot(groups, picture)
    print(f"wrote {table} and {picture}")


if __name__ == "__main__":
    main(sys.argv[1:])
