"""Reports the outcome of a run to the task system: at least once, harmless when repeated, until accepted or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from django.db import transaction
from django.db.models import QuerySet

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.connectors.rest import Call
from handrail.dispatch import TaskName, enqueue
from handrail.kernel.clock import after, now
from handrail.kernel.errors import Conflict
from handrail.runbooks import task_system, timing
from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.states import RunState

_ACCEPTED = range(200, 300)
_REFUSED = range(400, 500)
# A wrong credential is corrected on this side; after that the outcome is accepted, so tries go on.
_OURS_TO_FIX = frozenset({401, 403, 407})


def deliver(*, run_id: int, by: Actor) -> datetime | None:
    """Writes the outcome of an ended run back to the task system, once. Returns when to try again, or None.

    The body is built from the rows each time and sent with the run's reference as idempotency key, so that two
    workers, a repeat after a crash, or a lost answer leave one record there. An answer that no repeat will change ends
    the tries and is kept; ``repeat`` starts them again.
    """
    system = task_system.find()
    report = _due(system).select_related("run__definition").filter(run_id=run_id).first() if system else None
    if report is None or system is None:
        return None
    answer = _send(report.run, system)
    if answer.failure is None and answer.status in _ACCEPTED:
        _delivered(report, by)
        return None
    if _is_final(answer):
        _refused(report, answer, by)
        return None
    return _failed(report, answer)


@transaction.atomic
def repeat(*, ref: str, by: Actor) -> None:
    """Reports the outcome of a run again, after the task system refused it or before the next try is due.

    Raises NotFound, Denied, Misconfigured (no task system), Conflict (the run has not ended, or was heard).
    """
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_START, ref=ref)
    task_system.get()
    if run.finished_at is None:
        raise Conflict("This run has not ended, so there is no outcome to report yet.", code="run-not-ended")
    if not Report.objects.filter(run=run, delivered_at=None).update(due_at=now()):
        raise Conflict("The task system has already accepted the outcome of this run.", code="report-delivered")
    enqueue(TaskName.REPORT_RUN, once=f"report:{run.pk}", run_id=run.pk)
    record(EventName.RUN_REPORT_REPEATED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


def sweep(*, limit: int = 200) -> int:
    """Queues every report that is due and not delivered. Returns how many; 0 without a task system."""
    system = task_system.find()
    if system is None:
        return 0
    rows = _due(system).filter(due_at__lt=after(-timing.get().report_wait_seconds))
    due = list(rows.order_by("due_at").values_list("run_id", flat=True)[:limit])
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


def _send(run: OperationRun, system: task_system.TaskSystem) -> Answer:
    path = system.outcome_path.replace("{task}", quote(run.task_key, safe=""))
    call = Call(method="PUT", path=path, json_body=outcome_of(run), idempotency_key=run.ref)
    return cast(Performer, registry.get(system.connector)).call(call)


@transaction.atomic
def _delivered(report: Report, by: Actor) -> None:
    changes = {"delivered_at": now(), "due_at": None, "failure": "", "attempts": report.attempts + 1}
    if Report.objects.filter(pk=report.pk, delivered_at=None).update(**changes):
        run = report.run
        record(EventName.RUN_REPORTED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


@transaction.atomic
def _refused(report: Report, answer: Answer, by: Actor) -> None:
    message = f"The task system refused the outcome permanently: status {answer.status}."
    changes = {"due_at": None, "failure": message, "attempts": report.attempts + 1}
    if Report.objects.filter(pk=report.pk, delivered_at=None, due_at__isnull=False).update(**changes):
        run = report.run
        record(
            EventName.RUN_REPORT_REFUSED,
            by=by,
            tenant_id=run.tenant_id,
            subject_kind="run",
            subject=run.ref,
            outcome=EventOutcome.FAILED,
            status=answer.status,
        )


@transaction.atomic
def _failed(report: Report, answer: Answer) -> datetime:
    wait = timing.get().after_refused_report(report.attempts)
    until = after(max(wait, answer.retry_after_seconds or 0))
    what = f"status {answer.status}" if answer.failure is None else str(answer.failure)
    Report.objects.filter(pk=report.pk, delivered_at=None).update(
        attempts=report.attempts + 1, due_at=until, failure=f"The task system did not accept the outcome: {what}."
    )
    enqueue(TaskName.REPORT_RUN, at=until, once=f"report:{report.run_id}", run_id=report.run_id)
    return until
