"""fastconv beside its peers: ``python -m fastconv bench --versus`` or ``make versus``.

Every contender gets the same arrays and the same processors, is checked against float64 and is
timed in turn with all others, layer by layer. With --out: JSON, tables and plots.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

KINDS = ("conv", "pool", "call")
QUICK = {"rounds": 3, "budget": 8e6}


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m fastconv bench --versus", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=1, help="of every contender (default: 1)")
    p.add_argument("--suite", default="table", choices=("table", "networks"),
                   help="the 32 layers of the tables, or 174 of further networks")
    p.add_argument("--layers", default="all", metavar="TEXT,...",
                   help="those with a TEXT in their names (all, quick, or as \"rn50.2b,dw\")")
    p.add_argument("--kinds", default=",".join(KINDS), metavar="KIND,...",
                   help="conv, pool, call (default: all of them)")
    p.add_argument("--peers", default="all", metavar="NAME,...",
                   help="torch, onnxruntime, openvino, ncnn, jax, litert, opencv, all or none")
    p.add_argument("--dtype", default="float32", metavar="TYPE,...", help="float32, float64")
    p.add_argument("--isa", default="", metavar="NAME,...",
                   help="plans of ours on these instruction sets too")
    p.add_argument("--rounds", type=int, help="of minima (default: 7)")
    p.add_argument("--quick", action="store_true", help="3 short rounds")
    p.add_argument("--out", type=Path, metavar="DIR", help="where to put JSON, tables, plots")
    p.add_argument("--add", action="store_true", help="to the JSON that is there already")
    return p


def problems(options: argparse.Namespace) -> Iterator[Any]:
    from benchmarks.layers import CALL
    from benchmarks.networks import SUITES
    from benchmarks.problems import Convolution, Pooling

    convolutions, pools = SUITES[options.suite]
    kinds: dict[str, tuple[Any, Any]] = {
        "conv": (convolutions, Convolution), "pool": (pools, Pooling),
        "call": ((CALL,), Convolution)}
    for dtype in options.dtype.split(","):
        for kind in options.kinds.split(","):
            layers, make = kinds[kind]
            for layer in layers:
                wanted = (options.layers == "all" or (options.layers == "quick" and layer.quick)
                          or any(text in layer.name for text in options.layers.split(",")))
                if wanted:
                    yield replace(make(layer), dtype=dtype)


def conditions(options: argparse.Namespace, cpus: tuple[int, ...]) -> dict[str, Any]:
    """What a reader needs to judge the figures."""
    import fastconv
    from benchmarks.versus.machine import processor

    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False,
                            cwd=Path(__file__).parent).stdout.strip()
    return {
        "date": datetime.date.today().isoformat(), "processor": processor(), "cpus": cpus,
        "threads": options.threads, "commit": commit, "fastconv": fastconv.__version__,
        "isa": fastconv.active_isa(), "load": os.getloadavg()[0],
    }


def main(arguments: list[str]) -> None:
    p = parser()
    options = p.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # read when the peers are imported
    from benchmarks.versus import machine, ours, peers, report, run

    try:
        cpus = machine.pin(options.threads)
        wanted = list(problems(options))
        found, absent = peers.load(peers.chosen(options.peers))
    except (ValueError, KeyError) as error:
        p.error(str(error))
    if not wanted:
        p.error(f"--layers {options.layers}: no layer has that in its name")
    for name, why in absent.items():
        print(f"skipped {name}: {why}")

    import fastconv

    fastconv.set_num_threads(options.threads)
    isas = []
    for name in filter(None, (*options.isa.split(","), fastconv.active_isa())):
        if name not in fastconv.available_isas():
            print(f"skipped {name}: not on this machine")
        elif name not in isas:
            isas.append(name)
    here = machine.Machine(options.threads, tuple(isas))
    contenders = ours.contenders(tuple(isas))
    contenders += [contender for peer in found.values() for contender in peer.CONTENDERS]
    settings = run.Options(options.threads, **(QUICK if options.quick else {}))
    if options.rounds:
        settings = replace(settings, rounds=options.rounds)
    facts = conditions(options, cpus)
    facts |= {"rounds": settings.rounds, "absent": absent,
              "versions": {name: peer.VERSION for name, peer in found.items()},
              "tiles": {} if here.missing or not options.out else here.tiles(),
              "bandwidth": {} if here.missing or not options.out else here.bandwidth()}
    results = []
    for problem in wanted:
        results.append(run.run(problem, contenders, here, settings))
        print(report.line(results[-1]), flush=True)
    if options.out:
        report.write(options.out, facts, results, options.add)
    else:
        print(report.contenders_table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
