"""Carries a run as far as it goes now. Any worker may do this at any time, twice or late, without harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from handrail.access.actor import Actor
from handrail.definitions.active import compiled
from handrail.kernel.clock import now
from handrail.kernel.errors import Stale
from handrail.runbooks.engine import checking, invoking, journal, position, reconciling, verifying
from handrail.runbooks.engine.carriage import Carriage, Hand, Wait
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.engine.timing import INLINE_SECONDS
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RUN, RunState

log = structlog.get_logger("handrail.runbooks")

Move = Callable[[Carriage], Wait | None]
MOVES: Mapping[Phase, Move] = {
    Phase.CLAIM: checking.claim,
    Phase.CHECK: checking.check,
    Phase.POLL: invoking.poll,
    Phase.RETRY: invoking.retry,
    Phase.RECONCILE: reconciling.reconcile,
    Phase.VERIFY: verifying.verify,
}


def carry(run: OperationRun, *, by: Actor, takeover: timedelta) -> datetime | None:
    """Moves ``run`` until it ends (None) or has to wait (until when).

    A move that somebody else made first ends this hand's work quietly: the ledger row is taken.
    """
    runbook = compiled(run.definition)
    hand = Hand(journal.rows_of(run))
    while RunState(run.state) not in RUN.terminal:
        carriage = Carriage(run, runbook, position.read(hand.rows), by, takeover, hand)
        try:
            waiting = _move(carriage)
        except Stale:
            log.info("run taken by another hand", run=run.ref)
            return None
        if waiting is not None and not _sit_out(waiting):
            return waiting.until
    return None


def _move(carriage: Carriage) -> Wait | None:
    where = carriage.position
    if where.phase is Phase.IN_FLIGHT:
        # Only the hand that has just written the intent may make the call; for any other its outcome is open.
        mine = where.last.sequence == carriage.hand.intent
        return invoking.call(carriage) if mine else invoking.overdue(carriage)
    return MOVES[where.phase](carriage)


def _sit_out(waiting: Wait) -> bool:
    seconds = (waiting.until - now()).total_seconds()
    if seconds > INLINE_SECONDS:
        return False
    time.sleep(max(seconds, 0))
    return True
