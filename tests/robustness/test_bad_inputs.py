"""No input may crash, hang, abort, print, or leave the library unusable.

The cases run in one child process after another; a case that ends the child, or takes too long,
is the one that fails, and the next child goes on after it.  After each case a plain call must
still give the right result.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastconv

from .catalogue import CATALOGUE

PATH = os.pathsep.join([str(Path(fastconv.__file__).parents[1]),
                        str(Path(__file__).parents[1]), *sys.path])
SECONDS = 60  # of one case, on a machine with other work to do; each takes milliseconds

# What crashed, hung or fooled one library or another.
ROWS = ["steps", "padding", "groups", "threads", "names", "activation", "flags", "settings",
        "numpy integers", "kernel too large", "pool padding", "dtypes", "ranks", "no arrays",
        "no memory", "weights", "bias", "no images", "no channels", "odd shapes", "memory",
        "mixed dtypes", "claims", "zero and huge", "bounded scratch", "out", "huge sizes",
        "max pooling", "special values"]


def lines(report):
    """What the child has said; its last line may be half written."""
    text = report.read_text() if report.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def run_child(folder, first):
    """Run cases from `first` until the child ends; returns {number: what is wrong}."""
    report = folder / f"from-{first}.json"
    with open(folder / f"from-{first}.txt", "w+") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "robustness.child", report, str(first)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, "PYTHONPATH": PATH},
        )
        seen, since = -1, time.monotonic()
        while child.poll() is None:
            time.sleep(0.05)
            length = report.stat().st_size if report.exists() else -1
            if length != seen:
                seen, since = length, time.monotonic()
            elif time.monotonic() - since > SECONDS:
                child.kill()
                child.wait()
        output.seek(0)
        printed = output.read()[-2000:]
    said = lines(report)
    wrong = {line["end"]: line["wrong"] for line in said if "end" in line}
    started = said[-1]["start"] if said and "start" in said[-1] else None
    if started is not None:
        wrong[started] = f"ended the process with {child.returncode}: {printed}"
    elif not said:
        wrong[first] = f"the child did not begin: {printed}"
    return {n: f"{text}\n{printed}" if "wrote" in text else text for n, text in wrong.items()}


def run_all(folder):
    wrong = {}
    while len(wrong) < len(CATALOGUE):
        wrong.update(run_child(folder, len(wrong)))
    return wrong


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    """What is wrong with each case, by its number; run once, whichever worker comes first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    result = folder / "robustness.json"
    with open(folder / "robustness.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            result.write_text(json.dumps(run_all(folder)))
    return {int(number): wrong for number, wrong in json.loads(result.read_text()).items()}


def group_of(case):
    """Cases of one row and one function are one test."""
    return f"{case.row}/{case.label.split()[0]}"


@pytest.mark.parametrize("group", sorted({group_of(case) for case in CATALOGUE}))
def test_cases(outcomes, group):
    wrong = [f"{case.id}: {outcomes[number]}" for number, case in enumerate(CATALOGUE)
             if group_of(case) == group and outcomes[number]]
    assert not wrong, "\n".join(wrong)


def test_the_catalogue():
    ids = [case.id for case in CATALOGUE]
    assert len(set(ids)) == len(ids), [i for i in ids if ids.count(i) > 1][:9]
    assert {case.row for case in CATALOGUE} == set(ROWS)
    assert len(ids) >= 300


def test_a_child_that_dies_names_the_case(tmp_path):
    """The machinery itself: a crash is laid at the door of the case that was running."""
    report = tmp_path / "report.json"
    report.write_text('{"start": 0}\n{"end": 0, "wrong": ""}\n{"start": 1}\n{"en')
    assert [line for line in lines(report) if "start" in line][-1] == {"start": 1}
