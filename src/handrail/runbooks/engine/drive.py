"""Carries a run as far as it goes now. Any worker may do this at any time, twice or late, without harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError

from handrail.access.actor import Actor
from handrail.definitions.active import compiled
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid, Misconfigured, Stale
from handrail.runbooks.engine import checking, endings, invoking, journal, position, reconciling, verifying
from handrail.runbooks.engine.carriage import Carriage, Grip, Hand, Wait
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.engine.timing import INLINE_SECONDS, STUMBLES, stumble_wait
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RUN, Cause, RunState

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
# Nobody can say whether an action that was under way here took effect.
_OPEN = (Phase.IN_FLIGHT, Phase.RECONCILE)


def carry(run: OperationRun, *, by: Actor, takeover: timedelta) -> datetime | None:
    """Moves ``run`` until it ends (None) or has to wait (until when).

    Does nothing for a run that is not due: another hand has it, or there is nothing to do yet. A move that somebody
    else made first ends this hand's work quietly: the ledger row is taken. What fails unforeseen is tried again later,
    a bounded number of times; only the database's absence is the caller's business.
    """
    # A received run needs no taking up: the ledger row that claims it is its first move, and nothing is read before.
    if RunState(run.state) is not RunState.RECEIVED and not journal.take(run, until=now() + takeover):
        return None
    hand = Hand(journal.rows_of(run))
    while RunState(run.state) not in RUN.terminal:
        grip = Grip(run, position.read(hand.rows), by, takeover, hand)
        grip.remember()
        try:
            waiting = _go(grip)
            if waiting is not None and not _sit_out(grip, waiting):
                journal.postpone(run, until=waiting.until)
                return waiting.until
        except Stale:
            log.info("run taken by another hand", run=run.ref)
            return None
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a run: whatever is wrong with it, it must not strand
            return _stumbled(grip, error)
    return None


def _go(grip: Grip) -> Wait | None:
    """One move. What is wrong with the definition or the configuration stops the run. Raises Stale."""
    run = grip.run
    try:
        runbook = compiled(run.definition, pinned=run.definition_digest)
    except (Invalid, Conflict) as error:
        endings.abandon(grip, _stop(grip, error.code, error.message), escalate_to=run.definition.owner)
        return None
    carriage = Carriage(run, grip.position, grip.by, grip.takeover, grip.hand, runbook)
    try:
        return _move(carriage)
    except Misconfigured as error:
        endings.stop(carriage, _stop(grip, "connector-unusable", error.message), scope=carriage.scope())
        return None


def _move(carriage: Carriage) -> Wait | None:
    where = carriage.position
    if where.phase is Phase.IN_FLIGHT:
        # Only the hand that has just written the intent may make the call; for any other its outcome is open.
        mine = where.last.sequence == carriage.hand.intent
        return invoking.call(carriage) if mine else invoking.overdue(carriage)
    return MOVES[where.phase](carriage)


def _stop(grip: Grip, reason: str, says: str) -> Stop:
    if grip.position.phase in _OPEN and grip.position.last.sequence != grip.hand.intent:
        whole = f"Nobody knows whether the action took effect, and it can't be found out. {says}"
        return Stop(Cause.UNKNOWN_OUTCOME, "outcome-unknown", whole)
    return Stop(Cause.DEFINITION, reason, says)


def _stumbled(grip: Grip, error: Exception) -> datetime | None:
    """After a failure that nobody foresaw: later again, or the end. None when it ended, or another hand has it."""
    grip.restore()
    run, failures = grip.run, grip.run.failures + 1
    log.exception("a run could not be carried", run=run.ref, failures=failures)
    until = now() + stumble_wait(failures)
    try:
        journal.stumble(run, failures=failures, until=until)
        if failures < STUMBLES:
            return until
        says = f"Handrail failed {failures} times in a row here ({type(error).__name__}); its log says more."
        endings.abandon(grip, _stop(grip, "engine-failed", says), escalate_to=run.definition.owner)
    except Stale:
        log.info("run taken by another hand", run=run.ref)
    return None


def _sit_out(grip: Grip, waiting: Wait) -> bool:
    """Waits here, if that is short and this hand has not waited long already."""
    seconds = max((waiting.until - now()).total_seconds(), 0)
    if seconds > min(INLINE_SECONDS, grip.hand.patience_seconds):
        return False
    grip.hand.patience_seconds -= seconds
    grip.hold(seconds)
    time.sleep(seconds)
    return True
