"""How many threads by default: affinity, control groups, and the environment."""

import os

import pytest
from children import printed

from fastconv import _processors

AFFINITY = len(os.sched_getaffinity(0))
SHOWN = "import fastconv; print(fastconv.get_num_threads())"


@pytest.fixture
def processors(monkeypatch, tmp_path):
    """usable_processors on a machine of 64 with these files."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))

    def usable(groups, **files):
        for path, text in {"proc/self/cgroup": groups, **files}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return _processors.usable_processors(str(tmp_path))

    return usable


@pytest.mark.parametrize(("quota", "expected"), [
    ("max 100000", 64), ("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1),
    ("25600000 100000", 64), ("", 64), ("max", 64), ("nonsense 100000", 64), ("0 0", 64),
])
def test_version_2(processors, quota, expected):
    assert processors("0::/a/b\n", **{"sys/fs/cgroup/a/b/cpu.max": quota}) == expected


def test_version_2_counts_the_groups_around(processors):
    files = {"sys/fs/cgroup/a/b/cpu.max": "600000 100000", "sys/fs/cgroup/a/cpu.max": "3000 1000",
             "sys/fs/cgroup/cpu.max": "max 100000"}
    assert processors("0::/a/b", **files) == 3


@pytest.mark.parametrize("path", ["/", "/docker/0123/which/is/not/here", "/../../outside"])
def test_a_container_sees_its_quota_at_the_root(processors, path):
    assert processors(f"0::{path}", **{"sys/fs/cgroup/cpu.max": "200000 100000"}) == 2
    assert processors(f"4:cpu,cpuacct:{path}", **{
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "500000",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}) == 5


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 64), ("", 64), ("x", 64)])
def test_version_1(processors, mount, quota, expected):
    groups = "12:cpuset:/c\n4:cpu,cpuacct:/a\n1:name=systemd:/s\n"
    assert processors(groups, **{f"sys/fs/cgroup/{mount}/a/cpu.cfs_quota_us": quota,
                                 f"sys/fs/cgroup/{mount}/a/cpu.cfs_period_us": "100000",
                                 "sys/fs/cgroup/cpuset/c/cpu.cfs_quota_us": "100000"}) == expected


@pytest.mark.parametrize("groups", ["", "0", "0:", "::", "no colon at all", "0::relative"])
def test_anything_else_is_no_limit(processors, groups):
    assert processors(groups) == 64


def test_no_files_at_all(tmp_path):
    assert _processors.usable_processors(str(tmp_path)) == AFFINITY


def test_affinity():
    one = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\n"
    assert printed(one + SHOWN) == "1"


def test_environment():
    assert printed(SHOWN) == str(_processors.usable_processors())
    assert printed(SHOWN, OMP_NUM_THREADS="5") == "5"
    assert printed(SHOWN, OMP_NUM_THREADS="6,3,2") == "6"
    assert printed(SHOWN, OMP_NUM_THREADS="5", FASTCONV_NUM_THREADS="7") == "7"
    assert printed(SHOWN, OMP_NUM_THREADS="5", FASTCONV_NUM_THREADS="") == "5"
    assert printed(SHOWN, FASTCONV_NUM_THREADS="1000000000") == "256"


@pytest.mark.parametrize("value", ["", "0", "-2", "many", "1.5", ","])
def test_what_others_wrote_wrongly_is_ignored(value):
    assert printed(SHOWN, OMP_NUM_THREADS=value) == str(_processors.usable_processors())
