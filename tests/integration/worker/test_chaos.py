"""A few runs under each fault of ``make chaos``, which has three hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.cluster import debian_programs
from tests.chaos.faults import SCENARIOS
from tests.lanes import portion

pytestmark = pytest.mark.peer  # servers of its own are stopped, killed and promoted
ROOT = Path(__file__).resolve().parents[3]
RUNS = 12
NAMES = portion(SCENARIOS, 6)


@pytest.fixture(scope="module")
def printed() -> str:
    """What one pass over these faults prints."""
    command = [sys.executable, "-m", "tests.chaos", "--runs", str(RUNS), "--at-least", "8", "--only", *NAMES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.stdout.startswith("scenario"), done.stderr[-4000:]
    return done.stdout


@pytest.mark.requirement("R2-20", "R2-33")
@pytest.mark.requirement("R2-05")
@pytest.mark.requirement("R2-06")
@pytest.mark.requirement("R2-07")
@pytest.mark.parametrize("name", NAMES)
def test_promises_are_kept_under_each_fault(printed: str, name: str) -> None:
    if SCENARIOS[name].replicated and debian_programs() is None:
        pytest.skip("Debian's PostgreSQL is not installed: apt-get install postgresql")
    line, *below = printed[printed.index(f"\n{name} ") + 1 :].split("\n")
    runs, ended = line.split()[1:3]
    assert (int(runs), int(ended)) == (RUNS, RUNS), line
    assert " kept" in line, "\n".join([line, *below[:12]])
