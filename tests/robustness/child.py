"""Runs cases one after another and reports each, in a process that a crash may take with it.

Usage: python -m robustness.child REPORT FIRST; one line of JSON a case, "start" before it runs.
Standard output and error are files of the caller, whose growth during a case is its fault.
"""

import json
import os
import resource
import sys
import warnings

# What a view claims to be must not be what the machine tries to be.
ADDRESS_SPACE = 4 << 30


def written():
    sys.stdout.flush()
    sys.stderr.flush()
    return os.fstat(1).st_size + os.fstat(2).st_size


def outcome(case, probe):
    before = written()
    try:
        case.run()
        probe()
    except BaseException as error:  # the report says it; the next case must still run
        return f"{type(error).__name__}: {error}"[:2000]
    if written() != before:
        return "wrote to standard output or standard error"
    return ""


def main(report, first):
    from children import SANITIZED

    from robustness.calls import right
    from robustness.catalogue import CATALOGUE

    warnings.simplefilter("always")  # one is as loud the second time
    if not SANITIZED:  # whose shadow is larger; `make asan` limits each allocation instead
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    with open(report, "a") as log:
        for number in range(first, len(CATALOGUE)):
            print(json.dumps({"start": number}), file=log, flush=True)
            wrong = outcome(CATALOGUE[number], lambda: right("conv2d_direct"))
            print(json.dumps({"end": number, "wrong": wrong}), file=log, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
