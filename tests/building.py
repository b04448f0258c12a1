"""Builds tests/c/selftest.c with the kernels and operators, without Python."""

import re
import subprocess

from support import ROOT, SRC_C

# Flags of each unit of src_c/isa, as setup.py gives them.
FLAGS = ["-std=gnu11", "-O2", "-ffp-contract=fast", "-Wno-psabi", "-Isrc_c"]


def isa_flags(isa):
    """The compiler flags that setup.py names for an instruction set."""
    found = re.search(rf'"{isa}": \[(.*?)\]', (ROOT / "setup.py").read_text(), re.S)
    return re.findall(r'"([^"]+)"', found[1])


def build_selftest(compiler, isas, folder, *extra):
    """Compile and link; returns the program."""
    sources = ["tests/c/selftest.c", "src_c/dispatch.c"]
    for floor in ("base", "ops"):
        sources += [f"src_c/{floor}/{p.name}" for p in sorted((SRC_C / floor).glob("*.c"))]
    objects = []
    for source, flags in [(s, []) for s in sources] + [
        (f"src_c/isa/{isa}.c", isa_flags(isa)) for isa in isas
    ]:
        objects.append(folder / (source.replace("/", "-") + ".o"))
        run(compiler, *FLAGS, *flags, *extra, "-c", source, "-o", objects[-1])
    program = folder / "selftest"
    run(compiler, *extra, *objects, "-o", program, "-lm", "-pthread")
    return program


def run(*command):
    done = subprocess.run([str(c) for c in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
