"""The demo as a newcomer runs it: real processes, real HTTP, an embedded PostgreSQL of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import NIGHTLY

pytestmark = pytest.mark.peer  # it makes and starts a database server of its own
ROOT = Path(__file__).resolve().parents[3]
UNSET = ("DATABASE_URL", "HANDRAIL_CONFIG", "HANDRAIL_STATE_DIR", "DJANGO_SETTINGS_MODULE")


def demo(directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-m", "handrail", "demo", "--once", "--directory", str(directory)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Below parents that are closed to the user that PostgreSQL runs as, and with a name that has to be quoted."""
    made = tmp_path / 'my "démo"'
    made.mkdir()
    return made


@pytest.mark.slow
def test_demo_agrees_with_every_scripted_outcome(directory: Path) -> None:
    assert_agrees(demo(directory))
    if NIGHTLY:  # that it may be run again in the same directory
        assert_agrees(demo(directory))


def assert_agrees(ended: subprocess.CompletedProcess[str]) -> None:
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
    assert ended.stdout.count("agrees") >= 14
    assert "invariants agree" in ended.stdout
    assert "changed outside: yes" in ended.stdout
    assert ended.stdout.count("fenced by RUN-") >= 2
    assert ended.stdout.count("paused, 0 attempts") >= 2
    assert "steps of the packet agree" in ended.stdout
