"""Child processes that start together and end together. Each is ended by its own id, and nothing else is."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import IO, Self

GRACE_SECONDS = 30.0
LOOK_SECONDS = 0.2


class Family:
    """A context: on leaving it every child has ended, by SIGTERM, or by SIGKILL after a grace."""

    def __init__(self, *, log: IO[bytes] | None = None) -> None:
        """``log`` takes what the children print; without it they print where this process does."""
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._log = log

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._asked) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._end()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def start(self, command: str, *arguments: str) -> None:
        """Starts ``handrail COMMAND`` with this process's environment."""
        name = f"{command}-{len(self._children) + 1}"
        program = [sys.executable, "-m", "handrail", command, *arguments]
        # Its own process group, so that Ctrl-C reaches this process alone, which then ends the children in order.
        self._children[name] = subprocess.Popen(  # noqa: S603 - our own program
            program, start_new_session=True, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def ended(self) -> str | None:
        """The name of a child that has ended by itself, if any has."""
        return next((name for name, child in self._children.items() if child.poll() is not None), None)

    def wait(self) -> int:
        """Waits until this process is asked to stop (0) or a child ends by itself (its exit code, or 1)."""
        while not self._stop.wait(LOOK_SECONDS):
            if name := self.ended():
                code = self._children[name].returncode
                print(f"handrail: {name} ended unexpectedly with code {code}; ending the others", file=sys.stderr)
                return code if code > 0 else 1
        return 0

    @property
    def asked_to_stop(self) -> bool:
        return self._stop.is_set()

    def _asked(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        self._stop.set()

    def _end(self) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for child in self._children.values():
            try:
                child.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
