"""Rows that are written to a task system, outcomes and further messages alike: one attempt, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Least, Now

from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors.tasksystem import MessageKind, OutgoingMessage
from handrail.kernel.clock import after, now
from handrail.kernel.errors import Misconfigured
from handrail.runbooks import timing, writeback
from handrail.runbooks.engine import ledger
from handrail.runbooks.limits.gate import HeldUp
from handrail.runbooks.models import Report, TaskUpdate
from handrail.runbooks.task_system import TaskSystem
from handrail.runbooks.writeback import WriteAttempt, WriteResult, WriteState
from handrail.work.lease import Claim

log = structlog.get_logger("handrail.runbooks")

FAILURE_LIMIT = 200
# What the task system answered is written for so long, although the database is away: told again, it would hear twice.
KEPT_SECONDS = 60.0
# A message that was due for so long before it was claimed was out of everybody's sight.
ABSENT_SECONDS = 2.0
# A task system may ask for a pause; no longer one than this is believed.
MOST_ASKED_SECONDS = 86_400
# An attempt may be under way while a person has it repeated: no call and look take longer, with the usual deadlines.
UNDER_WAY_SECONDS = 60.0
# After so many attempts in a row that were accepted and then not found, it keeps nothing.
NOT_KEPT_LIMIT = 3
NOT_KEPT, REFUSED = "not-kept", "refused"


@dataclass(frozen=True, slots=True)
class WriteEvents:
    """What is recorded of its end."""

    delivered: EventName
    refused: EventName
    stopped: EventName
    not_kept: EventName


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """A claimed row. ``subject``: what its events are about. ``delivered`` writes that it is kept, with its event."""

    row: Report | TaskUpdate
    claim: Claim
    by: Actor
    system: TaskSystem
    subject_kind: str
    subject: str
    noun: str
    events: WriteEvents
    message: Callable[[], OutgoingMessage]
    delivered: Callable[[], None]

    @property
    def open(self) -> QuerySet[Any]:
        """The row, as long as this process has it."""
        rows: QuerySet[Any] = type(self.row)._default_manager.filter(
            pk=self.row.pk, delivered_at=None, due_at=self.row.due_at
        )
        return rows


def repeated() -> dict[str, Any]:
    """The columns of a row that a person has written again: due at once where its tries ended, else soon."""
    soon = Least("due_at", Value(after(UNDER_WAY_SECONDS)))
    due_at = Case(When(due_at=None, then=Now()), default=soon)
    return {"due_at": due_at, "tried_until": after(timing.get().report_window_seconds), "unproven": 0}


def attempt(pending: PendingWrite) -> datetime | None:
    """Makes the one attempt that was counted with the claim. When to try again; None at the end, or where another
    worker has the row by now."""
    row = pending.row
    if _was_lost_at_the_end(pending):
        row.attempts -= 1  # this one is not begun
        _given_up(pending, "the worker ended during the attempt")
        return None
    if _was_out_of_sight(pending) and _was_written_meanwhile(pending):
        return None
    try:
        result = writeback.write(
            WriteAttempt(
                pending.system,
                pending.message(),
                is_first=row.attempts <= 1,
                keep=lambda seconds: _keep(pending, seconds),
            )
        )
    except HeldUp as error:
        return _postponed(pending, error)
    except Misconfigured as error:
        _stopped(pending, code=error.code, message=f"The {pending.noun} can't be reported: {error.message}")
        return None
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # the boundary of a report: no error may repeat it without an end
        log.exception("a message could not be written", subject=pending.subject, attempts=row.attempts)
        result = WriteResult(WriteState.AGAIN, f"Handrail failed ({type(error).__name__}); see its log")
    ends_at = after(KEPT_SECONDS)
    return ledger.insist(lambda: _written(pending, result), landed=lambda: None, is_over=lambda: now() >= ends_at)


def _written(pending: PendingWrite, result: WriteResult) -> datetime | None:
    """Writes what came of the attempt. What was written is not written twice."""
    match result.state:
        case WriteState.LOST:
            return None
        case WriteState.KEPT:
            pending.delivered()
            return None
        case WriteState.REFUSED:
            message = f"The task system refused the {pending.noun} permanently: {result.why}."
            _end(pending, pending.events.refused, message, REFUSED, {"status": result.status})
            return None
        case WriteState.NOT_KEPT:
            return _not_kept(pending, result)
        case _:
            return _failed(pending, result)


def _was_lost_at_the_end(pending: PendingWrite) -> bool:
    """Whether this attempt was due after the window: only one whose worker never recorded its end leaves that."""
    until, due = pending.row.tried_until, pending.claim.was_due
    return until is not None and due is not None and until < due


def _was_out_of_sight(pending: PendingWrite) -> bool:
    """Whether nobody looked at it for long, although it was due and had been tried: the database was away. Then the
    worker that tried is there, and is about to write what it was answered."""
    due = pending.claim.was_due
    return pending.row.attempts > 1 and due is not None and now() > due + timedelta(seconds=ABSENT_SECONDS)


def _was_written_meanwhile(pending: PendingWrite) -> bool:
    time.sleep(timing.get().report_grace_seconds)
    return not pending.open.exists()


def _keep(pending: PendingWrite, seconds: float) -> bool:
    """Makes sure that the claim holds until a call of ``seconds`` has ended; False when another worker has the row."""
    needed = after(seconds)
    if pending.claim.lease < needed:
        if not pending.open.update(due_at=needed):
            return False
        pending.claim.lease = pending.row.due_at = needed
    return True


def _postponed(pending: PendingWrite, error: HeldUp) -> datetime | None:
    """When to try again; an attempt that the connector's limits or circuit breaker did not let begin is none."""
    until = error.wait.again_at
    return until if pending.open.update(due_at=until, attempts=pending.row.attempts - 1) else None


