"""Lanes: a few threads each for one kind of work, so that no kind waits for another. A thread has one connection to the
database, keeps it, and gives it back when it has had nothing to do for a while.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import structlog
from django.db import Error, InterfaceError, OperationalError, connection

from handrail.kernel.scope import NOTHING, entered
from handrail.runbooks import timing
from handrail.work.lease import Claim
from handrail.worker.outage import Outage

log = structlog.get_logger("handrail.worker")

AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
IDLE_SECONDS = 60.0
LONGEST_RECONNECT_SECONDS = 5.0
# Rows are claimed ahead as far as they are likely to be begun within this time, so that one statement claims several.
AHEAD_SECONDS = 0.1
# What was claimed ahead and has waited for so long is left to other workers.
LEFT_SECONDS = 0.5
_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Waiting:
    claim: Claim
    since: float


class WorkLane:
    """``claim``: claims so many rows, beginning behind a tenant. ``handle``: works on one. ``returned``: gets what was
    claimed and not ended, with how many seconds it is to be left alone. ``poke``: is called whenever a thread is free.
    ``is_short``: whether threads of any lane lack a connection, so that an idle one gives up its own.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        *,
        claim: Callable[[int, int], list[Claim]],
        handle: Callable[[Claim], None],
        returned: Callable[[Claim, float], None],
        poke: Callable[[], None],
        is_short: Callable[[], bool],
        outage: Outage,
    ) -> None:
        self.name, self.threads = name, threads
        self.more = True  # whether rows may be due that nobody has claimed yet
        self.unconnected = 0
        self._claim, self._handle, self._returned, self._poke, self._outage = claim, handle, returned, poke, outage
        self._is_short = is_short
        self._last_tenant = 0
        self._mean = LEFT_SECONDS
        self._at_work = 0
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._stopping = threading.Event()
        self._answers = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def room(self) -> int:
        """How many rows to claim now: for the free threads, and some ahead while rows take little time."""
        with self._changed:
            usable = self.threads - self.unconnected
            ahead = min(usable, int(AHEAD_SECONDS * usable / self._mean))
            taken = self._at_work + len(self._waiting)
            room = usable + ahead - taken
            return room if taken < usable or 2 * room >= ahead else 0

    def is_free(self) -> bool:
        with self._changed:
            return self._at_work + len(self._waiting) < self.threads - self.unconnected

    def waiting(self) -> int:
        with self._changed:
            return len(self._waiting)

    def fill(self) -> None:
        """Claims what there is room for."""
        room = self.room()
        if room <= 0:
            return
        claims = self._claim(room, self._last_tenant)
        self.more = bool(claims)
        if claims:
            self._last_tenant = claims[-1].tenant_id
            self.submit(*claims)

    def submit(self, *claims: Claim) -> None:
        at = time.monotonic()
        with self._changed:
            self._waiting.extend(Waiting(claim, at) for claim in claims)
            self._changed.notify(len(claims))

    def left(self, seconds: float = LEFT_SECONDS) -> list[Claim]:
        """What has waited in this process for longer than ``seconds``; it is the caller's now."""
        before = time.monotonic() - seconds
        with self._changed:
            old = [one for one in self._waiting if one.since <= before]
            if old:
                self._waiting = deque(one for one in self._waiting if one.since > before)
                self._mean = max(self._mean, LEFT_SECONDS)
            return [one.claim for one in old]

    def stop(self) -> list[Claim]:
        """Begins nothing more. Gives what was claimed and not begun."""
        self._stopping.set()
        self._answers.set()
        with self._changed:
            self._changed.notify_all()
        return self.left(-1)

    def join(self, until: float) -> bool:
        """Waits until what was begun has ended; False when that is not so at ``until`` (monotonic)."""
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def starved(self) -> bool:
        """Whether none of its threads has a connection, or can get one."""
        return self.unconnected >= self.threads

    def reconnect(self) -> None:
        """The database answers again: threads that wait for it try at once."""
        self._answers.set()
        if not self._stopping.is_set():
            self._answers.clear()

    def nudge(self) -> None:
        """Idle threads look whether somebody else needs their connections."""
        with self._changed:
            self._changed.notify_all()

    def _serve(self) -> None:
        known = 0
        try:
            while self._has_work():
                if known != self._outage.times:
                    known = self._outage.times
                    if connection.connection is not None and not connection.is_usable():
                        connection.close()
                if connection.connection is None and not self._connect():
                    return
                claim = self._next()
                if claim is not None:
                    self._timed(claim)
        finally:
            connection.close()

    def _has_work(self) -> bool:
        """Waits until there is some; False when there will be none any more."""
        with self._changed:
            while not self._waiting:
                if self._stopping.is_set():
                    return False
                if self._is_short() or not self._changed.wait(IDLE_SECONDS):
                    connection.close()
                    self._changed.wait(IDLE_SECONDS)
            return True

    def _next(self) -> Claim | None:
        with self._changed:
            if not self._waiting:
                return None
            self._at_work += 1
            return self._waiting.popleft().claim

    def _timed(self, claim: Claim) -> None:
        began = time.monotonic()
        try:
            with entered(NOTHING):
                self._work(claim)
        finally:
            with self._changed:
                self._at_work -= 1
                self._mean += _WEIGHT * (time.monotonic() - began - self._mean)
            self._poke()

    def _work(self, claim: Claim) -> None:
        try:
            self._handle(claim)
        except AWAY as error:
            lost = not connection.is_usable()
            if lost:
                self._outage.noticed(error)
                connection.close()
            else:
                log.warning("the database refused a statement", kind=self.name, error=type(error).__name__)
            self._returned(claim, 0 if lost else timing.get().reconnect_seconds)
        except Exception:
            log.exception("work ended with an unexpected error", kind=self.name, id=claim.id or claim.word)

    def _connect(self) -> bool:
        """False when the worker stops before there is a connection. Nothing is claimed for this thread until then."""
        wait, counted = timing.get().reconnect_seconds, False
        try:
            while not self._stopping.is_set():
                try:
                    connection.ensure_connection()
                except Error as error:
                    if not counted:
                        with self._changed:
                            self.unconnected += 1
                        counted = True
                    self._outage.noticed(error)
                    connection.close()
                    self._poke()
                    answers = self._answers.wait(wait)
                    wait = timing.get().reconnect_seconds if answers else min(wait * 2, LONGEST_RECONNECT_SECONDS)
                else:
                    return True
            return False
        finally:
            if counted:
                with self._changed:
                    self.unconnected -= 1
                self._poke()
