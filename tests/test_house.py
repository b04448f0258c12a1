"""The house: floors look down only, every kernel has its mirrors, and kernels stay pure."""

import ast
import os.path
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from support import ROOT, SRC_C

from fastconv import _core

PACKAGE = ROOT / "fastconv"
FLOORS = ["base", "kernels", "isa", "dispatch", "ops"]
C_FILES = sorted(p for p in SRC_C.rglob("*") if p.suffix in (".c", ".h", ".def"))
KERNELS = sorted(set(re.findall(r"^FC_KERNEL\((\w+)", (SRC_C / "kernels.def").read_text(), re.M)))
# "extern const fc_conv_algorithm fc_conv_<name>;": two tile sizes of one file share its stem.
ALGORITHMS = sorted({
    name.rstrip("0123456789")
    for name in re.findall(r"fc_conv_algorithm fc_conv_(\w+);",
                           (SRC_C / "ops" / "algorithms.h").read_text())
})
OPERATORS = sorted({*ALGORITHMS, "max_pool", "columns"})


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def floor(path):
    """The floor of a file of src_c; the two lists at its top belong to the floors they list."""
    parts = path.relative_to(SRC_C).parts
    if len(parts) > 1:
        return parts[0]
    return {"kernels": "kernels", "dispatch": "dispatch"}[path.name.split(".")[0]]


def code(path):
    """A C file without its comments and strings."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(), flags=re.S)
    return re.sub(r'(#include )?"[^"\n]*"', lambda m: m[0] if m[1] else '""', text)


def includes(path):
    for name in re.findall(r'^\s*#include "([^"]+)"', code(path), re.M):
        found = [p for p in (path.parent / name, SRC_C / name) if p.exists()]
        assert found, f"{name_of(path)} includes {name}, which does not exist"
        yield Path(os.path.normpath(found[0]))


@pytest.mark.parametrize("path", C_FILES, ids=name_of)
def test_includes_look_down(path):
    here = FLOORS.index(floor(path))
    for other in includes(path):
        if floor(path) == "isa" and other.name == "dispatch.h":
            continue  # the type of the table that it fills
        if path.name == "dispatch.c" and other.name == "isa.def":
            continue
        assert FLOORS.index(floor(other)) <= here, f"{name_of(path)} looks up to {name_of(other)}"


def test_kernels_include_no_header_of_a_higher_floor_or_of_the_system():
    for path in (SRC_C / "kernels").glob("*.inc.c"):
        assert not re.search(r"#include\s*<(?!stdint|stdbool|stddef|string)", code(path)), path


def at_run_time(node):
    yield node
    only_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    for child in node.orelse if only_typing else ast.iter_child_nodes(node):
        yield from at_run_time(child)


def imports(path):
    """Modules of the package that a module imports, wherever in the file it does so."""
    for node in at_run_time(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1]
            base = base / node.module.replace(".", "/") if node.module else base
            for alias in node.names:
                inner = base / alias.name
                known = inner.is_dir() or any(
                    inner.with_suffix(end).exists() for end in (".py", ".pyx")
                )
                module = inner if known else base
                yield module
        elif isinstance(node, ast.Import):
            assert not any(a.name.startswith("fastconv") for a in node.names), path


def module_file(module):
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")


def python_graph():
    files = sorted(PACKAGE.rglob("*.py"))
    return {
        path: {f for m in imports(path) if (f := module_file(m)).exists() and f != path}
        for path in files
    }


def test_python_imports_have_no_circle():
    graph = python_graph()
    remaining = dict(graph)
    while free := [path for path, needs in remaining.items() if not needs & remaining.keys()]:
        for path in free:
            del remaining[path]
    assert not remaining, "a circle of imports among " + ", ".join(map(name_of, remaining))


def test_the_fast_functions_do_not_import_the_reference():
    for path, needs in python_graph().items():
        if path.parent == PACKAGE:
            assert not any(n.parent.name == "reference" for n in needs), name_of(path)


def test_the_bridge_imports_no_module_of_the_package():
    for path in PACKAGE.glob("_core*.p[yx][xdi]"):
        text = path.read_text()
        assert not re.search(r"^\s*(from \.|(from|import|cimport) fastconv)", text, re.M), path


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_has_its_mirrors(kernel):
    wanted = [f"src_c/kernels/{kernel}.inc.c", f"tests/kernels/test_{kernel}.py",
              f"benchmarks/kernels/bench_{kernel}.py"]
    assert not [path for path in wanted if not (ROOT / path).exists()]


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_its_mirrors(operator):
    wanted = [f"src_c/ops/{operator}.c", f"tests/ops/test_{operator}.py",
              f"benchmarks/ops/bench_{operator}.py"]
    assert not [path for path in wanted if not (ROOT / path).exists()]


def test_no_kernel_or_test_without_its_entry():
    """A family's file may include its parts, whose names begin with its stem."""
    files = {p.name.removesuffix(".inc.c"): p for p in (SRC_C / "kernels").glob("*.inc.c")}
    parts = {part for stem in KERNELS for part in re.findall(
        rf'^#include "({stem}_\w+)\.inc\.c"', files[stem].read_text(), re.M)}
    assert files.keys() - parts == set(KERNELS)
    tested = {p.stem.removeprefix("test_") for p in (ROOT / "tests/kernels").glob("test_*.py")}
    assert tested == set(KERNELS)


def test_one_stem_one_place():
    """A stem names one thing; a kernel and the operator on top of it share theirs."""
    places = defaultdict(set)
    for path in [*C_FILES, *PACKAGE.rglob("*.py"), PACKAGE / "_core.pyx"]:
        places[path.name.split(".")[0]].add(path.parent)
    for stem in KERNELS:
        places[stem] -= {SRC_C / "ops"}
    # Package files, and what is derived from the list of kernels on its way up.
    for stem in ("__init__", "kernels"):
        del places[stem]
    shared = {stem: sorted(map(name_of, p)) for stem, p in places.items() if len(p) > 1}
    assert not shared


@pytest.mark.parametrize(
    "path", [p for p in C_FILES if floor(p) in ("kernels", "ops")], ids=name_of
)
def test_nothing_is_allocated_printed_or_aborted(path):
    words = r"\b(\w*printf|puts|putchar|abort|exit|_exit|assert|(m|c|re|aligned_)alloc|free|getenv)"
    found = re.search(words + r"\s*\(", code(path))
    assert not found, f"{name_of(path)} calls {found[0]}"


@pytest.mark.parametrize(
    "path", [p for p in C_FILES if floor(p) in ("kernels", "isa", "ops")], ids=name_of
)
def test_no_mutable_state(path):
    text = re.sub(r"FC_NAME\((\w+)\)", r"\1", code(path))  # else the type looks like a call
    for declaration in re.findall(r"\bstatic\b[^;{=()]*(?:\[[^;{=]*)?[;=]", text):
        after_pointers = declaration.rsplit("*", 1)[-1]
        assert "const" in after_pointers, f"{name_of(path)}: {declaration}"
    assert not re.search(r"\b_Thread_local\b", code(path))


def test_the_extension_exports_its_init_function_only():
    if not shutil.which("nm"):
        pytest.skip("needs nm")
    command = ["nm", "-D", "--defined-only", _core.__file__]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {line.split()[-1] for line in lines} == {"PyInit__core"}
