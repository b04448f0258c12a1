"""Runs a command to its end, and tells a busy machine from a command that hangs.

Not by the clock: it hangs if for two minutes it takes no processor time, with all that it started,
and runs for ever if it takes more than its share.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

IDLE = 120  # seconds without any progress
TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(session):
    """Of the living processes of a session, and of those that they have waited for."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session:
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def outcome(command, seconds, folder, env=None):
    """The return code and the output; None for the code if the command did not end."""
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen([str(c) for c in command], cwd=folder, env=env, text=True,
                                 stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
        spent, changed = 0.0, time.monotonic()
        try:
            while child.poll() is None:
                time.sleep(0.1)
                now = processor_seconds(child.pid)
                if now > spent:
                    spent, changed = now, time.monotonic()
                if spent > seconds or time.monotonic() - changed > IDLE:
                    break
            code = child.poll()
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        said.seek(0)
        return code, said.read()