def _not_kept(pending: PendingWrite, result: WriteResult) -> datetime | None:
    row = pending.row
    row.unproven += 1
    what = f"The task system accepted the {pending.noun} ({result.why}), but does not show it: it is not kept."
    if row.unproven >= NOT_KEPT_LIMIT:
        _end(pending, pending.events.not_kept, what, NOT_KEPT, {"attempts": row.attempts, "status": result.status})
        return None
    call = pending.system.call_of(MessageKind(row.kind) if isinstance(row, TaskUpdate) else MessageKind.OUTCOME)
    settle = call.look.settle_seconds if call is not None and call.look is not None else 0.0
    return _again(pending, what, NOT_KEPT, at_least=max(settle, result.asked_seconds))


def _failed(pending: PendingWrite, result: WriteResult) -> datetime | None:
    message = f"The task system did not accept the {pending.noun}: {result.why}."
    return _again(pending, message, "", at_least=min(result.asked_seconds, MOST_ASKED_SECONDS), why=result.why)


@transaction.atomic
def _again(pending: PendingWrite, message: str, code: str, *, at_least: float, why: str = "") -> datetime | None:
    """When to try again; None where that would be after the end of the window."""
    row = pending.row
    until = after(max(timing.get().after_refused_report(row.attempts - 1), at_least))
    if row.tried_until is not None and until > row.tried_until:
        _given_up(pending, why or "it does not show it")
        return None
    found = {"failure": message[:FAILURE_LIMIT], "failure_code": code, "unproven": row.unproven}
    return until if pending.open.update(due_at=until, **found) else None


def _given_up(pending: PendingWrite, what: str) -> None:
    attempts = pending.row.attempts
    message = f"The task system did not accept the {pending.noun} in {attempts} attempts, lastly: {what}."
    _stopped(pending, code="report-given-up", message=message)


def _stopped(pending: PendingWrite, *, code: str, message: str) -> None:
    context = {"code": code, "attempts": pending.row.attempts}
    _end(pending, pending.events.stopped, message, code, context)


@transaction.atomic
def _end(pending: PendingWrite, event: EventName, message: str, code: str, context: dict[str, Any]) -> None:
    """Ends the tries: the reason is kept, shown, audited and counted."""
    row = pending.row
    ended = {"failure": message[:FAILURE_LIMIT], "failure_code": code[:32], "unproven": row.unproven}
    if pending.open.update(due_at=None, attempts=row.attempts, **ended):
        record(
            event,
            by=pending.by,
            tenant_id=row.tenant_id,
            subject_kind=pending.subject_kind,
            subject=pending.subject,
            outcome=EventOutcome.FAILED,
            **context,
        )
