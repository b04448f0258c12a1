"""Runs the C programs of tests/c under one instrument: python3 tests/instruments.py NAME

asan      AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer (gcc)
msan      MemorySanitizer (clang)
valgrind  memcheck, whose processor has no AVX-512: baseline and avx2
debug     scratch filled with NaN at each use (gcc)
replay    the corpus of the fuzz target (gcc)
fuzz      libFuzzer (clang), the kernels as released (gcc): FUZZ_SECONDS=60, FUZZ_CORPUS=out/corpus
coverage  counts what runs, in the copy of the sources that `make coverage` has made (gcc)

Nothing is suppressed. A missing tool is a skip that says so; `--strict` makes it an error.
"""

import os
import shutil
import subprocess
import sys

from building import ROOT, build, native_isas, run

FATAL = "-fno-sanitize-recover=all"
PLAIN_HEAP = ["-DFC_TEST_MALLOC"]  # exact blocks from malloc: what these tools watch
# One copy of each function: a copy for each constant takes minutes to compile, and runs the same.
PLAIN = ["-O0", "-Dalways_inline=unused"]
# What was never written is theirs to know: arrays are left as malloc gives them.
UNDEFINED = [*PLAIN_HEAP, "-DFC_TEST_UNDEFINED"]


def instrument(name):
    """Needed tools, then a function that builds and runs."""
    folder = ROOT / "build" / "c" / name

    def selftest(compiler, *flags, wrapper=(), env=None):
        program = build("selftest", compiler, native_isas(), folder, "-g", *flags)
        return run(*wrapper, program, env=env)

    def asan():
        env = {"ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
               "UBSAN_OPTIONS": "print_stacktrace=1"}
        flags = [*PLAIN, "-fsanitize=address,undefined", FATAL, *PLAIN_HEAP]
        return selftest("gcc", *flags, env=env)

    def msan():
        return selftest("clang", *PLAIN, "-fsanitize=memory", FATAL, *UNDEFINED)

    def valgrind():
        wrapper = ["valgrind", "--quiet", "--error-exitcode=1", "--leak-check=full",
                   "--errors-for-leak-kinds=definite,indirect,possible"]
        return selftest("gcc", *PLAIN, *UNDEFINED, wrapper=wrapper)

    def debug():
        return selftest("gcc", *PLAIN, "-DFC_DEBUG")

    def replay():
        program = build("replay", "gcc", native_isas(), folder, *PLAIN)
        return run(program, "tests/c/corpus")

    def fuzz():
        program = build("fuzz", "clang", native_isas(), folder, "-g", "-O1", "-DFC_DEBUG",
                        "-fsanitize=fuzzer", kernels=["gcc", "-O3"])
        corpus = ROOT / os.environ.get("FUZZ_CORPUS", "out/corpus")
        corpus.mkdir(parents=True, exist_ok=True)
        command = [program, f"-max_total_time={os.environ.get('FUZZ_SECONDS', 60)}",
                   "-max_len=64", "-timeout=60", "-print_final_stats=1",
                   f"-artifact_prefix={corpus.parent}/", corpus, ROOT / "tests/c/corpus"]
        if subprocess.run([str(c) for c in command], cwd=ROOT).returncode:
            raise SystemExit("fuzz: failed; the case is left beside the corpus")
        return ""

    def coverage():
        root = ROOT / "build/coverage/src"
        flags = [*PLAIN, "--coverage", "-fprofile-update=atomic", "-DFC_DEBUG"]
        calls = [("selftest",), ("replay", "tests/c/corpus"), ("replay", "-random", 1000, 1),
                 ("threads_driver",)]
        return "".join(run(build(name, "gcc", native_isas(), root / "build/c", *flags, root=root),
                           *arguments, root=root) for name, *arguments in calls)

    needs = {"asan": ["gcc"], "msan": ["clang"], "valgrind": ["gcc", "valgrind"],
             "debug": ["gcc"], "replay": ["gcc"], "fuzz": ["clang", "gcc"], "coverage": ["gcc"]}
    return needs[name], locals()[name]


def main(name, *options):
    needs, action = instrument(name)
    missing = [tool for tool in needs if not shutil.which(tool)]
    if missing:
        print(f"{name}: skipped, {' and '.join(missing)} not installed")
        raise SystemExit("--strict" in options)
    print(action().strip())
    print(f"{name}: passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
