"""``python -m fastconv``: how this build runs here, and the benchmarks of a source checkout."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from ._settings import show_config

BENCHMARKS = {"--versus": "benchmarks.versus", "--sweep": "benchmarks.sweep",
              "--choices": "benchmarks.choices"}
USAGE = """\
usage: python -m fastconv config          version, instruction sets, threads
       python -m fastconv bench --versus  beside PyTorch, ONNX Runtime, OpenVINO and others
       python -m fastconv bench --sweep   odd shapes: share of the peak, cliffs
       python -m fastconv bench --choices what "auto" costs beside the best algorithm

Benchmarks are in the source checkout: call them in a folder of it. Each has a --help.
"""


def main(arguments: list[str]) -> int:
    """Run a subcommand; returns the exit status."""
    if arguments == ["config"]:
        for name, value in show_config().items():
            print(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
        return 0
    if len(arguments) > 1 and arguments[0] == "bench" and arguments[1] in BENCHMARKS:
        return _bench(BENCHMARKS[arguments[1]], arguments[2:])
    asked_for_help = arguments in (["-h"], ["--help"], ["bench", "-h"], ["bench", "--help"])
    print(USAGE, end="", file=sys.stdout if asked_for_help else sys.stderr)
    return 0 if asked_for_help else 2


def _bench(module: str, arguments: list[str]) -> int:
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "benchmarks" / "__init__.py").exists() and (folder / "src_c").is_dir():
            break
    else:
        print("bench needs a source checkout of fastconv: benchmarks/ is in neither the current "
              f"folder, {here}, nor one above it", file=sys.stderr)
        return 2
    # At the end: what is measured is the package that is running now.
    sys.path.append(str(folder))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
