"""The loop of a worker: claims what is due for the threads that are free, and waits for a hint, a poll or a thread.

It has one connection, on which it claims, listens for hints, and gives back what its threads could not end.
"""

from __future__ import annotations

import heapq
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg
import structlog
from django.db import Error, connection

from handrail.kernel.clock import followed, now
from handrail.kernel.errors import HandrailError
from handrail.kernel.scope import NOTHING, entered
from handrail.notifications.actions import claims as notifications
from handrail.packets.actions import claims as packets
from handrail.runbooks import timing
from handrail.runbooks.actions import claims as runbooks
from handrail.work import duties, lease, presence, wake
from handrail.work.lease import Claim
from handrail.work.prepared import preparing
from handrail.worker import clocks, handlers
from handrail.worker.identity import worker_name
from handrail.worker.lanes import AWAY, WorkLane
from handrail.worker.lost import LostWorkers
from handrail.worker.outage import Outage
from handrail.worker.recurring import RecurringDuty

log = structlog.get_logger("handrail.worker")

POLL_SECONDS = 1.0
# The most threads for reports, and for revisions, of one worker.
BESIDE = 4
# And for notifications.
MESSAGES = 2
# More reports of runs that end here than this wait for a thread in this process; the others are left to any worker.
REPORTS_WAITING = 32
KINDS = {
    kind.name: kind
    for kind in (runbooks.RUNS, runbooks.REPORTS, runbooks.UPDATES, packets.REVISIONS, *notifications.KINDS)
}


