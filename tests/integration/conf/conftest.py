"""Embedded servers of the tests' own, and another Unix user of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail.conf import database
from handrail.conf.postgres import files
from tests.factories import postgres


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short path, that any user may pass through, and nobody else may look into."""
    directory = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp")).resolve()
    directory.chmod(0o711)
    yield directory
    for found in directory.rglob("postmaster.pid"):
        postgres.stop(found.parent)
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def running() -> Iterator[Path]:
    """The directory of a server that runs for all tests of a module."""
    top = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp")).resolve()
    top.chmod(0o755)
    database.embedded(top / "postgres")
    yield top / "postgres"
    postgres.stop(top / "postgres")
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="module")
def made() -> Iterator[Callable[[Path], Path]]:
    """Copies a data directory with a cluster, which no server runs on, to where a test wants it."""
    top = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp")).resolve()
    database.embedded(top / "postgres")
    postgres.stop(top / "postgres")
    yield lambda to: _copied(top / "postgres", to)
    shutil.rmtree(top, ignore_errors=True)


def _copied(source: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", source, to], check=True)
    for name in files.OURS:
        (to / name).unlink()
    return to


@pytest.fixture
def as_other_user() -> Callable[[Callable[[], str]], str]:
    """Runs a function in a process of the user ``nobody``; gives what it returns, or the error that it met."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    nobody = pwd.getpwnam("nobody")
    return lambda act: _in_process_of(nobody, act)


def _in_process_of(user: pwd.struct_passwd, act: Callable[[], str]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            if not os.access(sys.executable, os.X_OK):  # an environment of root's: any Python can run the keeper
                sys.executable = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
            answer = act()
        except BaseException as error:  # noqa: BLE001 - the answer, whatever it is
            answer = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        os.write(writing, answer.encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer
