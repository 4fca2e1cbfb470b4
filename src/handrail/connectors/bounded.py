"""Ends a call in time although what it waits for can't be interrupted: a disk that hangs, a socket that trickles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

MAX_ABANDONED = 32

T = TypeVar("T")


class Overdue(Exception):
    """The call did not end in time. It goes on in its own thread: what it was doing may still happen."""


class Crowded(Exception):
    """Nothing was begun: too many earlier calls have not ended yet."""


class Bounded:
    """Runs calls of at most ``seconds`` each, up to ``MAX_ABANDONED`` at the same time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(MAX_ABANDONED)

    def run(self, call: Callable[[], T]) -> T:
        """What ``call`` gives or raises. Raises Overdue or Crowded."""
        if not self._free.acquire(blocking=False):
            raise Crowded
        done: Future[T] = Future()
        try:
            # A daemon: a call that hangs must not keep the process from ending.
            threading.Thread(target=self._run, args=(call, done), name="bounded", daemon=True).start()
        except RuntimeError:  # no thread to be had
            self._free.release()
            raise Crowded from None
        try:
            return done.result(self._seconds)
        except TimeoutError:
            if done.done():  # the call's own, or it ended at this very moment
                return done.result()
            raise Overdue from None

    def _run(self, call: Callable[[], T], done: Future[T]) -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            done.set_exception(error)
        finally:
            self._free.release()
