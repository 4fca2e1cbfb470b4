"""Embedded servers as a test sees them from outside: their processes, and who is at the other end of a socket."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

from handrail.conf.postgres.keeper import PID_FILE


def postmaster(directory: Path) -> psutil.Process | None:
    """The server's process, found by its directory alone."""
    try:
        return psutil.Process(int((directory / PID_FILE).read_text().splitlines()[0]))
    except (OSError, IndexError, ValueError, psutil.NoSuchProcess):
        return None


def keeper(directory: Path) -> psutil.Process:
    server = postmaster(directory)
    parent = server.parent() if server else None
    assert parent is not None
    return parent


def stop(directory: Path) -> None:
    """Ends the server, whoever uses it."""
    with suppress(psutil.NoSuchProcess, AssertionError):
        process = keeper(directory)
        process.terminate()
        process.wait(60)


def wait_until_gone(directory: Path, *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while (directory / PID_FILE).exists():
        assert time.monotonic() < until, f"the server in {directory} still runs"
        time.sleep(0.05)
