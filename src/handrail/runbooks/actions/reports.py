"""Reports the outcome of a run to the task system: at least once, harmless when repeated, until accepted,
refused, impossible or out of time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from pydantic import ValidationError

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.connectors.paths import filled
from handrail.connectors.rest import Call
from handrail.kernel.clock import after, now
from handrail.kernel.errors import Conflict, Misconfigured
from handrail.runbooks import accounts, leases, task_system, timing
from handrail.runbooks.engine import ledger
from handrail.runbooks.engine.decision import NewEvent
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import HeldUp, TurnWait
from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.states import RunState
from handrail.work.lease import Claim
from handrail.work.wake import wake

log = structlog.get_logger("handrail.runbooks")

FAILURE_LIMIT = 200
# What the task system answered is written for so long, although the database is away: told again, it would hear twice.
KEPT_SECONDS = 60.0
# A report that was due for so long before it was claimed was out of everybody's sight; who tried it gets so long then.
ABSENT_SECONDS, GRACE_SECONDS = 2.0, 1.0
# A task system may ask for a pause; no longer one than this is believed.
MOST_ASKED_SECONDS = 86_400
_ACCEPTED = range(200, 300)
_REFUSED = range(400, 500)
# A wrong credential is corrected on this side; after that the outcome is accepted, so tries go on.
_OURS_TO_FIX = frozenset({401, 403, 407})


def deliver(*, claim: Claim, by: Actor) -> datetime | None:
    """Writes the outcome of an ended run back to the task system, once. Returns when to try again, or None.

    The body is built from the rows each time and sent with the run's reference as idempotency key, so that a repeat
    after a crash or a lost answer leaves one record there. The attempt was counted, and the next one due, with the
    claim; whatever is written here is fenced by it. What no repeat will change ends the tries and is kept, as does the
    end of ``report_window``; ``repeat`` starts them again.
    """
    system = task_system.find()
    report = _claimed(claim, system) if system else None
    if report is None or system is None:
        return None
    if _was_lost_at_the_end(report, claim):
        report.attempts -= 1  # this one is not begun
        _given_up(report, by, "the worker ended during the attempt")
        return None
    if _was_out_of_sight(report, claim) and _was_written_meanwhile(report):
        return None
    if not _keep(report, claim, system):
        return None
    try:
        answer = _send(report.run, system)
    except HeldUp as error:
        return _postponed(report, error)
    except Misconfigured as error:
        _stopped(report, by, code=error.code, message=f"The outcome can't be reported: {error.message}")
        return None
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # the boundary of a report: no error may repeat it without an end
        log.exception("an outcome could not be reported", run=report.run.ref, attempts=report.attempts)
        return _failed(report, by, f"Handrail failed ({type(error).__name__}); see its log")
    ends_at = after(KEPT_SECONDS)
    return ledger.insist(lambda: _answered(report, answer, by), landed=lambda: None, is_over=lambda: now() >= ends_at)


@transaction.atomic
def repeat(*, ref: str, by: Actor) -> None:
    """Reports the outcome of a run again, after its report ended undelivered or before the next try is due.

    Raises NotFound, Denied, Misconfigured (no task system), Conflict (the run has not ended, or was heard).
    """
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_START, ref=ref)
    task_system.get()
    if run.finished_at is None:
        raise Conflict("This run has not ended, so there is no outcome to report yet.", code="run-not-ended")
    again = {"due_at": Now(), "tried_until": after(timing.get().report_window_seconds)}
    if not Report.objects.filter(run=run, delivered_at=None).update(**again):
        raise Conflict("The task system has already accepted the outcome of this run.", code="report-delivered")
    wake(leases.REPORTS.name)
    record(EventName.RUN_REPORT_REPEATED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


def outcome_of(run: OperationRun) -> dict[str, Any]:
    """What is written back: the run, how it ended, its completion record or exception, and its retry ledger."""
    ended: dict[str, Any] = {
        "run": run.ref,
        "runbook": run.definition.name,
        "version": run.definition.version,
        "definition_digest": run.definition_digest,
        "state": run.state,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }
    if run.not_attempted:
        last = run.checkpoints.order_by("-sequence").first()
        ended |= {"state": "not-attempted", "reason": last.detail.get("message", "") if last else ""}
    if run.wave_id is not None:
        ended["wave"] = run.wave_id
    if run.state == RunState.COMPLETED:
        ended["completion"] = {"fields": run.completion.fields, "digest": run.completion.digest}
        if run.retry_ledger.attempts == 0:
            ended["completion"]["already_as_required"] = True
    if run.state == RunState.EXCEPTION:
        packet = run.exception_packet
        ended["exception"] = {"packet": packet.ref, "cause": packet.cause, "reason": packet.reason}
        if account := accounts.of(run):
            ended |= {"changed_outside": account["changed"], "next_action": account["next_action"]}
    retries = getattr(run, "retry_ledger", None)
    if retries is not None:
        ended["retry_ledger"] = {
            "limit": retries.limit,
            "attempts": retries.attempts,
            "waited_seconds": retries.waited_seconds,
        }
    return ended


def _claimed(claim: Claim, system: task_system.TaskSystem) -> Report | None:
    """The report, while the claim holds and ``system`` is the one that holds the tasks of its workspace."""
    whole = ("run__definition", "run__completion", "run__exception_packet", "run__retry_ledger")
    rows = Report.objects.select_related(*whole).filter(run_id=claim.id, due_at=claim.lease)
    return rows.filter(workspace__slug=system.workspace, delivered_at=None).first()


def _answered(report: Report, answer: Answer, by: Actor) -> datetime | None:
    """Writes what the task system answered; when to try again, or None. What was written is not written twice."""
    if answer.failure is None and answer.status in _ACCEPTED:
        _delivered(report, by)
        return None
    if _is_final(answer):
        _refused(report, answer, by)
        return None
    what = f"status {answer.status}" if answer.failure is None else str(answer.failure)
    return _failed(report, by, what, asked=answer.retry_after_seconds or 0)


def _is_final(answer: Answer) -> bool:
    status = answer.status
    return answer.failure is None and status in _REFUSED and status not in RETRYABLE_STATUSES | _OURS_TO_FIX


def _was_lost_at_the_end(report: Report, claim: Claim) -> bool:
    """Whether this attempt was due after the window: only one whose worker never recorded its end leaves that."""
    until, due = report.tried_until, claim.was_due
    return until is not None and due is not None and until < due


def _was_out_of_sight(report: Report, claim: Claim) -> bool:
    """Whether nobody looked at it for long, although it was due and had been tried: the database was away. Then the
    worker that tried is there, and is about to write what it was answered."""
    return (
        report.attempts > 1 and claim.was_due is not None and now() > claim.was_due + timedelta(seconds=ABSENT_SECONDS)
    )


def _was_written_meanwhile(report: Report) -> bool:
    time.sleep(GRACE_SECONDS)
    return not _open(report).exists()


def _keep(report: Report, claim: Claim, system: task_system.TaskSystem) -> bool:
    """Makes sure that the claim holds until the call has ended; False when another worker has the report by now."""
    try:
        needed = after(
            cast(Performer, registry.get(system.connector)).deadline_seconds
            + timing.get().lease_margin_seconds
            + timing.get().limit_wait_seconds
        )
    except Misconfigured:  # the call will say so
        return True
    if claim.lease < needed:
        if not _open(report).update(due_at=needed):
            return False
        claim.lease = report.due_at = needed
    return True


def _open(report: Report) -> QuerySet[Report]:
    """The row, as long as this process has it."""
    return Report.objects.filter(pk=report.pk, delivered_at=None, due_at=report.due_at)


def _send(run: OperationRun, system: task_system.TaskSystem) -> Answer:
    path = filled(system.outcome_path, "task", run.task_key)
    try:
        call = Call(method="PUT", path=path, json_body=outcome_of(run), idempotency_key=run.ref)
    except ValidationError:
        message = "Its path, with the task's key filled in, is too long or holds what a path can't have."
        raise Misconfigured(message, code="refused-path") from None
    target, wait = cast(Performer, registry.get(system.connector)), timing.get().limit_wait_seconds
    slot = gate.enter(system.connector, seconds=target.deadline_seconds, turn_wait=TurnWait(wait, wait))
    answer, _ = gate.perform(slot, target, call)
    return answer


def _postponed(report: Report, error: HeldUp) -> datetime | None:
    """When to try again; an attempt that the connector's limits or circuit breaker did not let begin is none."""
    until = error.wait.again_at
    return until if _open(report).update(due_at=until, attempts=report.attempts - 1) else None


