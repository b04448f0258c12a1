"""Builds the C programs of tests/c with the kernels and operators, without Python around them.

Needs nothing but a compiler: the package itself may not be installed. Objects are kept in the
folder and compiled again only if something that they were made from has changed.
"""

import os
import platform
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SRC_C = ROOT / "src_c"

FLAGS = ["-std=gnu11", "-O2", "-ffp-contract=fast", "-Wno-psabi", "-Isrc_c"]
SOURCES = {
    "selftest": ["tests/c/selftest.c"],
    "replay": ["tests/c/fuzz.c", "tests/c/replay.c"],
    "fuzz": ["tests/c/fuzz.c"],
    "threads_driver": ["tests/c/threads_driver.c"],
}


def isa_flags(isa, root=ROOT):
    """The compiler flags that setup.py names for an instruction set."""
    found = re.search(rf'"{isa}": \[(.*?)\]', (root / "setup.py").read_text(), re.S)
    return re.findall(r'"([^"]+)"', found[1])


def native_isas():
    arm = platform.machine() in ("aarch64", "arm64")
    return ["neon"] if arm else ["baseline", "avx2", "avx512"]


def build(program, compiler, isas, folder, *flags, kernels=(), root=ROOT, frozen=()):
    """Compile what has changed and link; returns the program.

    `flags` go to every unit and to the linker; `kernels` to the instruction sets' units alone, in
    the place of `flags` if they name a compiler of their own: ("gcc", "-O3"). The units of `frozen`
    instruction sets are taken as they were compiled before.
    """
    objects = compile_all(SOURCES[program], compiler, isas, folder, *flags, kernels=kernels,
                          root=root, frozen=frozen)
    linked = folder / program
    if not linked.exists() or any(newer(o, linked) for o in objects):
        run(compiler, *flags, *objects, "-o", linked, "-lm", "-pthread", root=root)
    return linked


def compile_all(sources, compiler, isas, folder, *flags, kernels=(), root=ROOT, frozen=()):
    """The objects of `sources` and of all of src_c."""
    sources = [*sources, "src_c/dispatch.c"]
    for floor in ("base", "ops"):
        sources += [f"src_c/{floor}/{p.name}" for p in sorted((root / "src_c" / floor).glob("*.c"))]
    units = [(source, [compiler, *FLAGS, *flags]) for source in sources]
    for isa in isas:
        ours = kernels or [compiler, *flags]
        units.append((f"src_c/isa/{isa}.c", [ours[0], *FLAGS, *isa_flags(isa, root), *ours[1:]]))
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda unit: compile_unit(*unit, folder, root, frozen), units))


def compile_unit(source, command, folder, root, frozen=()):
    made = folder / (source.replace("/", "-") + ".o")
    command = [*command, "-MMD", "-c", source, "-o", str(made)]
    note, needs = made.with_suffix(".cmd"), made.with_suffix(".d")
    if made.exists() and Path(source).stem in frozen:
        return made
    if made.exists() and note.exists() and note.read_text() == " ".join(command):
        files = needs.read_text().replace("\\\n", " ").split()[1:]
        if not any(newer(root / f, made) for f in files):
            return made
    run(*command, root=root)
    note.write_text(" ".join(command))
    return made


def newer(path, than):
    return not path.exists() or path.stat().st_mtime_ns > than.stat().st_mtime_ns


def run(*command, root=ROOT, env=None, timeout=None):
    # What is preloaded is meant for the interpreter alone (`make asan`).
    inherited = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run([str(c) for c in command], cwd=root, capture_output=True, text=True,
                          env={**inherited, **(env or {})}, timeout=timeout)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout
