"""The list of seeded faults (`make mutants`) names text that is there."""

from collections import Counter

import pytest
from building import ROOT, SRC_C
from mutants.faults import faults

FAULTS = faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.place)
def test_the_text_of_a_fault_is_found_once(fault):
    fault.applied((SRC_C / fault.file).read_text())
    for test in fault.tests:
        path, _, function = test.partition("::")
        assert f"def {function}" in (ROOT / "tests" / path).read_text()


def test_faults_are_many_and_on_every_floor():
    assert len(FAULTS) >= 60
    floors = Counter(fault.file.split("/")[0] for fault in FAULTS)
    assert min(floors[floor] for floor in ("base", "kernels", "ops")) >= 10
