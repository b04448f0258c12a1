"""How many processors this process may use: its affinity, and the quota of its control groups."""

from __future__ import annotations

import os
from collections.abc import Iterator


def usable_processors(root: str = "/") -> int:
    """The smallest of what the scheduler and every enclosing control group allow, at least 1.

    A quota of 2.5 processors counts as 2: a third thread would be throttled half of its time,
    and the other two would wait for it.  `root` is where /proc and /sys are.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    return max(1, min([allowed, *map(int, _quotas(root))]))


def _quotas(root: str) -> Iterator[float]:
    """Processors that each control group around this process may use; unlimited ones have none.

    /proc/self/cgroup has "0::PATH" for version 2 and "N:CONTROLLERS:PATH" for version 1.
    """
    for line in _read(f"{root}/proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            for folder in _and_parents(f"{root}/sys/fs/cgroup", path):
                yield from _quota(*_read(f"{folder}/cpu.max").split()[:2])
        elif "cpu" in controllers.split(","):
            for mount in dict.fromkeys((controllers, "cpu", "cpu,cpuacct")):
                for folder in _and_parents(f"{root}/sys/fs/cgroup/{mount}", path):
                    yield from _quota(_read(f"{folder}/cpu.cfs_quota_us"),
                                      _read(f"{folder}/cpu.cfs_period_us"))


def _and_parents(mount: str, path: str) -> Iterator[str]:
    """The group's folder and those around it; in a container the path may not exist there."""
    parts = [part for part in path.split("/") if part]
    if ".." in parts:  # the group lies outside of what this process can see
        parts = []
    for depth in range(len(parts), -1, -1):
        yield "/".join([mount, *parts[:depth]])


def _quota(quota: str = "", period: str = "") -> Iterator[float]:
    try:
        allowed, each = int(quota), int(period)
    except ValueError:  # "max", or no such file
        return
    if allowed > 0 and each > 0:  # -1 is no limit
        yield allowed / each


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
