"""The data directory: made once, at once, and checked before each start."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from handrail.conf.postgres import account, programs
from handrail.conf.postgres.files import OURS, Directory
from handrail.kernel.errors import Misconfigured, Unavailable

SUPERUSER = "postgres"
VERSION = "PG_VERSION"
# initdb writes into the first; what is in the second is complete and only has to move up, PG_VERSION last.
UNFINISHED, COMPLETE = ".initdb", ".initdb-complete"
HARMLESS = OURS | {UNFINISHED, COMPLETE, "log", "lost+found", ".handle_pids.json"}
GROUP_AND_OTHERS = 0o077
GUIDE = "docs/guides/keep-it-running.md#upgrade-the-embedded-database"

HBA = """# Written by Handrail at each start of the server. Nobody connects over a network, and over the socket only the
# Unix accounts that pg_ident.conf names.
local all all peer map=handrail
"""


def open_directory(path: Path) -> Directory:
    """The data directory, made if it is missing, closed to everybody but its owner. Modes of parents stay.

    Raises Misconfigured when it can't be made or opened, or belongs to another user.
    """
    try:
        if not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another process of the same start was faster
                path.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        message = f"The directory {path} for the embedded database can't be used: {error.strerror}."
        raise Misconfigured(message, code="embedded-directory") from None
    try:
        return _owned(path, descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _owned(path: Path, descriptor: int) -> Directory:
    found = os.fstat(descriptor)
    owner = account.of(found.st_uid)
    if owner.uid != found.st_uid:
        others = set(os.listdir(descriptor)) - HARMLESS
        if others:
            message = f"The directory {path} belongs to root and is not empty. PostgreSQL needs one of its own."
            raise Misconfigured(message, code="embedded-directory")
        os.fchown(descriptor, owner.uid, owner.gid)
    if found.st_mode & GROUP_AND_OTHERS:
        os.fchmod(descriptor, 0o700)
    return Directory(path, descriptor, owner)


def prepare(directory: Directory, bin_directory: Path) -> None:
    """Makes the database cluster if there is none, and lets in its owner's accounts alone, as every start does.

    Call it while nobody else starts the server, and it does not run. A cluster of another major version is left as it
    is. Raises Misconfigured or Unavailable.
    """
    found = directory.read(VERSION)
    if found is None:
        _make(directory, bin_directory)
    else:
        _check_version(directory, found.strip())
    for name, text in (("pg_hba.conf", HBA), ("pg_ident.conf", _map(directory))):
        if directory.read(name) != text:
            directory.write(name, text)
    directory.remove(".handle_pids.json")  # of the helper that ran the server until 0.1


def _map(directory: Directory) -> str:
    lines = [f'handrail "{name}" all' for name in directory.account.admitted()]
    return "\n".join(["# Written by Handrail: which Unix accounts may be which role.", *lines, ""])


def _check_version(directory: Directory, found: str) -> None:
    major, minor = programs.server_version()
    if found != str(major):
        message = (
            f"The embedded database in {directory.path} was made by PostgreSQL {found}, and Handrail now comes with "
            f"{major}.{minor}. Nothing was changed. Move the data with a dump: {GUIDE}."
        )
        raise Misconfigured(message, code="embedded-version")


def _make(directory: Directory, bin_directory: Path) -> None:
    strangers = directory.entries() - HARMLESS
    if directory.has(COMPLETE):
        _move_up(directory)
        return
    if strangers:
        message = f"The directory {directory.path} holds other files and no database. Empty it, or name another one."
        raise Misconfigured(message, code="embedded-directory")
    _remove(directory, UNFINISHED)
    try:
        _initdb(directory, bin_directory)
    except BaseException:
        _remove(directory, UNFINISHED)
        raise
    os.rename(UNFINISHED, COMPLETE, src_dir_fd=directory.descriptor, dst_dir_fd=directory.descriptor)
    _move_up(directory)


def _initdb(directory: Directory, bin_directory: Path) -> None:
    done = subprocess.run(  # noqa: S603 - the wheel's own program
        [
            bin_directory / "initdb",
            f"--pgdata={directory.name()}/{UNFINISHED}",
            f"--username={SUPERUSER}",
            "--auth=peer",
            "--encoding=UTF8",
            # Of PostgreSQL itself: an index never depends on the version of the system's C library.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ],
        cwd="/",
        env=environment(),
        pass_fds=[directory.descriptor],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        **directory.account.identity(),
    )
    if done.returncode:
        message = f"The embedded database can't be made in {directory.path}: {reason(done.stderr)}"
        raise Unavailable(message, code="embedded-initdb")


def _move_up(directory: Directory) -> None:
    """Resumes where a process that was killed has stopped: only PG_VERSION, the last, says that there is a cluster."""
    inner = os.open(COMPLETE, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory.descriptor)
    try:
        for name in sorted(os.listdir(inner), key=lambda one: one == VERSION):
            os.rename(name, name, src_dir_fd=inner, dst_dir_fd=directory.descriptor)
        os.fsync(directory.descriptor)
    finally:
        os.close(inner)
    os.rmdir(COMPLETE, dir_fd=directory.descriptor)


def _remove(directory: Directory, name: str) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(name, dir_fd=directory.descriptor)


def environment() -> dict[str, str]:
    """For the server's programs: nothing of this process's that could point them elsewhere."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def reason(output: str) -> str:
    """What PostgreSQL gave as the reason, in one line."""
    marks = ("FATAL:", "PANIC:", "error:", "could not")
    lines = [line.strip() for line in output.splitlines()]
    found = next(
        (line for line in lines if any(mark in line for mark in marks)), lines[-1] if lines else "no reason given"
    )
    for mark in ("FATAL:", "PANIC:", "error:"):
        found = found.rpartition(mark)[2].strip()
    return found[:300].rstrip(".") + "."
