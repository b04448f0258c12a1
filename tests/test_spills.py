"""benchmarks/spills.py: what it takes for a loop, and for a vector on the stack."""

import sys

import pytest
from support import ROOT

sys.path.append(str(ROOT))
from benchmarks.spills import functions, worst  # noqa: E402

LOOP = """
0000000000000000 <f32_sum>:
   0:\tvmovaps %zmm9,0x40(%rsp)
{body}
  20:\tadd    $0x40,%rax
  28:\tjne    8 <f32_sum+0x8>
  30:\tvmovaps %zmm9,0x80(%rsp)
  38:\tret
"""


def of(*body, before=""):
    lines = [f"   {8 + i:x}:\t{line}" for i, line in enumerate(body)]
    text = LOOP.format(body="\n".join(lines)).replace("   0:\t", f"{before}   0:\t")
    ((name, code),) = functions(text)
    assert name == "f32_sum"
    return worst(code)[:3]


@pytest.mark.parametrize(("line", "expected"), [
    ("vmovaps %zmm1,0x40(%rsp)", (1, 0, 0)),
    ("vmovups %zmm1,0x40(%rsp){%k1}", (1, 0, 0)),
    ("vmovaps %ymm1,(%rsp)", (1, 0, 0)),
    ("vmovaps 0x40(%rsp),%zmm1", (0, 1, 0)),
    ("vfmadd231ps -0x40(%rsp),%zmm1,%zmm2", (0, 1, 1)),
    ("vfmadd231ps %zmm1,%zmm2,%zmm3", (0, 0, 1)),
    ("vmovaps %zmm1,0x40(%rax)", (0, 0, 0)),
    ("mov    %rax,0x40(%rsp)", (0, 0, 0)),
])
def test_vectors_on_the_stack(line, expected):
    assert of(line) == expected


@pytest.mark.parametrize(("before", "expected"), [
    ("", (0, 0, 0)), ("   0:\tmov    %rsp,%rbp\n", (1, 0, 0)),
    ("   0:\tlea    0x8(%rsp),%rbp\n", (0, 0, 0)),
])
def test_the_frame_pointer_where_it_is_one(before, expected):
    assert of("vmovaps %zmm1,-0x40(%rbp)", before=before) == expected


def test_inner_loops_alone():
    inner = ["vmovaps %zmm1,(%rsp)", "jne    9 <f32_sum+0x9>", "vmovaps %zmm1,(%rsp)"]
    assert of("nop", *inner) == (1, 0, 0)
