"""The thread pool without Python: tests/c/threads_driver.c, also under ThreadSanitizer."""

import shutil

import pytest
from building import build, run
from children import LONG
from support import CONFIG

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]


def printed(compiler, folder, *flags):
    isas = CONFIG["compiled_isas"]
    return run(build("threads_driver", compiler, isas, folder, "-g", *flags)).strip()


@pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")
def test_driver(tmp_path):
    assert printed(COMPILERS[0], tmp_path, "-O0") == "0 failures"


@pytest.mark.skipif(not LONG, reason="part of make tsan")
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_driver_under_the_sanitizer(tmp_path, compiler):
    if compiler not in COMPILERS:
        pytest.skip(f"needs {compiler}")
    # One copy of each function: the races are not in the kernels, which take minutes to compile.
    flags = "-O1", "-Dalways_inline=unused", "-fsanitize=thread"
    assert printed(compiler, tmp_path, *flags) == "0 failures"
