"""The parent process of an embedded server: stops it after the last process that uses it has gone, killed or not, and
starts it again when it was killed itself.

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
# A server that ran and was killed is started again: so many times within WITHIN_SECONDS, later each time. Its backends
# notice within moments that it has gone; until then the next one finds their shared memory in use, and ends.
RESTARTS, WITHIN_SECONDS, FIRST_WAIT_SECONDS = 6, 600.0, 0.25


class Server:
    """The server's process, and whether it is meant to run on."""

    def __init__(self, directory: int, program: list[str], identity: dict[str, object]) -> None:
        self._directory, self._program, self._identity = directory, program, identity
        self._ended = threading.Event()
        self._process = self._start()

    def run(self) -> int:
        """Until it ends by itself or is asked to. Returns the exit code of the last one."""
        restarts: list[float] = []
        killed = False
        while True:
            code = self._process.wait()
            # One that ends with an error of its own gets no second chance, unless it follows one that was killed.
            killed = killed or (code < 0 and self._was_ready())
            recent = [at for at in restarts if at > time.monotonic() - WITHIN_SECONDS]
            if self._ended.is_set() or code == 0 or not killed:
                return int(code)
            if len(recent) >= RESTARTS:
                _say(
                    f"it ended with {code} once more, after {RESTARTS} starts within {WITHIN_SECONDS:.0f} s; giving up"
                )
                return int(code)
            restarts = [*recent, time.monotonic()]
            _say(f"it ended with {code}; starting it again ({len(restarts)} of {RESTARTS})")
            if self._ended.wait(FIRST_WAIT_SECONDS * 2 ** len(recent)):
                return int(code)
            self._process = self._start()
            if self._ended.is_set():  # asked to end at this very moment
                self._process.send_signal(signal.SIGINT)

    def end(self, number: int = signal.SIGINT) -> None:
        self._ended.set()
        self._process.send_signal(number)

    def _start(self) -> subprocess.Popen[bytes]:
        _own_lock_file(self._directory)
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return] # noqa: S603 - the wheel's own program
            self._program, stdin=subprocess.DEVNULL, pass_fds=[self._directory], **self._identity
        )

    def _was_ready(self) -> bool:
        """By the lock file's eighth line, which one that was killed leaves as it was."""
        try:
            descriptor = os.open(PID_FILE, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._directory)
        except OSError:
            return False
        with os.fdopen(descriptor) as file:
            return file.read().splitlines()[7:8] == ["ready   "]


def main() -> int:
    """Runs the server until nobody uses it, it ends by itself, or SIGTERM. Returns its exit code."""
    directory, _, uid, gid = (int(argument) for argument in sys.argv[1:5])
    identity: dict[str, object] = {} if uid == os.geteuid() else {"user": uid, "group": gid, "extra_groups": []}
    server = Server(directory, sys.argv[5:], identity)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.end())
    threading.Thread(target=_stop_when_unused, args=(directory, server), daemon=True).start()
    return server.run()


def _say(what: str) -> None:
    """Into the server's log, which is this process's standard error."""
    at = time.strftime("%Y-%m-%d %H:%M:%S")
    sys.stderr.write(f"{at} handrail: the embedded database's server: {what}\n")
    sys.stderr.flush()


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


def _stop_when_unused(directory: int, server: Server) -> None:
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
        server.end()  # the lock on starting is held until this process has ended
        time.sleep(GRACE_SECONDS)
        server.end(signal.SIGQUIT)
        return


def _open(directory: int, name: str) -> int:
    return os.open(name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=directory)


if __name__ == "__main__":
    sys.exit(main())
