"""Advances a run as far as it goes now. Any worker may do this at any time, twice or late, without harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError

from handrail.access.actor import Actor
from handrail.definitions.active import compiled_runbook
from handrail.kernel.clock import after, now
from handrail.kernel.errors import Conflict, Invalid, Misconfigured, Stale
from handrail.runbooks.engine import checking, controlled, endings, invoking, ledger, position, reconciling, verifying
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.execution import Execution, LeasedRun, LeaseHolder, Wait
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RUN, ExceptionCause, RunState
from handrail.runbooks.timing import LOST_WORKER_LIMIT, UNEXPECTED_ERROR_LIMIT, Timing

log = structlog.get_logger("handrail.runbooks")

Move = Callable[[Execution], Wait | None]
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


def advance(run: OperationRun, *, by: Actor, timing: Timing) -> datetime | None:
    """Moves ``run`` until it ends (None) or has to wait (until when).

    The caller has claimed it: ``run.due_at`` is the lease, which the row has, and the row counts a failure more than
    ``run``, until the worker moves the run or gives it back: one that is killed does neither. When another worker makes
    a move first, this one stops quietly: the ledger row exists. After an unexpected error the run is tried again later,
    a bounded number of times. Raises OperationalError, InterfaceError when the database is away.
    """
    holder = LeaseHolder(ledger.rows_of(run), timing.in_process_wait_seconds)
    if run.failures >= LOST_WORKER_LIMIT:
        _give_up(LeasedRun(run, position.read(holder.rows), by, timing, holder))
        return None
    while RunState(run.state) not in RUN.terminal:
        leased = LeasedRun(run, position.read(holder.rows), by, timing, holder)
        leased.remember()
        try:
            waiting = _make_move(leased)
            if waiting is not None and not _wait_in_process(leased, waiting):
                if not controlled.release(leased, waiting):
                    continue
                return waiting.until
        except Stale:
            log.info("run taken by another worker", run=run.ref)
            return None
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a run: no error may strand it
            return _failed_unexpectedly(leased, error)
    return None


def _make_move(leased: LeasedRun) -> Wait | None:
    """One move. What is wrong with the definition or the configuration stops the run. Raises Stale."""
    run = leased.run
    try:
        runbook = compiled_runbook(run.definition, pinned=run.definition_digest)
    except (Invalid, Conflict) as error:
        endings.abandon(leased, _stop(leased, error.code, error.message), escalate_to=run.definition.owner)
        return None
    execution = Execution(run, leased.position, leased.by, leased.timing, leased.holder, runbook)
    try:
        controlled.before_move(execution)
        return _move(execution)
    except controlled.Interrupted as interrupted:
        return controlled.settle(execution, interrupted.verdict)
    except Misconfigured as error:
        endings.stop(execution, _stop(leased, "connector-unusable", error.message), scope=execution.scope())
        return None


def _move(execution: Execution) -> Wait | None:
    where = execution.position
    if where.phase is Phase.IN_FLIGHT:
        # Only the worker that has just written the intent may make the call; for any other its outcome is unknown.
        mine = where.last.sequence == execution.holder.intent
        return invoking.call(execution) if mine else invoking.overdue(execution)
    return MOVES[where.phase](execution)


def _stop(leased: LeasedRun, reason: str, message: str) -> Stop:
    if leased.position.phase in _OPEN and leased.position.last.sequence != leased.holder.intent:
        whole = f"It is unknown whether the action took effect, and it can't be found out. {message}"
        return Stop(ExceptionCause.UNKNOWN_OUTCOME, "outcome-unknown", whole)
    return Stop(ExceptionCause.DEFINITION, reason, message)


def _failed_unexpectedly(leased: LeasedRun, error: Exception) -> datetime | None:
    """After an unexpected error: when to try again, or None when the run has ended or another worker has it."""
    leased.restore()
    run, failures = leased.run, leased.run.failures + 1
    log.exception("a run could not be advanced", run=run.ref, failures=failures)
    until = after(leased.timing.after_unexpected_error(failures))
    try:
        ledger.record_unexpected_error(run, failures=failures, until=until)
        if failures < UNEXPECTED_ERROR_LIMIT:
            return until
        message = f"Handrail failed {failures} times in a row here ({type(error).__name__}); see its log."
        endings.abandon(leased, _stop(leased, "engine-failed", message), escalate_to=run.definition.owner)
    except Stale:
        log.info("run taken by another worker", run=run.ref)
    return None


def _give_up(leased: LeasedRun) -> None:
    """Ends a run in the middle of whose move one worker after the other has ended, killed perhaps for what it read."""
    run = leased.run
    log.error("a run ends its workers", run=run.ref, failures=run.failures)
    message = f"{run.failures} workers in a row ended here without a word, as when they are killed."
    try:
        endings.abandon(leased, _stop(leased, "engine-failed", message), escalate_to=run.definition.owner)
    except Stale:
        log.info("run taken by another worker", run=run.ref)


def _wait_in_process(leased: LeasedRun, waiting: Wait) -> bool:
    """Waits here, if that is short and this worker has not waited long already."""
    seconds = max((waiting.until - now()).total_seconds(), 0)
    if seconds > min(leased.timing.short_wait_seconds, leased.holder.in_process_wait_seconds):
        return False
    leased.holder.in_process_wait_seconds -= seconds
    leased.renew_lease(seconds)
    time.sleep(seconds)
    return True
