"""Advances a run as far as it goes now. Any worker may do this at any time, twice or late, without harm.

Moves decide (``moves``); here is asked outside what they need to know, and written what they decided.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError

from handrail.access.actor import Actor
from handrail.definitions.active import compiled_runbook
from handrail.kernel.clock import steady
from handrail.kernel.errors import Conflict, Invalid, Misconfigured, Stale
from handrail.runbooks.engine import controlled, ledger
from handrail.runbooks.engine.decision import (
    Answered,
    Ask,
    Commit,
    Decision,
    Look,
    Need,
    Next,
    Reads,
    Settle,
    Survey,
    Surveyed,
    Wait,
)
from handrail.runbooks.engine.execution import Execution, LeasedRun
from handrail.runbooks.engine.holder import LeaseHolder
from handrail.runbooks.engine.moves import again, check, finish, invoke, reconcile, verify
from handrail.runbooks.engine.outside import READ_TRIES, Readings, Unreadable, connector, read_all
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.limits import gate, starts
from handrail.runbooks.limits.gate import HeldUp, TurnWait
from handrail.runbooks.limits.starts import Full, NoPlace
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RunState
from handrail.runbooks.timing import LOST_WORKER_LIMIT, UNEXPECTED_ERROR_LIMIT, Timing
from handrail.work.wake import wake

log = structlog.get_logger("handrail.runbooks")

# A call that had less of its time than this part would often end in an unknown outcome: it is not begun.
LEAST_OF_DEADLINE = 0.5

Move = Callable[[Execution], Next]
MOVES: Mapping[Phase, Move] = {
    Phase.CLAIM: check.check,
    Phase.CHECK: check.check,
    Phase.IN_FLIGHT: invoke.in_flight,
    Phase.POLL: invoke.poll,
    Phase.RETRY: invoke.retry,
    Phase.RECONCILE: reconcile.reconcile,
    Phase.VERIFY: verify.verify,
    Phase.NEXT: again.next_step,
    Phase.STOP: invoke.stop,
}


def advance(run: OperationRun, *, by: Actor, timing: Timing) -> datetime | None:
    """Moves ``run`` until it ends (None) or has to wait (until when).

    The caller has claimed it: ``run.due_at`` is the lease, which the row has, and the row counts a failure more than
    ``run``, until the worker moves the run or gives it back: one that is killed does neither. When another worker makes
    a move first, this one stops quietly: the ledger row exists. After an unexpected error the run is tried again later,
    a bounded number of times. Raises OperationalError, InterfaceError when the database is away for longer than this
    worker has the run.
    """
    return advance_held(LeaseHolder.of(run, by=by, timing=timing))


def advance_held(holder: LeaseHolder) -> datetime | None:
    """The same for a caller that needs to know how ``holder`` left the run."""
    try:
        if holder.failures >= LOST_WORKER_LIMIT and not holder.has_ended:
            holder.commit(_given_up(holder))
        until = _advance(holder)
    except Stale:
        log.info("run taken by another worker", run=holder.run.ref)
        return None
    if holder.next_run is not None:
        wake("run")
    return until


def _advance(holder: LeaseHolder) -> datetime | None:
    """One move after the other. Raises Stale."""
    try:
        return _moved(holder)
    finally:
        holder.give_back_slot()


def _moved(holder: LeaseHolder) -> datetime | None:
    while not holder.has_ended:
        by_what_was_read = False
        try:
            decided = _with_slot(holder, _decide(holder))
            if isinstance(decided, Commit):
                by_what_was_read = decided.claims or decided.is_intent
                holder.commit(decided, holder.limits if decided.is_intent and _is_unbegun(holder) else None)
            elif not holder.wait_in_process(decided) and holder.release(decided):
                return decided.until
        except NoPlace as error:
            holder.give_back_slot()
            waiting = _no_place(holder, error.full)
            if holder.release(waiting):
                return waiting.until
        except Stale:
            # Another run took the subject's turn since this worker looked, or a person has ordered something: what it
            # read does not count.
            holder.give_back_slot()
            if not by_what_was_read or not holder.look_again():
                raise
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of a run: no error may strand it
            return _failed_unexpectedly(holder, error)
    return None


def _decide(holder: LeaseHolder) -> Decision:
    """What is to be done next. What is wrong with the definition or the configuration stops the run. Raises Stale."""
    holder.new_turn_wait()
    leased, run = holder.leased(), holder.run
    try:
        runbook = compiled_runbook(run.definition, pinned=run.definition_digest)
    except (Invalid, Conflict) as error:
        return _abandoned(leased, error.code, error.message)
    holder.limits = runbook.spec.limits
    execution = Execution(**{field.name: getattr(leased, field.name) for field in fields(leased)}, runbook=runbook)
    try:
        decided = _asked(holder, execution, _ordered_or_moved(holder, execution))
        if isinstance(decided, Commit) and (ordered := controlled.before_commit(execution, decided, holder.controls)):
            return _asked(holder, execution, ordered)
    except Misconfigured as error:
        why = finish.why_given_up(leased, "connector-unusable", error.message)
        if leased.own_intent:  # a connector refuses a call before anything of it is sent, or never
            return invoke.unsendable(execution, why)
        return _asked(holder, execution, finish.stop(execution, why, scope=execution.scope()))
    return decided


def _with_slot(holder: LeaseHolder, decided: Decision) -> Decision:
    """``decided``, an intent once this worker holds the slot for its call: only then its time begins. Raises Stale."""
    if isinstance(decided, Wait) or not decided.is_intent:
        holder.give_back_slot()
        return decided
    began, name = steady(), decided.rows[-1].detail["connector"]
    try:
        seconds = connector(name).deadline_seconds + holder.timing.intent_margin_seconds
        holder.slot = gate.enter(name, seconds=seconds, turn_wait=holder.turn_wait)
    except HeldUp as error:
        return _held_up(error)
    return decided if holder.slot is None else decided.later(steady() - began)


def _held_up(error: HeldUp) -> Wait:
    return Wait(error.wait.again_at, connector=error.wait)


def _ordered_or_moved(holder: LeaseHolder, execution: Execution) -> Next:
    """What a person or the run's wave has ordered, or its runbook's limits; else the next move."""
    if (ordered := controlled.before_move(execution, holder.current_controls)) is not None:
        return ordered
    if holder.limits and _is_unbegun(holder) and (full := starts.look(holder.run, holder.limits)) is not None:
        return _no_place(holder, full)
    return MOVES[execution.position.phase](execution)


def _is_unbegun(holder: LeaseHolder) -> bool:
    """Whether the run has called nothing yet."""
    return holder.fence.state in (RunState.RECEIVED, RunState.CHECKING)


def _no_place(holder: LeaseHolder, full: Full) -> Wait:
    wait = full.wait(holder.run, holder.clock.now(), waited=holder.limited_seconds)
    return Wait(wait.again_at, connector=wait)


def _asked(holder: LeaseHolder, execution: Execution, following: Next) -> Decision:
    """What ``following`` comes to, once all that it needs was asked. Raises Misconfigured, Stale."""
    while not isinstance(following, Wait | Commit):
        following = _ask(holder, execution, following)
    return following


def _ask(holder: LeaseHolder, execution: Execution, need: Need) -> Next:
    """Asks outside, and goes on with the answer at the time that it is then. Raises Misconfigured, Stale."""

    def later() -> Execution:
        return replace(execution, at=holder.clock.now())

    if isinstance(need, Reads):
        found = _read(holder, execution, need.names)
        if isinstance(found, Unreadable) and found.held_up is not None:
            return _held_up(found.held_up)
        return need.then(later(), found)
    if isinstance(need, Survey):
        surveyed = _survey(holder, execution)
        return need.then(later(), surveyed)
    if isinstance(need, Look):
        current_state = ledger.current_state(holder.run)
        return need.then(later(), current_state)
    if isinstance(need, Settle):
        time.sleep(max(need.seconds, 0))
        return need.then(later())
    target = connector(need.connector)
    if isinstance(need, Ask):
        holder.keep(target.deadline_seconds)
        began = steady()
        try:
            answer = gate.call(need.connector, target, need.operation, turn_wait=holder.turn_wait)
        except HeldUp as error:
            return _held_up(error)
        return need.then(later(), Answered(answer, steady() - began))
    seconds = min(target.deadline_seconds, (need.until - holder.clock.now()) / timedelta(seconds=1))
    if seconds < LEAST_OF_DEADLINE * target.deadline_seconds:  # the intent's commit took the rest
        holder.give_back_slot()
        return need.too_late(later())
    began = steady()
    slot, holder.slot = holder.slot, None
    answer, shut = gate.perform(slot, target, need.operation, deadline_seconds=seconds)
    return need.then(later(), Answered(answer, steady() - began, shut=shut is not None))


def _read(holder: LeaseHolder, execution: Execution, names: tuple[str, ...]) -> Readings | Unreadable:
    try:
        return read_all(execution.runbook, names, execution.scope(), holder.timing, turn_wait=holder.turn_wait)
    except Unreadable as error:
        return error


def _survey(holder: LeaseHolder, execution: Execution) -> Surveyed:
    """Every read that can be made at this point. One that fails in passing, or waits for a limit, is made again; none
    is begun once the time for it is over."""
    values: dict[str, dict[str, Any]] = {}
    unread = [
        name
        for name, read in execution.runbook.reads.items()
        if read.after is None or read.after in execution.position.answers
    ]
    ends_at = steady() + holder.timing.survey_seconds
    for attempt in range(1, READ_TRIES + 1):
        failed = [name for name in unread if _surveyed(holder, execution, name, values, ends_at) is False]
        unread = [name for name in unread if name not in values]
        if not failed:
            break
        time.sleep(holder.timing.read_pause_seconds * attempt)
    return Surveyed(values, tuple(unread))


def _surveyed(
    holder: LeaseHolder, execution: Execution, name: str, values: dict[str, dict[str, Any]], ends_at: float
) -> bool | None:
    """Whether ``name`` was read, into ``values``; False where it failed in passing, None where asking again would not
    help, or there is no time."""
    left = ends_at - steady()
    if left < 0:
        return None
    waits = max(left, holder.timing.limit_wait_seconds)
    scope, turn_wait = execution.scope(**values), TurnWait(waits, waits, holder.keep)
    try:
        found = read_all(execution.runbook, [name], scope, holder.timing, tries=1, turn_wait=turn_wait)
    except Unreadable as error:
        return False if error.retryable and not error.refused and error.held_up is None else None
    except Misconfigured:
        return None
    values |= found.values
    return True


def _failed_unexpectedly(holder: LeaseHolder, error: Exception) -> datetime | None:
    """After an unexpected error: when to try again, or None when the run has ended. Raises Stale."""
    log.exception("a run could not be advanced", run=holder.run.ref, failures=holder.failures + 1)
    until = holder.fail()
    if holder.failures < UNEXPECTED_ERROR_LIMIT:
        return until
    message = f"Handrail failed {holder.failures} times in a row here ({type(error).__name__}); see its log."
    holder.commit(_abandoned(holder.leased(), "engine-failed", message))
    return None


def _given_up(holder: LeaseHolder) -> Commit:
    """Ends a run in the middle of whose move one worker after the other has ended, killed perhaps for what it read."""
    log.error("a run ends its workers", run=holder.run.ref, failures=holder.failures)
    message = f"{holder.failures} workers in a row ended here without a word, as when they are killed."
    return _abandoned(holder.leased(), "engine-failed", message)


def _abandoned(leased: LeasedRun, reason: str, message: str) -> Commit:
    why = finish.why_given_up(leased, reason, message)
    return finish.abandon(leased, why, escalate_to=leased.run.definition.owner)
