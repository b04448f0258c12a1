"""The C self-test on this processor: the operators without Python around them."""

import platform
import re
import shutil

import pytest
from building import build_selftest, run
from support import CONFIG

COMPILER = shutil.which("gcc") or shutil.which("cc")


@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="another processor")
def test_selftest(tmp_path):
    # Unoptimised, which compiles in seconds: the optimised code is what all other tests run.
    printed = run(build_selftest(COMPILER, CONFIG["compiled_isas"], tmp_path, "-O0"))
    assert re.search(r"^\d{5,} checks, 0 failures$", printed, re.M), printed
    for isa in CONFIG["compiled_isas"]:
        state = "done" if isa in CONFIG["available_isas"] else "not on this processor"
        assert f"{isa}: {state}" in printed
