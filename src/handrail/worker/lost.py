"""Workers whose connection has ended: after a grace in which a live one reconnects, others may have their runs.

That only brings a claim forward. The worker that claims a run finds its ledger as it would at the end of the lease: an
intent is left alone until its deadline, and then what became of it is read first.
"""

from __future__ import annotations

import time

import structlog

from handrail.runbooks import timing
from handrail.runbooks.actions import claims as runbooks
from handrail.work import presence

log = structlog.get_logger("handrail.worker")


class LostWorkers:
    """What this worker knows of the connections of others. ``session``: its own."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._since: dict[int, float] = {}

    def look(self) -> int:
        """How many runs are due now because the worker that had them has been silent for longer than the grace."""
        at = time.monotonic()
        self._since = {session: self._since.get(session, at) for session in presence.silent(self._session)}
        grace, freed = timing.get().lost_worker_seconds, 0
        for session in [session for session, since in self._since.items() if at - since >= grace]:
            runs = runbooks.free_runs(session)
            presence.forget(session)
            log.info("another worker's connection has ended; its runs are due", runs=runs)
            freed += runs
        return freed

    def begin_again(self) -> None:
        """This worker was cut off itself: it may be back before the others."""
        self._since.clear()