def threads_of(concurrency: int) -> dict[str, int]:
    """The threads of a worker that advances ``concurrency`` runs at a time, by lane."""
    beside = min(max(concurrency // 2, 1), BESIDE)
    telling = min(beside, MESSAGES)
    return {"run": concurrency, "report": beside, "revision": beside, "notification": telling, duties.KIND: 1}


class Loop:
    """Works until ``stop`` is called. ``duties``: by name; ``threads``: how many runs are advanced at a time."""

    def __init__(self, *, threads: int, poll_seconds: float, duties: Mapping[str, RecurringDuty]) -> None:
        self.duties = duties
        self._poll_seconds = min(poll_seconds, POLL_SECONDS)
        self._poked, self._poke = socket.socketpair()
        for end in (self._poked, self._poke):
            end.setblocking(False)
        self._stopping = False  # no event: a signal's handler sets it, perhaps while this thread waits for one
        self._outage = Outage()
        self._lock = threading.Lock()
        self._returned: list[tuple[Claim, float]] = []
        self._due: list[float] = []
        self._in_hand: list[Claim] = []
        self._to_tell: set[str] = set()
        self._listening: Any = None
        self._seen_at = self._polled_at = 0.0
        self._session, self._holds_lock = presence.new_session(), False
        self._lost_workers = LostWorkers(self._session)
        many = threads_of(threads)
        self.lanes = {
            "run": self._lane("run", many, self._advance, self._claim_runs),
            "report": self._lane("report", many, self._report, lambda n, after: runbooks.claim_reports(n, after=after)),
            "revision": self._lane(
                "revision", many, self._revision, lambda n, after: packets.claim_revisions(n, after=after)
            ),
            "notification": self._lane(
                "notification", many, self._notify, lambda n, after: notifications.claim(n, after=after)
            ),
            "duty": self._lane("duty", many, self._duty, lambda n, _: self._claim_duties(n)),
        }

    def stop(self) -> None:
        """Claims nothing more. May be called by a signal's handler."""
        self._stopping = True
        self.poke()

    def poke(self) -> None:
        with suppress(OSError):  # it is full: there is enough to wake up for
            self._poke.send(b".")

    def serve(self, graceful_seconds: float) -> None:
        """Until ``stop``; then what was begun may take ``graceful_seconds`` to end, and the rest is given back."""
        with wake.in_process.use(self._hinted), followed.use(None), preparing.use(True), entered(NOTHING):
            for lane in self.lanes.values():
                lane.start()
            while not self._stopping:
                self._once()
            self._end(graceful_seconds)
        connection.close()

    def _once(self) -> None:
        try:
            self._round()
            self._wait()
        except (Error, psycopg.Error) as error:  # refusals too: while migrations run, views are missing
            self._outage.noticed(error)
            connection.close()
            self._sleep(timing.get().reconnect_seconds, [])

    def _round(self) -> None:
        self._listen()
        self._give_back()
        at = time.monotonic()
        self._report_presence(at)
        self._tell()
        polling = at - self._polled_at >= self._poll_seconds or (self._due and self._due[0] <= at)
        if polling:
            self._polled_at = at
            with self._lock:
                while self._due and self._due[0] <= at:
                    heapq.heappop(self._due)
            if self._lost_workers.look():
                self.lanes["run"].more = True
        for lane in self.lanes.values():
            for claim in lane.left():
                self._return(claim, 0)
            if lane.more or polling:
                lane.fill()
        if not self._unconnected():
            self._outage.over()
        else:
            for lane in self.lanes.values():
                lane.nudge()

    def _listen(self) -> None:
        connection.ensure_connection()
        raw = connection.connection
        if raw is not self._listening:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {wake.CHANNEL}")
            raw.add_notify_handler(lambda notify: self._heard(notify.payload))
            presence.hold(self._session)
            self._lost_workers.begin_again()
            self._seen_at = 0.0  # says at once that it is there, and with which connection
            self._listening = raw
            duties.ensure({name: duty.every for name, duty in self.duties.items()})
            for lane in self.lanes.values():
                lane.more = True  # a hint may have come while nobody listened
                lane.reconnect()

    def _wait(self) -> None:
        """Until there is a hint, something to do in this process, or the time of the next poll."""
        at = time.monotonic()
        until = min([self._polled_at + self._poll_seconds, *self._due[:1]])
        if any(lane.more and lane.room() > 0 for lane in self.lanes.values()):
            return
        if self._sleep(until - at, [connection.connection.fileno()]):
            raw = connection.connection.pgconn
            raw.consume_input()
            while notify := raw.notifies():
                self._heard(notify.extra.decode())

    def _sleep(self, seconds: float, files: list[int]) -> bool:
        """Until somebody pokes, at most; whether there is something to read on ``files``."""
        readable, _, _ = select.select([self._poked.fileno(), *files], [], [], max(seconds, 0))
        with suppress(BlockingIOError):
            self._poked.recv(4096)
        return any(file in readable for file in files)

    def _heard(self, payload: str) -> None:
        for kind in wake.kinds_of(payload):
            if kind in self.lanes:
                self.lanes[kind].more = True

    def _hinted(self, kind: str) -> bool:
        """A thread of this process has made something due: it is claimed here, or others hear of it from the loop."""
        lane = self.lanes.get(kind)
        if lane is None:
            return False
        lane.more = True
        if not lane.is_free():
            with self._lock:
                self._to_tell.add(kind)
        self.poke()
        return True

    def _tell(self) -> None:
        with self._lock:
            kinds = sorted(self._to_tell)
            self._to_tell.clear()
        if kinds:
            wake.tell(kinds)

    def _unconnected(self) -> int:
        return sum(lane.unconnected for lane in self.lanes.values())

    def _report_presence(self, at: float) -> None:
        """Says that this worker is there, four times a lease, and keeps the duties in hand."""
        if at - self._seen_at < max(timing.get().lease_seconds / 4, 0.5):
            return
        self._seen_at = at
        runs = self.lanes["run"]
        self._holds_lock = presence.seen(
            worker_name(), self._session, threads=runs.threads, unconnected=runs.unconnected
        )
        if not self._holds_lock:
            presence.hold(self._session)
        clocks.report_now_and_then("worker")
        with self._lock:
            in_hand = list(self._in_hand)
        for claim in in_hand:
            duties.renew(claim)

    # What threads do.

    def _advance(self, claim: Claim) -> None:
        advanced = handlers.run(claim)
        self._look_again(advanced.until)
        if advanced.report is not None:
            self._pass_on(advanced.report)

    def _pass_on(self, report: Claim) -> None:
        """The report of a run that ended here is delivered here, in the lane of reports."""
        lane = self.lanes["report"]
        if lane.waiting() < REPORTS_WAITING and not self._stopping:
            lane.submit(report)
        else:
            self._return(report, 0)

    def _report(self, claim: Claim) -> None:
        self._look_again(handlers.report(claim))

    def _revision(self, claim: Claim) -> None:
        self._look_again(handlers.revision(claim))

    def _notify(self, claim: Claim) -> None:
        self._look_again(handlers.notification(claim))

    def _duty(self, claim: Claim) -> None:
        duty = self.duties[claim.word]
        with self._lock:
            self._in_hand.append(claim)
        try:
            duty.act()
        except AWAY:
            raise
        except Exception as error:
            expected = isinstance(error, HandrailError)
            log.warning("a duty failed", duty=claim.word, error=type(error).__name__, exc_info=not expected)
            duties.failed(claim, every=duty.every)
        else:
            duties.done(claim, every=duty.every)
        finally:
            with self._lock:
                self._in_hand.remove(claim)

    def _claim_runs(self, count: int, after: int) -> list[Claim]:
        return runbooks.claim_runs(count, after=after, held_by=self._session if self._holds_lock else None)

    def _claim_duties(self, count: int) -> list[Claim]:
        return duties.claim(sorted(self.duties), count)

    def _look_again(self, until: datetime | None) -> None:
        """Something here is due at ``until``: no poll need come in between."""
        if until is not None:
            seconds = (until - now()).total_seconds()
            if seconds < self._poll_seconds:
                with self._lock:
                    heapq.heappush(self._due, time.monotonic() + max(seconds, 0))
                self.poke()

    def _return(self, claim: Claim, seconds: float) -> None:
        with self._lock:
            self._returned.append((claim, seconds))

    def _give_back(self) -> None:
        while True:
            with self._lock:
                if not self._returned:
                    return
                claim, seconds = self._returned[0]
            if claim.kind == duties.KIND:
                duties.give_back(claim)
            else:
                with handlers.acting_in(claim.workspace_id):
                    lease.give_back(KINDS[claim.kind], claim, seconds=seconds)
            with self._lock:
                self._returned.pop(0)
            if (lane := self.lanes.get(claim.kind)) is not None:
                lane.more = True

    def _end(self, graceful_seconds: float) -> None:
        until = time.monotonic() + graceful_seconds
        for lane in self.lanes.values():
            for claim in lane.stop():
                self._return(claim, 0)
        self._give_back_at_last()
        if not all(lane.join(until) for lane in self.lanes.values()):
            log.warning("work was still going on when the worker ended; another one takes it over")
        self._give_back_at_last()
        with suppress(*AWAY):
            presence.forget(self._session)

    def _give_back_at_last(self) -> None:
        """What can't be given back now is claimed by others when its lease has run out."""
        try:
            self._give_back()
        except AWAY:
            connection.close()

    def _lane(
        self,
        name: str,
        threads: Mapping[str, int],
        handle: Callable[[Claim], None],
        claim: Callable[[int, int], list[Claim]],
    ) -> WorkLane:
        return WorkLane(
            name,
            threads[name],
            claim=claim,
            handle=handle,
            returned=self._return,
            poke=self.poke,
            is_short=lambda: self._unconnected() > 0,
            outage=self._outage,
        )
