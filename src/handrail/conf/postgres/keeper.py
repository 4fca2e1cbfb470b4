"""The parent process of an embedded server: stops it after the last process that uses it has gone, killed or not.

Run as a program, with the standard library alone. A process uses the server as long as it, or a process forked from
it, holds a shared lock on ``handrail.users``; the kernel releases it whatever ends the process.

    keeper.py DIRECTORY-DESCRIPTOR KEEPER-LOCK-DESCRIPTOR UID GID POSTGRES ARGUMENT…
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

LOCK, USERS, PID_FILE = "handrail.lock", "handrail.users", "postmaster.pid"
GRACE_SECONDS = 60.0


def main() -> int:
    """Runs the server until nobody uses it, it ends by itself, or SIGTERM. Returns its exit code."""
    directory, _, uid, gid = (int(argument) for argument in sys.argv[1:5])
    _own_lock_file(directory)
    identity = {} if uid == os.geteuid() else {"user": uid, "group": gid, "extra_groups": []}
    program = sys.argv[5:]
    server = subprocess.Popen(program, stdin=subprocess.DEVNULL, pass_fds=[directory], **identity)  # type: ignore[call-overload]  # noqa: S603
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.send_signal(signal.SIGINT))
    threading.Thread(target=_stop_when_unused, args=(directory, server), daemon=True).start()
    while True:
        try:
            return int(server.wait())
        except InterruptedError:
            continue


def _own_lock_file(directory: int) -> None:
    """A lock file that a crash has left may name a number that another process has now, and the server would refuse to
    start. It takes its parent's number for a leftover, and still looks whether a server's shared memory is in use."""
    try:
        descriptor = os.open(PID_FILE, os.O_RDWR | os.O_NOFOLLOW, dir_fd=directory)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "r+") as file:
        lines = file.read().splitlines()
        file.seek(0)
        file.truncate()
        file.write("".join(f"{line}\n" for line in [str(os.getpid()), *lines[1:7]]))  # without the eighth: "ready"


def _stop_when_unused(directory: int, server: subprocess.Popen[bytes]) -> None:
    while True:
        users = _open(directory, USERS)
        fcntl.flock(users, fcntl.LOCK_EX)  # waits, without cost, until every user has gone
        os.close(users)  # a start that is under way comes first: it holds the other lock until it uses the server
        starting, users = _open(directory, LOCK), _open(directory, USERS)
        fcntl.flock(starting, fcntl.LOCK_EX)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(starting)
            continue
        finally:
            os.close(users)
        server.send_signal(signal.SIGINT)  # the lock on starting is held until this process has ended
        time.sleep(GRACE_SECONDS)
        server.send_signal(signal.SIGQUIT)
        return


def _open(directory: int, name: str) -> int:
    return os.open(name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=directory)


if __name__ == "__main__":
    sys.exit(main())
