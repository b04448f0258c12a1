"""Install the peers one by one, so that one that the registry lacks is skipped, and say which."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires


def main() -> None:
    for line in requires("fastconv") or ():
        requirement, _, marker = line.partition(";")
        if marker.replace('"', "'").strip() != "extra == 'versus'":
            continue
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install",
                   requirement.strip()]
        if subprocess.run(command, check=False).returncode:
            print(f"skipped {requirement.strip()}: not to be had", file=sys.stderr)


if __name__ == "__main__":
    main()
