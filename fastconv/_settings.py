"""Process-wide settings: the instruction set and the number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import _args, _core, _processors
from ._args import Int
from ._version import __version__


def available_isas() -> tuple[str, ...]:
    """The instruction sets of this build that this processor can run, plainest first."""
    return _core.available_isas()


def active_isa() -> str:
    """The instruction set in use: the best available one, FASTCONV_ISA, or `use_isa`'s."""
    return _core.active_isa()


@contextmanager
def use_isa(name: str) -> Iterator[None]:
    """Run everything in the ``with`` block on one instruction set.

    A ValueError if it is not one of `available_isas`, a TypeError if it is no string.  The
    setting is the process's: other threads see it too, and of blocks that overlap without one
    being inside the other (of two threads, or two coroutines) the last to end restores what it
    found.  The environment variable FASTCONV_ISA sets it from the start.
    """
    if not isinstance(name, str):
        raise TypeError(f"isa must be a string, got {name!r}")
    before = _core.active_isa()
    _core.set_isa(name)
    try:
        yield
    finally:
        _core.set_isa(before)


def get_num_threads() -> int:
    """How many threads a call may use at most, the calling one among them.

    From the start that is FASTCONV_NUM_THREADS, otherwise OMP_NUM_THREADS, otherwise the number
    of processors that the process may use (its affinity and the quotas of its control groups).
    """
    return _core.get_num_threads()


def set_num_threads(n: Int) -> None:
    """Let calls use at most `n` threads, the calling one among them.

    Results have the same bits whatever `n` is.  The setting is the process's; the argument
    `threads` of a call goes before it.  More than 256 count as 256.  Small calls stay on the
    calling thread, and so does a call while another one is using the pool.
    """
    _core.set_num_threads(_args.positive_int(n, "n"))


@contextmanager
def threads(n: Int) -> Iterator[None]:
    """Use at most `n` threads in the ``with`` block.

    As `set_num_threads`, errors too, and with the limits of `use_isa`: where blocks may overlap,
    pass `threads` to the calls instead.
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


def show_config() -> dict[str, Any]:
    """How this build runs on this machine: version, instruction sets, threads, algorithms."""
    return {
        "version": __version__,
        "compiled_isas": _core.compiled_isas(),
        "available_isas": _core.available_isas(),
        "active_isa": _core.active_isa(),
        "algorithms": _core.algorithms(),
        "num_threads": get_num_threads(),
    }


def apply_environment() -> None:
    """Take FASTCONV_ISA, FASTCONV_NUM_THREADS and OMP_NUM_THREADS.

    An error names the variable; OMP_NUM_THREADS belongs to others, and is ignored if it is wrong.
    """
    isa = os.environ.get("FASTCONV_ISA")
    if isa:
        try:
            _core.set_isa(isa)
        except ValueError as error:
            raise ValueError(f"FASTCONV_ISA: {error}") from None
    count = os.environ.get("FASTCONV_NUM_THREADS")
    if count:
        try:
            set_num_threads(int(count))
        except ValueError:
            raise ValueError("FASTCONV_NUM_THREADS must be an integer of at least 1, "
                             f"got {count!r}") from None
        return
    try:  # a list has one number for each level of nesting
        set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "").split(",")[0]))
    except ValueError:
        set_num_threads(_processors.usable_processors())
