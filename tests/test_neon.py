"""The C self-test on AArch64: cross-compiled, and run by qemu's user mode."""

import re
import shutil

import pytest
from building import build, run

COMPILER, QEMU = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")


@pytest.mark.skipif(COMPILER is None, reason="needs aarch64-linux-gnu-gcc")
@pytest.mark.skipif(QEMU is None, reason="needs qemu-aarch64")
def test_neon(tmp_path):
    printed = run(QEMU, build("selftest", COMPILER, ["neon"], tmp_path, "-static"))
    assert re.search(r"^\d{5,} checks, 0 failures$", printed, re.M), printed
    assert "neon: done" in printed
