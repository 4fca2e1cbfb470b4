"""Repeats browser and process tests until one fails or the time is over: ``nightly.py SECONDS [PATH…]``.

Prints how many rounds passed. What fails once in fifty rounds is a fault in the test or in the product, not bad luck.
"""

from __future__ import annotations

import subprocess
import sys
import time

PATHS = (
    "tests/functional",
    "tests/integration",
    "tests/unit/access",
    "tests/unit/audit",
    "tests/unit/definitions",
    "tests/unit/packets",
    "tests/unit/worker",
)
MARKED = "browser or committed or slow"


def main(seconds: float, *paths: str) -> int:
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "auto", "--dist", "worksteal"]
        command += paths or ("-m", MARKED, *PATHS)
        if code := subprocess.run(command, check=False).returncode:
            print(f"Failed in round {rounds + 1}.")
            return code
        rounds += 1
    print(f"{rounds} rounds passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), *sys.argv[2:]))
