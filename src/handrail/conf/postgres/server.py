"""Starting the embedded server, or joining the one that runs."""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from handrail.conf.postgres import cluster, keeper, programs
from handrail.conf.postgres.files import KEEPER, LOOK_SECONDS, USERS, Directory, try_lock
from handrail.kernel.errors import Unavailable

# Recovery after a crash may have much to read.
START_SECONDS = 300.0
STOP_SECONDS = 60.0
LOG = "log"
LOG_BYTES = 10_000_000
PORT = 5432
SOCKET_LOCK = f".s.PGSQL.{PORT}.lock"
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_directories": ".",  # the data directory, which the server works in
    "unix_socket_permissions": "0700",
    "unix_socket_group": "",
}


def use(path: Path) -> None:
    """Has the server on the data in ``path`` run until this process, and those forked from it, have ended.

    Raises Misconfigured when the directory can't be used, and Unavailable when the server does not start.
    """
    directory = cluster.open_directory(path)
    with directory.starting(START_SECONDS):
        if not _becomes_ready(directory):
            _stop_stray(directory)
            _start(directory)
            if not _becomes_ready(directory):
                message = f"The embedded database in {directory.path} does not start: {_last_words(directory)}"
                raise Unavailable(message, code="embedded-start")
        users = directory.open_lock(USERS)
        fcntl.flock(users, fcntl.LOCK_SH)
    atexit.register(_leave, directory, users, os.getpid())


def _start(directory: Directory) -> None:
    bin_directory = programs.directory_for(directory.account)
    cluster.prepare(directory, bin_directory)
    directory.remove(SOCKET_LOCK)  # no server runs: whatever number it names is another process's by now
    os.close(directory.open_lock(USERS))
    settings = [argument for name, value in SETTINGS.items() for argument in ("-c", f"{name}={value}")]
    server = [str(bin_directory / "postgres"), "-D", directory.name(), *settings]
    lock = directory.open_lock(KEEPER)
    log = _open_log(directory)
    try:
        try_lock(lock)  # and the keeper holds it from here on: both have one description
        account = directory.account
        numbers = [str(number) for number in (directory.descriptor, lock, account.uid, account.gid)]
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", keeper.__file__, *numbers, *server],
            cwd="/",
            env=cluster.environment(),
            pass_fds=[directory.descriptor, lock],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    finally:
        os.close(lock)
        os.close(log)


def _open_log(directory: Directory) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    log = os.open(LOG, flags, 0o600, dir_fd=directory.descriptor)
    if os.fstat(log).st_size > LOG_BYTES:
        os.close(log)
        os.rename(LOG, f"{LOG}.1", src_dir_fd=directory.descriptor, dst_dir_fd=directory.descriptor)
        log = os.open(LOG, flags, 0o600, dir_fd=directory.descriptor)
    return log


def _becomes_ready(directory: Directory) -> bool:
    """Waits for the server that a keeper runs; False when none does, or it has ended."""
    until = time.monotonic() + START_SECONDS
    while not directory.is_free(KEEPER):
        lines = (directory.read(keeper.PID_FILE) or "").splitlines()
        # Its eighth line is the server's state, which one that was killed leaves as it was.
        if len(lines) > 7 and lines[7].strip() == "ready" and _server_process(directory):  # noqa: PLR2004
            return True
        if time.monotonic() > until:
            message = f"The embedded database in {directory.path} is not ready after {START_SECONDS:.0f} s."
            raise Unavailable(f"{message} Its log is the file {LOG} there.", code="embedded-start")
        time.sleep(LOOK_SECONDS)
    return False


def _last_words(directory: Directory) -> str:
    lines = (directory.read(LOG) or "").splitlines()
    return cluster.reason("\n".join(reversed(lines[-30:]))).replace(directory.name(), str(directory.path))


def _stop_stray(directory: Directory) -> None:
    """Ends a server without a keeper: one that outlived it, or was started by an earlier version for everybody."""
    server = _server_process(directory)
    if server is None:
        return
    with suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)
        try:
            server.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            message = f"A server that runs on {directory.path} as process {server.pid} does not stop."
            raise Unavailable(message, code="embedded-busy") from None


def _server_process(directory: Directory) -> psutil.Process | None:
    """The process that the lock file names, if it is a server on this directory: numbers are used again."""
    first = (directory.read(keeper.PID_FILE) or "").partition("\n")[0].strip()
    try:
        process = psutil.Process(int(first))
    except (psutil.Error, ValueError):
        return None
    try:
        here = os.fstat(directory.descriptor)
        there = os.stat(process.cwd())
        same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
        return process if same and process.uids().real == directory.account.uid else None
    except psutil.AccessDenied:  # where a process may not see how others of its user are
        return process if process.name() == "postgres" else None
    except (psutil.Error, OSError):
        return None


def _leave(directory: Directory, users: int, process: int) -> None:
    """Ends this process's use, and waits for the server's end if it was the last, so that its files can be removed."""
    if os.getpid() != process:
        return
    os.close(users)
    until = time.monotonic() + STOP_SECONDS
    with suppress(OSError):
        while time.monotonic() < until and _is_unused(directory) and not directory.is_free(KEEPER):
            time.sleep(LOOK_SECONDS)


def _is_unused(directory: Directory) -> bool:
    """Looks again: somebody else who looks holds the lock for a moment."""
    for _ in range(3):
        if directory.is_free(USERS):
            return True
        time.sleep(LOOK_SECONDS)
    return False
