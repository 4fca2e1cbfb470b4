"""Tells workers that something is due: a hint, behind which each of them polls.

It is sent after the commit, by a thread with a connection of its own, and hints that come meanwhile are sent as one. A
NOTIFY inside a transaction would make every commit of the whole cluster wait for the one before; so would one that
waits for its own commit to be written to disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import structlog
from django.db import Error, connection, transaction

from handrail.kernel.configured import Configured

log = structlog.get_logger("handrail.work")

CHANNEL = "handrail_work"
# A thread that has had nothing to send for so long ends and gives its connection back.
IDLE_SECONDS = 60.0
# In a worker: takes the hint, and sends it on its own connection where others should hear of it.
in_process: Configured[Callable[[str], bool]] = Configured()


def wake(kind: str) -> None:
    """Workers look for due rows of ``kind`` once the caller's transaction has committed; at once without one."""
    transaction.on_commit(lambda: _hint(kind), robust=True)


def _hint(kind: str) -> None:
    taken = in_process.find()
    if taken is None or not taken(kind):
        _notifier.send(kind)


def kinds_of(payload: str) -> Iterable[str]:
    """The kinds that a notification names."""
    return payload.split()


def tell(kinds: list[str]) -> None:
    """Sends the hint now, on this thread's connection, outside any transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}, '{' '.join(kinds)}'; COMMIT")


class _Notifier:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._thread: threading.Thread | None = None

    def send(self, kind: str) -> None:
        with self._changed:
            self._waiting.add(kind)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="wake", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _serve(self) -> None:
        try:
            while kinds := self._next():
                self._notify(kinds)
        finally:
            connection.close()

    def _next(self) -> list[str]:
        """What is to be sent; nothing when there was nothing for long, and the thread ends."""
        with self._changed:
            if not self._waiting and not self._changed.wait(IDLE_SECONDS):
                self._thread = None
            kinds = sorted(self._waiting)
            self._waiting.clear()
            return kinds

    def _notify(self, kinds: list[str]) -> None:
        for last in (False, True):  # a connection that was lost meanwhile is made again, once
            try:
                tell(kinds)
            except Error as error:
                connection.close()
                if last:
                    log.debug("no hint was sent: the database is away", error=type(error).__name__)
            else:
                return


_notifier = _Notifier()
