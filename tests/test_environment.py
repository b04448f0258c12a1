"""FASTCONV_ISA and FASTCONV_NUM_THREADS, what importing costs, and that it starts nothing."""

import re

import pytest
from children import printed, python
from support import CONFIG


def shown(expression, **variables):
    return printed(f"import fastconv; print({expression})", **variables)


@pytest.mark.parametrize("isa", CONFIG["available_isas"])
def test_isa_is_taken(isa):
    assert shown("fastconv.active_isa()", FASTCONV_ISA=isa) == isa


def test_nothing_set_means_the_best():
    assert shown("fastconv.active_isa()") == CONFIG["available_isas"][-1]
    assert shown("fastconv.active_isa()", FASTCONV_ISA="") == CONFIG["available_isas"][-1]


@pytest.mark.parametrize("value", ["sse9", "AVX2 ", "baseline,avx2", "\N{GREEK SMALL LETTER MU}"])
def test_unknown_isas_are_errors_that_name_the_variable(value):
    done = python("-c", "import fastconv", FASTCONV_ISA=value)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r"ValueError: FASTCONV_ISA.*got ", last) and ascii(value)[1:-1] in ascii(last)


def test_number_of_threads_is_taken():
    assert shown("fastconv.get_num_threads()", FASTCONV_NUM_THREADS="3") == "3"


@pytest.mark.parametrize("value", ["0", "-1", "abc", "1.5", "2**3", str(2**63), "9" * 5000])
def test_bad_numbers_of_threads_are_errors_that_name_the_variable(value):
    done = python("-c", "import fastconv", FASTCONV_NUM_THREADS=value)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError: FASTCONV_NUM_THREADS must be an integer of at least 1")
    assert value[:50] in last


def test_a_million_threads_are_not_started():
    code = "fastconv.conv2d([[[1.0]]], [[[[2.0]]]]).item()"
    assert shown(code, FASTCONV_NUM_THREADS="1000000000") == "2.0"


def test_import_costs_at_most_15_ms_over_numpy(tmp_path):
    """Cumulative time of the import once NumPy is there; the least of five, bytecode cached."""
    cached = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    python("-c", "import numpy, fastconv", **cached)
    costs = []
    for _ in range(5):
        command = "-X", "importtime", "-c", "import numpy, fastconv"
        lines = python(*command, **cached).stderr.splitlines()
        times = dict(re.findall(r"\| +(\d+) \| (\S+)$", line)[0][::-1] for line in lines[1:]
                     if line.endswith("| fastconv"))
        costs.append(int(times["fastconv"]) / 1000)
    assert min(costs) <= 15, f"{costs} ms"


def test_import_starts_no_thread_and_needs_only_numpy():
    code = """
import re, sys, numpy
threads = lambda: re.search(r"Threads:\\s*(\\d+)", open("/proc/self/status").read())[1]
before, known = threads(), set(sys.modules)
import fastconv
assert threads() == before, (threads(), before)
new = {m.split(".")[0] for m in set(sys.modules) - known}
print(sorted(new - set(sys.stdlib_module_names) - {"numpy", "fastconv"}))
print("fastconv.reference" in sys.modules)
"""
    done = python("-c", code)
    assert done.stderr == ""
    printed = done.stdout.splitlines()
    # Cython's own bookkeeping modules are no dependency.
    assert re.fullmatch(r"\[('_cython_\w+')?(, )?('cython_runtime')?\]", printed[0])
    assert printed[1] == "False"


def test_a_second_interpreter_works_or_is_told_that_it_does_not():
    """NumPy loads once in a process; whatever comes of it, the first interpreter goes on."""
    code = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import fastconv
call = "import fastconv; assert fastconv.conv2d([[[3.0]]], [[[[2.0]]]]).item() == 6"
second = interpreters.create()
try:
    failed = interpreters.run_string(second, call)
except Exception as error:
    failed = str(error)
exec(call)
print(failed or "works")
"""
    done = python("-c", code)
    assert done.returncode == 0
    said = done.stdout.strip()
    assert said == "works" or re.search("ImportError.*(once per process|interpreter)", said), said
