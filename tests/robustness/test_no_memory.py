"""malloc fails at any point: MemoryError, nothing leaks, the next call is right."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from building import run
from children import SANITIZED
from support import ROOT

import fastconv

COMPILER = shutil.which("gcc") or shutil.which("cc")
HERE = Path(__file__).parent


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs LD_PRELOAD and glibc")
@pytest.mark.skipif(SANITIZED, reason="malloc is the sanitizer's")
def test_every_allocation_fails_once(tmp_path):
    shim = tmp_path / "failing_malloc.so"
    run(COMPILER, "-O1", "-shared", "-fPIC", ROOT / "tests/c/failing_malloc.c", "-o", shim)
    path = os.pathsep.join([str(Path(fastconv.__file__).parents[1]), *sys.path])
    done = subprocess.run([sys.executable, HERE / "no_memory_runner.py"], capture_output=True,
                          text=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": path, "LD_PRELOAD": str(shim)})
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    assert done.stdout.count("allocations") >= 20
