"""Sizes that nobody has looked at yet are multiplied by fc_mul, which notices an overflow.

The rule: a function that validates (`*_validate`) or meets a batch for the first time
(`fc_conv_job_make`) holds no raw product.  What it passes has products that fit, with room for
what packing and padding to whole vectors add; so code behind it may multiply what it bounds.
"""

import re

import pytest
from support import SRC_C

GATES = r"^\w[\w ]* \*?(fc_\w+_validate|fc_conv_job_make)\([^;{]*\{.*?^\}"
# A product has a value to its left; a dereference and a pointer's type have none.
PRODUCT = r"[\w\])]\s*(?<!const )(?<!void )\*=?\s*[\w(]"


def gates():
    for path in sorted((SRC_C / "ops").glob("*.c")):
        text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
        for found in re.finditer(GATES, text, re.M | re.S):
            yield pytest.param(found[0][found[0].index("{"):], id=found[1])


def products(body):
    return re.findall(PRODUCT, body)


@pytest.mark.parametrize("body", list(gates()))
def test_no_raw_product_of_unchecked_sizes(body):
    assert "fc_mul(" in body
    assert not products(body), products(body)


def test_every_gate_is_looked_at():
    names = {gate.id for gate in gates()}
    assert names == {"fc_conv_validate", "fc_max_pool_validate", "fc_conv_job_make"}


def test_the_rule_sees_a_product():
    assert products("int64_t n = s->in[a] * s->out[a];") and products("size *= s->in[a];")
    assert products("n = (a + 1) * b;") and products("n = f(x) * 16;")
    assert not products("*job = x; .x = *x, .y = *y; return &s->in[a];")
