"""Prints what the tests cover of src_c, file by file; fails below 95 % of lines, 90 % of branches.

Usage: python tests/coverage_table.py FOLDER (`make coverage`), FOLDER being a copy of the sources
in which instrumented objects have run. Needs gcovr.

A line or a branch counts once, however many instruction sets and types are compiled from it: it is
covered if it is in one of them.
"""

import json
import subprocess
import sys
from pathlib import Path

LEAST = {"line": 95, "branch": 90}
KINDS = tuple(LEAST)


def measure(folder, pages):
    """Counts by file and kind: {"src_c/ops/conv.c": {"line": (covered, all, %), ...}, ...}."""
    pages.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "gcovr", "--root", ".", "--filter", "src_c/", "--merge-lines",
               # A kernel has two forms where registers may be too few, and Cython's own source lies
               # where no file says.
               "--merge-mode-functions", "separate",
               "--gcov-ignore-errors", "no_working_dir_found",
               "--gcov-suspicious-hits-threshold", "0",  # thousands of millions are no mistake
               "--json-summary", str(pages / "summary.json"),
               "--html-details", str(pages / "index.html")]
    subprocess.run(command, cwd=folder, check=True)
    summary = json.loads((pages / "summary.json").read_text())
    return {file["filename"]: {k: (file[f"{k}_covered"], file[f"{k}_total"], file[f"{k}_percent"])
                               for k in KINDS} for file in [*summary["files"],
                                                            {**summary, "filename": "all"}]}


def row(name, counts):
    cells = []
    for kind in KINDS:
        covered, total, percent = counts[kind]
        cells.append(f"{covered:5} of {total:4} {percent:6.1f}" if total else " " * 20)
    return f"{name.removeprefix('src_c/'):33}" + "  ".join(cells)


def main(folder):
    pages = Path("out/coverage").absolute()
    counts = measure(folder, pages)
    print(f"{'':33}{'lines %':>20}  {'branches %':>20}")
    for name in counts:
        print(row(name, counts[name]))
    print(f"what is missing: {pages}/index.html")
    missing = [f"{kind}s: {counts['all'][kind][2]} %, at least {least} wanted"
               for kind, least in LEAST.items() if counts["all"][kind][2] < least]
    raise SystemExit("\n".join(missing) or 0)


if __name__ == "__main__":
    main(sys.argv[1])
