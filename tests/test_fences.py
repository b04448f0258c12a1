"""Nothing beyond an array is read or written: arrays flush with a page that faults."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastconv

RUNNER = Path(__file__).with_name("fence_runner.py")


def python(*arguments):
    # The package may be found through pytest's own path only.
    path = os.pathsep.join([str(Path(fastconv.__file__).parents[1]), *sys.path])
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": path})


@pytest.mark.parametrize("side", ["end", "start"])
def test_the_fence_itself(side):
    code = ("import numpy as np; from numpy.lib.stride_tricks import as_strided\n"
            f"from fences import fenced; a = fenced(np.arange(3.0), {side!r})\n"
            "assert a.tolist() == [0, 1, 2]; print('fenced', flush=True)\n"
            "as_strided(a[::-1] if {!r} == 'start' else a, (4,))[3] + 1".format(side))
    done = python("-c", f"import sys; sys.path.insert(0, {str(RUNNER.parent)!r})\n{code}")
    assert done.stdout == "fenced\n", done.stderr
    assert done.returncode < 0  # killed by a signal


def fenced_cases(log, seed, count):
    """Run the cases; returns how many different convolutions there were."""
    done = python(RUNNER, log, seed, count)
    last = log.read_text().strip() if log.exists() else "before the first case"
    assert done.returncode == 0, f"{last}\n{done.stderr}"
    found = re.match(r"done: (\d+) shapes, (\d+) calls", last)
    assert found and int(found[2]) > 20 * int(found[1]), last
    print(last)
    return int(found[1])


@pytest.mark.parametrize(("seed", "count"), [("in-place", 0), (0, 120)])
def test_seeded_cases(tmp_path, seed, count):
    assert fenced_cases(tmp_path / "case.txt", seed, count) > 40


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 21))
def test_very_many_cases(tmp_path, seed):
    """Over 5,000 convolutions in all, each in every way."""
    assert fenced_cases(tmp_path / "case.txt", seed, 700) > 250
