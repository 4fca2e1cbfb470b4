"""One call's own clock and memory: how much time is left, and how far the request got."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from handrail.connectors.outcome import Failure


class OutOfTime(Exception):
    """The call's total time is used up."""


class NotReached(Exception):
    """No connection could be made: nothing was sent. ``failure`` is dns, connect or tls."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Clock:
    """The state of one call.

    ``sent``: a byte of the request may have left this machine. ``opened``: a new connection was made for this call.
    ``heard``: a byte of an answer came back.
    """

    __slots__ = ("expires_at", "heard", "opened", "sent")

    def __init__(self, expires_at: float) -> None:
        self.expires_at = expires_at
        self.sent = False
        self.opened = False
        self.heard = False

    def remaining_seconds(self) -> float:
        """The time left, always over zero. Raises OutOfTime when there is none."""
        left = self.expires_at - monotonic()
        if left <= 0:
            raise OutOfTime
        return left


class _OfThisThread(threading.local):
    clock: Clock | None = None


# By thread, unlike what ``kernel.configured`` holds: several calls run at once, each in a thread of its own.
_running = _OfThisThread()


@contextmanager
def running(clock: Clock) -> Iterator[None]:
    """``clock`` rules every socket operation of this thread. The pool's streams outlive a call; its clock does not."""
    before = _running.clock
    _running.clock = clock
    try:
        yield
    finally:
        _running.clock = before


def current_clock() -> Clock:
    """The clock of the call that this thread is in. Raises RuntimeError outside ``running``."""
    if _running.clock is None:
        raise RuntimeError("a socket was used outside a timed call")
    return _running.clock
