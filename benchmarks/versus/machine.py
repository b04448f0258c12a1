"""The machine's own limits, measured beside the contenders: multiply-adds, reads and copies."""

from __future__ import annotations

import ctypes
import math
import os
import shlex
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.versus.timing import minimum, settle

# Bytes of a vector and the compiler's flags, by instruction set.
ISAS = {"avx512": (64, "-mavx512f -mfma"), "avx2": (32, "-mavx2 -mfma"), "baseline": (16, ""),
        "neon": (16, "")}
LEVELS = {"L1": 1 << 14, "L2": 1 << 19, "L3": 1 << 23, "memory": 1 << 27}  # bytes of each array
ALIGNMENT = 64


def pin(threads: int) -> tuple[int, ...]:
    """Keep the process on one processor a thread, of different cores where there are enough."""
    cpus = sorted(os.sched_getaffinity(0))
    siblings = [_siblings(cpu) for cpu in cpus]
    first = [cpu for i, cpu in enumerate(cpus) if siblings[i] not in siblings[:i]]
    chosen = (first + [cpu for cpu in cpus if cpu not in first])[:threads]
    if len(chosen) < threads:
        raise ValueError(f"--threads {threads}: this process may use {len(cpus)} processors")
    os.sched_setaffinity(0, chosen)
    return tuple(chosen)


def _siblings(cpu: int) -> str:
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    return path.read_text() if path.exists() else str(cpu)


class Turns:
    """Turns on the processors: each begins when the process rests from the one before. `others`
    is what other processes took of them in all turns, NaN if unknown."""

    def __init__(self) -> None:
        self._wall = self._taken = 0.0

    @property
    def others(self) -> float:
        return max(self._taken, 0.0) / self._wall

    def __enter__(self) -> Turns:
        settle()
        self._start = time.monotonic(), time.process_time(), _busy()
        return self

    def __exit__(self, *_: object) -> None:
        wall, own, busy = (now - then for now, then in zip(
            (time.monotonic(), time.process_time(), _busy()), self._start, strict=True))
        self._wall += wall * len(os.sched_getaffinity(0))
        self._taken += busy - own


def _busy() -> float:
    """Seconds that this process's processors have worked, for anybody, another guest included."""
    path = Path("/proc/stat")
    if not path.exists():
        return math.nan
    mine = {f"cpu{i}" for i in os.sched_getaffinity(0)}
    lines = [line.split() for line in path.read_text().splitlines()]
    ticks = [[int(n) for n in numbers[:8]] for name, *numbers in lines if name in mine]
    # user, nice, system, idle, iowait, irq, softirq, steal
    return sum(sum(t) - t[3] - t[4] for t in ticks) / os.sysconf("SC_CLK_TCK")


@cache
def _probe(isa: str) -> ctypes.CDLL:
    """probe.c for one instruction set; OSError or CalledProcessError without a compiler."""
    width, flags = ISAS[isa]
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "probe.so"
        subprocess.run([compiler[0], "-O2", "-ffp-contract=fast", "-shared", "-fPIC",
                        f"-DWIDTH={width}", *flags.split(), "-o", library,
                        Path(__file__).with_name("probe.c")],
                       check=True, capture_output=True)
        probe = ctypes.CDLL(str(library))
    for name in ("fma_float32", "fma_float64", "tile_float32", "read_bytes", "copy_bytes"):
        getattr(probe, name).restype = ctypes.c_int64
    return probe


