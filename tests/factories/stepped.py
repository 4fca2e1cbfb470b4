"""Workers that go one step at a time: each is a thread with a connection of its own, and moves only while it is let.

A worker stands at a point: before or after a statement, a read or a call. From there it may go on, lose its connection,
or be killed. While all stand, whoever holds them may do anything else, so every interleaving can be had, and again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError, connection

GO, DROP, DIE = "go", "drop", "die"
# A worker that does not come to its next point by then hangs: a fault of the test, told as one.
PATIENCE_SECONDS = 60.0
Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


class WorkerKilled(BaseException):
    """The end of a worker: nothing behind it runs."""


class SteppedWorker(threading.Thread):
    """``session``: the number by which others know it. ``at``: the point where it stands; "" while it has nothing to
    do. ``ended``: how its last piece of work did.
    ``before_statement`` and ``after_statement`` see what it writes, without any step of others in between."""

    def __init__(self, name: str, session: int) -> None:
        super().__init__(name=name, daemon=True)
        self.session = session
        self.at, self.ended = "", ""
        self.error: BaseException | None = None
        self.before_statement: Callable[[SteppedWorker, Any], Any] = lambda _worker, _values: None
        self.after_statement: Callable[[SteppedWorker, Any, Any, bool], None] = lambda *_: None
        self._work: Callable[[], None] | None = None
        self._order = GO
        self._may_go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._leaving = False
        self.start()

    # for whoever holds it

    def begin(self, work: Callable[[], None]) -> None:
        """Starts on ``work``, up to its first point."""
        assert not self.at
        self._work, self.ended, self.at = work, "", "begin"
        self._go()

    def go_on(self, order: str = GO) -> None:
        """From where it stands to its next point, or the end; by ``order`` without its connection, or killed."""
        assert self.at
        self._order = order
        self._go()

    def leave(self) -> None:
        """Ends the thread, whatever it was doing."""
        if self.at:
            self.go_on(DIE)
        self._leaving = True
        self._may_go.release()
        self.join(PATIENCE_SECONDS)

    def _go(self) -> None:
        self._may_go.release()
        assert self._stands.acquire(timeout=PATIENCE_SECONDS), f"{self.name} hangs behind «{self.at}»"
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    # in the thread

    def run(self) -> None:
        connection.execute_wrappers.append(self._around)
        while True:
            self._may_go.acquire()
            if self._leaving:
                connection.close()
                return
            assert self._work is not None
            try:
                self._work()
                self.ended = "done"
            except WorkerKilled:
                self.ended = "killed"
                connection.close()
            except (OperationalError, InterfaceError):
                self.ended = "without a database"
                connection.close()
            except BaseException as error:  # noqa: BLE001 - raised again for whoever holds it
                self.error = error
            self.at = ""
            self._stands.release()

    def point(self, name: str) -> str:
        """Stands at ``name`` until it may go on. Raises WorkerKilled. What else is ordered is returned."""
        self.at, self._order = name, GO
        self._stands.release()
        self._may_go.acquire()
        if self._order == DIE:
            raise WorkerKilled
        return self._order

    def _around(self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if connection.in_atomic_block:  # its locks would keep others off: it has no points
            return execute(sql, params, many, context)
        if self.point("before a statement") == DROP:
            connection.connection.close()
        seen = self.before_statement(self, params)
        result = execute(sql, params, many, context)
        self.after_statement(self, params, seen, context["cursor"].rowcount > 0)
        if self.point("after a statement") == DROP:
            connection.connection.close()
            raise OperationalError("the answer was lost with the connection")
        return result


def current() -> SteppedWorker | None:
    """The worker whose thread this is; None for anybody else."""
    found = threading.current_thread()
    return found if isinstance(found, SteppedWorker) else None


def point(name: str) -> None:
    """A point of the worker whose thread this is, if it is one. An outside call has no connection to lose."""
    if (worker := current()) is not None:
        worker.point(name)
