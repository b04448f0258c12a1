"""Builds fastconv._core: the Cython bridge, the operators, and one object per instruction set.

Everything declarative is in pyproject.toml; this file only says how each instruction set's unit
gets its own compiler flags, which setuptools cannot express.
"""

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = [
    "fastconv/_core.pyx",
    "src_c/dispatch.c",
    *sorted(str(p) for p in Path("src_c/base").glob("*.c")),
    *sorted(str(p) for p in Path("src_c/ops").glob("*.c")),
]

# No -ffast-math (it would turn on flush-to-zero for the whole process at load time) and no
# -march=native (the instruction set is chosen at run time).
COMMON_FLAGS = ["-std=c11", "-O3", "-fvisibility=hidden", "-ffp-contract=fast", "-pthread", "-g0"]
X86_ISAS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma", "-mbmi2"],
    "avx512": ["-mavx2", "-mfma", "-mbmi2", "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw",
               "-mprefer-vector-width=512"],
}
ISAS = {
    "x86_64": X86_ISAS,
    "amd64": X86_ISAS,
    "aarch64": {"neon": []},
    "arm64": {"neon": []},
}
# Warnings as errors in CI only: a new compiler's new warning must not break an installation.
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wno-psabi", "-Werror"]
# The same for Cython's output, which is not ours to mend: what is an error from GCC 14 on.
STRICT_CYTHON = [f"-Werror={what}" for what in (
    "implicit-function-declaration", "incompatible-pointer-types", "int-conversion")]


class BuildWithIsas(build_ext):
    def build_extension(self, ext):
        machine = platform.machine().lower()
        if machine not in ISAS:
            raise SystemExit(f"fastconv has no kernels for {machine}; it knows {sorted(ISAS)}")
        strict = STRICT if os.environ.get("FASTCONV_STRICT") else ["-Wno-psabi"]
        extra = os.environ.get("FASTCONV_CFLAGS", "").split()
        if os.environ.get("FASTCONV_DEBUG"):
            extra.append("-DFC_DEBUG")  # scratch is filled with NaN at each use
        headers = [str(p) for p in Path("src_c").rglob("*") if p.suffix in (".h", ".def")]
        kernels = [str(p) for p in Path("src_c").rglob("*.inc.c")]

        def compile_isa(isa):
            # One distinct source per set: setuptools names objects by source, so one
            # source compiled twice would silently be compiled once.
            return self.compiler.compile(
                [f"src_c/isa/{isa}.c"],
                output_dir=self.build_temp,
                include_dirs=["src_c"],
                extra_postargs=[*COMMON_FLAGS, *ISAS[machine][isa], *strict, *extra],
                depends=headers + kernels,
            )

        # By far the longest units, so side by side: compile() only starts a process and waits.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for objects in pool.map(compile_isa, ISAS[machine]):
                ext.extra_objects += objects
        ext.extra_compile_args = [*COMMON_FLAGS, "-Wno-psabi", *extra]
        if os.environ.get("FASTCONV_STRICT"):
            ext.extra_compile_args += STRICT_CYTHON
            self._check_operators(ext, [*COMMON_FLAGS, *STRICT, *extra])
        ext.extra_link_args = ["-pthread", *extra]
        # Everything that is compiled outside of `sources`, or a change would not be linked in.
        ext.depends = [*headers, *kernels, *(f"src_c/isa/{isa}.c" for isa in ISAS[machine]),
                       *(str(p) for p in Path("fastconv").glob("_core*.px[di]"))]
        super().build_extension(ext)

    def _check_operators(self, ext, flags):
        """Compile our own C with every warning an error."""
        sources = [s for s in ext.sources if s.startswith("src_c")]
        self.compiler.compile(sources, output_dir=f"{self.build_temp}/strict",
                              include_dirs=["src_c"], extra_postargs=flags)


setup(
    ext_modules=[
        Extension(
            "fastconv._core",
            SOURCES,
            include_dirs=["src_c", numpy.get_include()],
            define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION"),
                           ("NPY_TARGET_VERSION", "NPY_1_25_API_VERSION")],
        )
    ],
    cmdclass={"build_ext": BuildWithIsas},
)
