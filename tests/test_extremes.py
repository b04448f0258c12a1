"""Small problems with huge numbers in them: the result, or an error; never a wrapped size.

Each runs in a process of its own with 4 GB of address space, since the failure looked for is a
crash, a hang, or a machine out of memory.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import SUMMING

import fastconv

RUN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
import numpy as np, fastconv
try:
    {code}
except (MemoryError, ValueError) as error:
    print(type(error).__name__)
else:
    print("result", float(np.ravel(y)[-1]))
"""


def outcome(code):
    path = os.pathsep.join([str(Path(fastconv.__file__).parents[1]), *sys.path])
    done = subprocess.run([sys.executable, "-c", RUN.format(code=code)], capture_output=True,
                          text=True, timeout=30, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, f"{code}\nended with {done.returncode}: {done.stderr}"
    return done.stdout.strip()


# The middle tap of the window meets the one pixel.
FAR = ("y = fastconv.conv2d(np.full((1, 1, 1, 1), 2.0, 'f4'), np.full((1, 1, 3, 3), 5.0, 'f4'), "
       "stride={stride}, dilation={spread}, padding={spread}, algorithm={algorithm!r})")


@pytest.mark.parametrize("stride", ["1", "far"])
@pytest.mark.parametrize("power", [10, 14, 20])
def test_distant_taps_take_bounded_scratch(power, stride):
    """auto has an algorithm that needs next to nothing: its result, whatever the distance."""
    far = 2**power - 1
    code = FAR.format(stride=1 if stride == "1" else 2 * far + 1, spread=far, algorithm="auto")
    assert outcome(code) == "result 10.0"


@pytest.mark.parametrize("algorithm", SUMMING)
@pytest.mark.parametrize("power", [20, 27, 28, 29, 30])
@pytest.mark.parametrize("less", [0, 1])
def test_no_algorithm_wraps_a_size(algorithm, power, less):
    far = 2**power - less
    if algorithm not in ("direct", "im2col", "dilated"):
        return
    code = FAR.format(stride=2 * far + 1, spread=far, algorithm=algorithm)
    assert outcome(code) in ("result 10.0", "MemoryError", "ValueError")


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "auto"])
@pytest.mark.parametrize(("rows", "columns"), [(2**29 - 1, 2**29 - 1), (2**29 - 2, 2**29)])
def test_strides_that_split_the_taps_in_very_many_phases(algorithm, rows, columns):
    """The phases, times the least plane of each, come to 2**64 bytes."""
    code = ("y = fastconv.conv2d(np.ones((1, 1, 1, 1), 'f4'), np.ones((1, 1, 2, 2), 'f4'), "
            f"stride=({rows + 1}, {columns + 1}), dilation=({rows}, {columns}), "
            f"padding=({rows // 2 + 1}, {columns // 2 + 1}), algorithm={algorithm!r})")
    assert outcome(code) in ("result 0.0", "MemoryError", "ValueError")


@pytest.mark.parametrize("algorithm", ["direct", "im2col", "auto"])
def test_scratch_is_never_negative(algorithm):
    w = np.ones((1, 1, 2, 2), np.float32)
    for a, b, less in itertools.product(range(24, 32), range(24, 32), range(3)):
        spread = 2**a - less, 2**b
        plan = fastconv.Conv2d(w, stride=[s + 1 for s in spread], dilation=spread,
                               padding=[s // 2 + 1 for s in spread], algorithm=algorithm)
        try:
            scratch = plan.explain((1, 1, 1, 1))["scratch_bytes"]
        except (MemoryError, ValueError):
            continue
        assert scratch >= 0, f"dilation {spread}"


POOLS = ["2**31, 2**31, 2**30", "(1, 2**31), 1, (0, 2**30)", "2, 1, 1, 2**31",
         "2**30, 2**31, 2**29", "3, 2**31, 1, 2, True", "2**20, 1, 2**19"]


@pytest.mark.parametrize("arguments", POOLS)
@pytest.mark.parametrize("function", ["max_pool2d", "im2col"])
def test_huge_windows(function, arguments):
    if function == "im2col":
        arguments = arguments.removesuffix(", True")
    code = f"y = fastconv.{function}(np.full((1, 1, 1, 1), 2.0, 'f4'), {arguments})"
    assert outcome(code) in ("result 2.0", "result 0.0", "result -inf", "MemoryError", "ValueError")


def test_a_plan_refuses_shapes_beyond_64_bits():
    plan = fastconv.Conv2d(np.ones((1, 1, 2, 2), np.float32))
    for shape in [(1, 1, 2**62, 2), (1, 1, 2**64, 2), (2**40, 1, 2**31, 2**31), (1, 1, -4, 4)]:
        with pytest.raises(ValueError):
            plan.explain(shape)