def _delivered(report: Report, by: Actor) -> None:
    ledger.write_delivered(report, NewEvent(EventName.RUN_REPORTED), by=by)


def _refused(report: Report, answer: Answer, by: Actor) -> None:
    message = f"The task system refused the outcome permanently: status {answer.status}."
    _end(report, by, EventName.RUN_REPORT_REFUSED, message, {"status": answer.status})


def _stopped(report: Report, by: Actor, *, code: str, message: str) -> None:
    _end(report, by, EventName.RUN_REPORT_STOPPED, message, {"code": code, "attempts": report.attempts})


def _given_up(report: Report, by: Actor, what: str) -> None:
    message = f"The task system did not accept the outcome in {report.attempts} attempts, lastly: {what}."
    _stopped(report, by, code="report-given-up", message=message)


@transaction.atomic
def _end(report: Report, by: Actor, event: EventName, message: str, context: dict[str, Any]) -> None:
    """Ends the tries: the reason is kept, shown, audited and counted."""
    if _open(report).update(due_at=None, failure=message[:FAILURE_LIMIT], attempts=report.attempts):
        run = report.run
        record(
            event,
            by=by,
            tenant_id=run.tenant_id,
            subject_kind="run",
            subject=run.ref,
            outcome=EventOutcome.FAILED,
            **context,
        )


@transaction.atomic
def _failed(report: Report, by: Actor, what: str, *, asked: float = 0) -> datetime | None:
    """When to try again; None where that would be after the end of the window."""
    wait = timing.get().after_refused_report(report.attempts - 1)
    until = after(max(wait, min(asked, MOST_ASKED_SECONDS)))
    if report.tried_until is not None and until > report.tried_until:
        _given_up(report, by, what)
        return None
    failure = f"The task system did not accept the outcome: {what}."[:FAILURE_LIMIT]
    return until if _open(report).update(due_at=until, failure=failure) else None
