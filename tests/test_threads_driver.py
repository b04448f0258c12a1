"""The thread pool without Python: tests/c/threads_driver.c, also under ThreadSanitizer."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from building import FLAGS, isa_flags, run
from children import LONG
from support import CONFIG, ROOT

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]


def build(compiler, folder, *flags):
    """The driver with all of src_c; kernels unoptimised, which is quick and the same code."""
    flags = [*FLAGS, "-g", *flags]
    sources = ["tests/c/threads_driver.c",
               *(f"src_c/isa/{isa}.c" for isa in CONFIG["compiled_isas"]),
               *(p.relative_to(ROOT) for p in sorted((ROOT / "src_c").glob("*.c"))),
               *(p.relative_to(ROOT) for floor in ("base", "ops")
                 for p in sorted((ROOT / "src_c" / floor).glob("*.c")))]

    def compile_one(source):
        made = folder / (str(source).replace("/", "-") + ".o")
        isa = isa_flags(source[10:-2]) if str(source).startswith("src_c/isa/") else []
        run(compiler, *flags, *isa, "-c", source, "-o", made)
        return made

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_one, sources))
    run(compiler, *flags, *objects, "-o", folder / "driver", "-lm", "-pthread")
    return folder / "driver"


@pytest.mark.skipif(not COMPILERS, reason="needs gcc or clang")
def test_driver(tmp_path):
    assert run(build(COMPILERS[0], tmp_path, "-O0")).strip() == "0 failures"


@pytest.mark.skipif(not LONG, reason="part of make tsan")
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_driver_under_the_sanitizer(tmp_path, compiler):
    if compiler not in COMPILERS:
        pytest.skip(f"needs {compiler}")
    driver = build(compiler, tmp_path, "-O1", "-fsanitize=thread")
    assert run(driver).strip() == "0 failures"