@dataclass
class Machine:
    """Probes on `threads` threads, each with arrays of its own."""

    threads: int
    isas: tuple[str, ...]
    missing: str = ""
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads)
        try:
            for isa in self.isas:
                _probe(isa)
        except (OSError, subprocess.CalledProcessError) as error:
            self.missing = f"no probes: {error}"

    def fma(self, isa: str, dtype: str) -> tuple[Callable[[], None], int]:
        """A call, and its number of operations."""
        width = ISAS[isa][0]
        item = np.dtype(dtype)
        rounds = 1 << 18
        sinks = [_aligned(2 * width, item) for _ in range(self.threads)]
        for sink in sinks:
            sink[:2] = 0.75, 0.25
        function = getattr(_probe(isa), f"fma_{dtype}")
        tasks = [(ctypes.c_int64(rounds), _address(sink)) for sink in sinks]
        work = self.threads * function(*tasks[0])
        return lambda: self._each(function, tasks), work

    def tiles(self) -> dict[str, dict[str, float]]:
        """GFLOP/s of a tile of sums, float32, by the level that its weights come from."""
        found: dict[str, dict[str, float]] = {}
        for isa in self.isas:
            for level in ("L1", "L2"):
                call, work = self._tiles(isa, LEVELS[level])
                found.setdefault(isa, {})[level] = work / minimum(call, 2e8)
        return found

    def _tiles(self, isa: str, size: int) -> tuple[Callable[[], None], int]:
        terms, repeats = 64, (1 << 24) // size
        arrays = [(_aligned(size, np.float32), _aligned(1 << 14, np.float32))
                  for _ in range(self.threads)]
        tasks = [(ctypes.c_int64(repeats), _address(weights), ctypes.c_int64(size),
                  ctypes.c_int64(terms), _address(sink)) for weights, sink in arrays]
        function = _probe(isa).tile_float32
        work = self.threads * function(*tasks[0])

        def call() -> None:
            assert arrays
            self._each(function, tasks)

        return call, work

    def copy(self, size: int) -> tuple[Callable[[], None], int]:
        """A call that reads and writes `size` bytes in all, half of them each, and that size."""
        share = max(size // 2 // self.threads, 1)
        return self._copies(share, 1)

    def _copies(self, share: int, repeats: int) -> tuple[Callable[[], None], int]:
        arrays = [(_aligned(share, np.uint8), _aligned(share, np.uint8))
                  for _ in range(self.threads)]
        tasks = [(ctypes.c_int64(repeats), _address(to), _address(source), ctypes.c_int64(share))
                 for to, source in arrays]
        function = _probe(self.isas[-1]).copy_bytes

        def call() -> None:
            assert arrays  # they must outlive the pointers to them
            self._each(function, tasks)

        return call, 2 * share * self.threads * repeats

    def bandwidth(self) -> dict[str, dict[str, float]]:
        """GB/s of reading and of copying (bytes read and written) at each level of memory."""
        found = {}
        for level, size in LEVELS.items():
            repeats = max((1 << 24) // size, 1)
            read, bytes_read = self._reads(size, repeats)
            copy, bytes_copied = self._copies(size // 2, repeats)
            found[level] = {"bytes": size, "read": bytes_read / minimum(read, 2e8),
                            "copy": bytes_copied / minimum(copy, 2e8)}
        return found

    def _reads(self, size: int, repeats: int) -> tuple[Callable[[], None], int]:
        arrays = [(_aligned(size, np.uint8), _aligned(2 * ALIGNMENT, np.int32))
                  for _ in range(self.threads)]
        tasks = [(ctypes.c_int64(repeats), _address(source), ctypes.c_int64(size), _address(sink))
                 for source, sink in arrays]
        function = _probe(self.isas[-1]).read_bytes

        def call() -> None:
            assert arrays
            self._each(function, tasks)

        return call, size * self.threads * repeats

    def _each(self, function: Callable[..., int], tasks: list[tuple[object, ...]]) -> None:
        if len(tasks) == 1:
            function(*tasks[0])
        else:
            list(self._pool.map(lambda task: function(*task), tasks))


def _aligned(size: int, dtype: object) -> np.ndarray:
    """`size` bytes of ones, at an address that every vector is aligned to."""
    raw = np.ones(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    size -= size % np.dtype(dtype).itemsize  # type: ignore[call-overload]
    return raw[start : start + size].view(dtype)  # type: ignore[call-overload,no-any-return]


def _address(a: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(a.ctypes.data)


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"
