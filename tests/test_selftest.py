"""The C programs on this processor: the operators without Python around them."""

import platform
import re
import shutil

import pytest
from building import ROOT, build, run
from support import CONFIG

COMPILER = shutil.which("gcc") or shutil.which("cc")
pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="needs a C compiler"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="another processor"),
]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("c")  # one, so that objects are shared
    # Unoptimised, which compiles in seconds: the optimised code is what all other tests run.
    return lambda name: build(name, COMPILER, CONFIG["compiled_isas"], folder, "-O0", "-DFC_DEBUG")


def test_selftest(program):
    printed = run(program("selftest"))
    assert re.search(r"^\d{5,} checks, 0 failures$", printed, re.M), printed
    for isa in CONFIG["compiled_isas"]:
        state = "done" if isa in CONFIG["available_isas"] else "not on this processor"
        assert f"{isa}: {state}" in printed


def test_corpus_of_the_fuzz_target(program):
    corpus = ROOT / "tests/c/corpus"
    printed = run(program("replay"), corpus, timeout=60)
    assert printed == f"{len(list(corpus.iterdir()))} cases\n"


def test_random_cases_of_the_fuzz_target(program):
    assert run(program("replay"), "-random", 300, 1, timeout=60) == "300 cases\n"
