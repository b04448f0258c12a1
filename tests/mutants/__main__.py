"""Which tests notice each seeded fault: `make mutants`, or python -m mutants [WORD...].

In a copy of the sources that the extension was built from, every fault is put in alone, compiled
without optimisation, and shown first to the C programs, then, if they see nothing, to the Python
tests of its file's stem (and those that its entry names), all on one instruction set. WORDs choose
faults by their places or files. Fails if less than 90 % are noticed.
"""

import os
import sys
import sysconfig
import time
from collections import Counter
from pathlib import Path

from building import ROOT, build, compile_all, native_isas, run

import fastconv

from .faults import faults
from .running import outcome

COPY = ROOT / "build/mutants"
SOURCES, OBJECTS = COPY / "src", COPY / "objects"
# One function each rather than a copy in every caller: compiled in a fraction of the time.
FLAGS = ["-O0", "-fPIC", "-Dalways_inline=unused", "-DFC_TEST_FAILURES=1"]
LEAST = 90
SECONDS = 30  # of processor time for a C program; tests have ten times as much


def programs(fault):
    """Calls of the C programs, quickest first."""
    corpus = ROOT / "tests/c/corpus"
    if fault.file.startswith(("base/threads", "base/shares", "base/places")):
        return [("threads_driver",)]
    return [("selftest", fault.isa), ("replay", corpus), ("replay", "-random", 500, 2)]


def python_tests(fault):
    """Files of the fault's stem, of which its entry may name a part, and what else that names."""
    stem = Path(fault.file).name.split(".")[0]
    family = stem.rpartition("_")[0] or stem  # of winograd_store, winograd
    mirrors = [f"{floor}test_{name}.py" for name in dict.fromkeys([stem, family])
               for floor in ("kernels/", "ops/", "")]
    named = {test.split("::")[0] for test in fault.tests}
    found = [name for name in mirrors if (ROOT / "tests" / name).exists() and name not in named]
    return [*found, *fault.tests]


def others(isa):
    return [name for name in native_isas() if name != isa]


def build_program(name, frozen=()):
    return build(name, "gcc", native_isas(), OBJECTS, *FLAGS, root=SOURCES, frozen=frozen)


def build_extension(frozen=()):
    """Cython's object, which no fault changes, with the objects of src_c as they are."""
    core = next((SOURCES / "build").rglob("_core.o"))
    made = COPY / "lib/fastconv" / ("_core" + sysconfig.get_config_var("EXT_SUFFIX"))
    objects = compile_all([], "gcc", native_isas(), OBJECTS, *FLAGS, root=SOURCES, frozen=frozen)
    run("gcc", "-shared", core, *objects, "-o", made, "-pthread", root=SOURCES)


def notices(command, env=None, seconds=SECONDS):
    """What a command that fails says last; nothing if it passes."""
    code, output = outcome(command, seconds, ROOT / "tests", env)
    if code is None or code == 0:
        return "no end" if code is None else None
    lines = [line for line in output.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines
    return f"signal {-code}" if code < 0 else said[-1]


def pytest(tests, isa, seconds=10 * SECONDS):
    this_one = " and ".join(f"not {name}" for name in others(isa))
    env = {**os.environ, "PYTHONPATH": str(COPY / "lib"), "FASTCONV_ISA": isa}
    return notices([sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
                    "-k", this_one, *tests], env, seconds)


def who_notices(fault):
    """A fault that does not compile is an error of its entry."""
    for name, *arguments in programs(fault):
        if said := notices([build_program(name, others(fault.isa)), *arguments]):
            return name, said
    if tests := python_tests(fault):
        build_extension(others(fault.isa))
        if said := pytest(tests, fault.isa):
            return "pytest", said
    return None, "by nobody"


def with_fault(fault):
    """Leaves the sources as they were, and no object that was compiled meanwhile."""
    path = SOURCES / "src_c" / fault.file
    text, was, start = path.read_text(), path.stat(), time.time_ns()
    path.write_text(fault.applied(text))
    try:
        return who_notices(fault)
    finally:
        path.write_text(text)
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        for made in OBJECTS.glob("*.o"):
            if made.stat().st_mtime_ns > start:
                made.unlink()


def check_unchanged(chosen):
    """Without a fault nobody may notice anything, or every one would be noticed."""
    calls = {(isa, call) for f in chosen for isa in [f.isa] for call in programs(f)}
    for _, (name, *arguments) in sorted(calls, key=str):
        assert not (said := notices([build_program(name), *arguments])), f"{name}: {said}"
    build_extension()
    for isa in sorted({f.isa for f in chosen}):
        tests = sorted({test for f in chosen if f.isa == isa for test in python_tests(f)})
        said = tests and pytest(tests, isa, seconds=3600)
        assert not said, f"{isa}: {said}"


def main(*words):
    wanted = [f for f in faults() if not words or any(word in str(f) for word in words)]
    chosen = [f for f in wanted if f.isa in fastconv.available_isas()]
    begin, tally = time.monotonic(), Counter()
    check_unchanged(chosen)
    away = len(wanted) - len(chosen)
    print(f"{len(chosen)} faults; {away} of instruction sets that are not here; "
          f"unchanged passes, {time.monotonic() - begin:.0f} s", flush=True)
    for fault in chosen:
        start = time.monotonic()
        by, said = with_fault(fault)
        tally[by] += 1
        took = f"{time.monotonic() - start:4.0f} s"
        print(f"{by or 'SURVIVES':15} {took}  {fault}\n{'':24}{said[:150]}", flush=True)
    noticed = len(chosen) - tally.pop(None, 0)
    parts = ", ".join(f"{count} by {by}" for by, count in tally.most_common())
    print(f"{noticed} of {len(chosen)} noticed ({100 * noticed / len(chosen):.0f} %): {parts}; "
          f"{time.monotonic() - begin:.0f} s")
    raise SystemExit(noticed < LEAST / 100 * len(chosen))


if __name__ == "__main__":
    main(*sys.argv[1:])
