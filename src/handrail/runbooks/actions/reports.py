"""Reports the outcome of a run to the task system: at least once, harmless when repeated, until accepted,
refused, impossible or out of time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet
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
from handrail.dispatch import TaskName, enqueue
from handrail.kernel.clock import after, now
from handrail.kernel.errors import Conflict, Misconfigured
from handrail.runbooks import leases, task_system, timing
from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.states import RunState

log = structlog.get_logger("handrail.runbooks")

FAILURE_LIMIT = 200
# A task system may ask for a pause; no longer one than this is believed.
MOST_ASKED_SECONDS = 86_400
_ACCEPTED = range(200, 300)
_REFUSED = range(400, 500)
# A wrong credential is corrected on this side; after that the outcome is accepted, so tries go on.
_OURS_TO_FIX = frozenset({401, 403, 407})


def deliver(*, run_id: int, by: Actor) -> datetime | None:
    """Writes the outcome of an ended run back to the task system, once. Returns when to try again, or None.

    The body is built from the rows each time and sent with the run's reference as idempotency key, so that two
    workers, a repeat after a crash, or a lost answer leave one record there. An attempt is counted, and the next one
    due, before the call: whatever happens to this worker, attempts are counted and get rarer. What no repeat will
    change ends the tries and is kept, as does the end of ``report_window``; ``repeat`` starts them again.
    """
    system = task_system.find()
    report = _due(system).select_related("run__definition").filter(run_id=run_id).first() if system else None
    if report is None or system is None:
        return None
    if _was_lost_at_the_end(report):
        _given_up(report, by, "the worker ended during the attempt")
        return None
    if not _begin(report):
        return None
    try:
        answer = _send(report.run, system)
    except Misconfigured as error:
        _stopped(report, by, code=error.code, message=f"The outcome can't be reported: {error.message}")
        return None
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # the boundary of a report: no error may repeat it without an end
        log.exception("an outcome could not be reported", run=report.run.ref, attempts=report.attempts)
        return _failed(report, by, f"Handrail failed ({type(error).__name__}); see its log")
    if answer.failure is None and answer.status in _ACCEPTED:
        _delivered(report, by)
        return None
    if _is_final(answer):
        _refused(report, answer, by)
        return None
    what = f"status {answer.status}" if answer.failure is None else str(answer.failure)
    return _failed(report, by, what, asked=answer.retry_after_seconds or 0)


@transaction.atomic
def repeat(*, ref: str, by: Actor) -> None:
    """Reports the outcome of a run again, after its report ended undelivered or before the next try is due.

    Raises NotFound, Denied, Misconfigured (no task system), Conflict (the run has not ended, or was heard).
    """
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_START, ref=ref)
    task_system.get()
    if run.finished_at is None:
        raise Conflict("This run has not ended, so there is no outcome to report yet.", code="run-not-ended")
    again = {"due_at": now(), "tried_until": after(timing.get().report_window_seconds)}
    if not Report.objects.filter(run=run, delivered_at=None).update(**again):
        raise Conflict("The task system has already accepted the outcome of this run.", code="report-delivered")
    enqueue(TaskName.REPORT_RUN, once=f"report:{run.pk}", run_id=run.pk)
    record(EventName.RUN_REPORT_REPEATED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


def sweep(*, limit: int = 200) -> int:
    """Queues every report that is due and not delivered. Returns how many; 0 without a task system."""
    system = task_system.find()
    if system is None:
        return 0
    before = after(-timing.get().report_wait_seconds)
    due = leases.due_reports(system.workspace, before, limit=limit)
    return sum(enqueue(TaskName.REPORT_RUN, once=f"report:{pk}", run_id=pk) for pk in due)


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
    if run.state == RunState.COMPLETED:
        ended["completion"] = {"fields": run.completion.fields, "digest": run.completion.digest}
    if run.state == RunState.EXCEPTION:
        packet = run.exception_packet
        ended["exception"] = {"packet": packet.ref, "cause": packet.cause, "reason": packet.reason}
    ledger = getattr(run, "retry_ledger", None)
    if ledger is not None:
        ended["retry_ledger"] = {
            "limit": ledger.limit,
            "attempts": ledger.attempts,
            "waited_seconds": ledger.waited_seconds,
        }
    return ended


def _due(system: task_system.TaskSystem) -> QuerySet[Report]:
    """Reports that are still to be delivered, of the workspace whose tasks ``system`` holds, and of no other."""
    return Report.objects.filter(workspace__slug=system.workspace, delivered_at=None, due_at__isnull=False)


def _is_final(answer: Answer) -> bool:
    status = answer.status
    return answer.failure is None and status in _REFUSED and status not in RETRYABLE_STATUSES | _OURS_TO_FIX


def _was_lost_at_the_end(report: Report) -> bool:
    """Whether the next attempt is due after the window: only one whose worker never recorded its end leaves that."""
    due, until = report.due_at, report.tried_until
    return due is not None and until is not None and until < due <= now()


def _begin(report: Report) -> bool:
    """Counts the attempt that is about to be made; False when the report was delivered or ended meanwhile."""
    waits = timing.get()
    until = report.tried_until or after(waits.report_window_seconds)
    changes = {
        "attempts": report.attempts + 1,
        "due_at": after(waits.after_refused_report(report.attempts) + waits.lease_seconds),
        "tried_until": until,
    }
    if not _open(report).update(**changes):
        return False
    report.attempts, report.tried_until = report.attempts + 1, until
    return True


def _open(report: Report) -> QuerySet[Report]:
    return Report.objects.filter(pk=report.pk, delivered_at=None, due_at__isnull=False)


def _send(run: OperationRun, system: task_system.TaskSystem) -> Answer:
    path = filled(system.outcome_path, "task", run.task_key)
    try:
        call = Call(method="PUT", path=path, json_body=outcome_of(run), idempotency_key=run.ref)
    except ValidationError:
        message = "Its path, with the task's key filled in, is too long or holds what a path can't have."
        raise Misconfigured(message, code="refused-path") from None
    return cast(Performer, registry.get(system.connector)).call(call)


@transaction.atomic
def _delivered(report: Report, by: Actor) -> None:
    if Report.objects.filter(pk=report.pk, delivered_at=None).update(delivered_at=now(), due_at=None, failure=""):
        run = report.run
        record(EventName.RUN_REPORTED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


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
    if _open(report).update(due_at=None, failure=message[:FAILURE_LIMIT]):
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
    _open(report).update(due_at=until, failure=f"The task system did not accept the outcome: {what}."[:FAILURE_LIMIT])
    enqueue(TaskName.REPORT_RUN, at=until, once=f"report:{report.run_id}", run_id=report.run_id)
    return until
