"""Reads the lists of seeded faults.

An entry is a heading, the text as it is and the text as it would be wrong:

    @ ops/strips.c [avx512] what is broken
    - the text, which the file has exactly once
    + its replacement, or nothing
    = tests/test_threads.py that look at it beside those of the file's stem

The instruction set is the one that the tests run on, avx2 unless it is named. Every line loses the
two characters at its start.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

LISTS = sorted(Path(__file__).parent.glob("*.txt"))


@dataclass
class Fault:
    place: str  # of the entry
    file: str  # below src_c
    isa: str
    breaks: str
    text: list = field(default_factory=list)
    replacement: list = field(default_factory=list)
    tests: list = field(default_factory=list)

    def __str__(self):
        return f"{self.place} {self.file}: {self.breaks}"

    def applied(self, source):
        """The file's text with the fault; an error if the list has rotted."""
        old, new = "\n".join(self.text), "\n".join(self.replacement)
        found = source.count(old) if old else 0
        assert found == 1, f"{self}: its text is in the file {found} times"
        assert old != new, f"{self}: nothing is changed"
        return source.replace(old, new)


def faults():
    read = []
    for path in LISTS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            place = f"{path.stem}:{number}"
            mark, rest = line[:1], line[2:]
            if mark == "@":
                heading = re.fullmatch(r"(\S+) (?:\[(\w+)\] )?(.+)", rest)
                assert heading, f"{place}: not a heading"
                read.append(Fault(place, heading[1], heading[2] or "avx2", heading[3]))
            elif mark in ("-", "+", "="):
                fault = read[-1]
                if mark == "=":
                    fault.tests += rest.split()
                else:
                    (fault.text if mark == "-" else fault.replacement).append(rest)
            else:
                assert mark in ("", "#"), f"{place}: {line!r}"
    return read
