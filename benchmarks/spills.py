"""Inner loops of the kernels that keep vectors on the stack, read from the disassembly.

Usage: python -m benchmarks.spills [FOLDER]; FOLDER has the objects of a build in place (build/).
For each instruction set one row a function, its worst loop: how many instructions write a vector to
the stack and read one from there, beside those that multiply and all of them. Where a tile needs
more vectors than there are registers, as Winograd's transforms do of 16, some remain; many beside
few multiplications are worth a look at the loop. Needs binutils.
"""

import re
import subprocess
import sys
from pathlib import Path

LEAST = 4  # vectors stored: fewer are noise
VECTOR = re.compile(r"%[xyz]mm\d+")
ROWS = "| {:8} | {:28} | {:>6} | {:>6} | {:>10} | {:>12} |"


def disassembly(path):
    return subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(path)], check=True,
                          capture_output=True, text=True).stdout


def functions(text):
    """Name and [(address, operation, operands)] of each."""
    for block in text.split("\n\n"):
        if found := re.match(r"[0-9a-f]+ <(.+)>:", block.strip()):
            yield found[1], [(int(at, 16), operation, operands) for at, operation, operands in
                             re.findall(r"^ *([0-9a-f]+):\t(\S+) *(.*?) *$", block, re.M)]


def inner_loops(code):
    """Ranges that end in a jump to their beginning and have no other such range within."""
    place = {at: i for i, (at, *_) in enumerate(code)}
    loops = []
    for end, (_, operation, operands) in enumerate(code):
        target = re.match(r"[0-9a-f]+", operands)
        if operation.startswith("j") and target:
            begin = place.get(int(target[0], 16), len(code))
            if begin <= end:
                loops.append((begin, end + 1))
    return [(begin, end) for begin, end in loops
            if not any((b, e) != (begin, end) and begin <= b and e <= end for b, e in loops)]


def frame(code):
    """What an address on the stack looks like; %rbp may point to anything."""
    points_there = any(operands.endswith("%rsp,%rbp") for _, _, operands in code)
    return r"\(%r[sb]p\)" if points_there else r"\(%rsp\)"


def counts(code, stack):
    """Stores to the stack, loads from there, multiplications, instructions."""
    moved = [operands for _, _, operands in code if re.search(stack, operands)
             and VECTOR.search(operands)]
    stores = sum(bool(re.search(stack + r"(\{%k\d\})?$", operands)) for operands in moved)
    products = sum(bool(re.search(r"mul[ps][sd]|fn?m(add|sub)", op)) for _, op, _ in code)
    return stores, len(moved) - stores, products, len(code)


def worst(code):
    stack = frame(code)
    return max((counts(code[begin:end], stack) for begin, end in inner_loops(code)),
               default=(0, 0, 0, 0))


def main(folder="build"):
    print(ROWS.format("set", "function", "stores", "loads", "multiplies", "instructions"))
    print(ROWS.format(*["---"] * 6))
    objects = sorted(Path(folder).rglob("src_c/isa/*.o"))
    if not objects:
        sys.exit(f"no src_c/isa/*.o below {folder}; python setup.py build_ext --inplace makes them")
    for path in objects:
        found = [(worst(code), name) for name, code in functions(disassembly(path))]
        for loop, name in sorted(found, reverse=True):
            if loop[0] >= LEAST:
                print(ROWS.format(path.stem, name, *loop))


if __name__ == "__main__":
    main(*sys.argv[1:])
