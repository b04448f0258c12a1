"""Python in a process of its own: what could hang, be killed, or change the process's settings."""

import os
import subprocess
import sys
from pathlib import Path

import fastconv

PATH = os.pathsep.join([str(Path(fastconv.__file__).parents[1]), *sys.path])
# For long loops, smaller in a plain `make test`.
LONG = bool(os.environ.get("FASTCONV_TEST_LONG"))
# For those that are long already, where the build is slow and not the point: `make coverage`.
SHORT = bool(os.environ.get("FASTCONV_TEST_SHORT"))

# Under `make asan`.
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")

# A hang, not a slow machine, nor code without optimisation.
SECONDS = 600 if SANITIZED else 120


def python(*arguments, **variables):
    """Run the interpreter on `arguments`, with no FASTCONV_ variables but those given."""
    inherited = {k: v for k, v in os.environ.items()
                 if not k.startswith("FASTCONV_") and k != "OMP_NUM_THREADS"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True,
                          timeout=SECONDS, env={**inherited, "PYTHONPATH": PATH, **variables})


def printed(code, **variables):
    """What a program prints; it must end well and say nothing on stderr."""
    done = python("-c", code, **variables)
    assert done.returncode == 0 and not done.stderr, f"{done.returncode}: {done.stderr}"
    return done.stdout.strip()
