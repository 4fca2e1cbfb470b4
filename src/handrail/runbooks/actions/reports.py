"""Reports the outcome of a run to the task system: at least once, harmless when repeated, until it is kept, refused,
impossible or out of time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.errors import Conflict
from handrail.runbooks import leases, task_system
from handrail.runbooks.actions import writing
from handrail.runbooks.actions.writing import PendingWrite, WriteEvents
from handrail.runbooks.engine import ledger
from handrail.runbooks.engine.decision import NewEvent
from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.outgoing import outcome_message
from handrail.work.lease import Claim
from handrail.work.wake import wake

EVENTS = WriteEvents(
    EventName.RUN_REPORTED,
    EventName.RUN_REPORT_REFUSED,
    EventName.RUN_REPORT_STOPPED,
    EventName.RUN_REPORT_NOT_KEPT,
)


def deliver(*, claim: Claim, by: Actor) -> datetime | None:
    """Writes the outcome of an ended run back to the task system of its workspace, once. Returns when to try again, or
    None.

    The body is built from the rows each time, and found again by its key, so that a repeat after a crash or a lost
    answer leaves one record there. It is delivered when the task system shows that it is kept. The attempt was counted,
    and the next one due, with the claim; whatever is written here is fenced by it. What no repeat will change ends the
    tries and is kept, as does the end of ``report_window``; ``repeat`` starts them again.
    """
    report = _claimed(claim)
    if report is None:
        return None
    system = task_system.of_workspace(report.workspace.slug)
    if system is None:
        _wait_for_a_system(report)
        return None
    return writing.attempt(
        PendingWrite(
            row=report,
            claim=claim,
            by=by,
            system=system,
            subject_kind="run",
            subject=report.run.ref,
            noun="outcome",
            events=EVENTS,
            message=lambda: outcome_message(report.run, system),
            delivered=lambda: _delivered(report, by),
        )
    )


@transaction.atomic
def repeat(*, ref: str, by: Actor) -> None:
    """Reports the outcome of a run again, after its report ended undelivered or before the next try is due.

    Raises NotFound, Denied, Misconfigured (no task system), Conflict (the run has not ended, or was heard).
    """
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_START, ref=ref)
    task_system.required(run.workspace_id)
    if run.finished_at is None:
        raise Conflict("This run has not ended, so there is no outcome to report yet.", code="run-not-ended")
    if not Report.objects.filter(run=run, delivered_at=None).update(**writing.repeated()):
        raise Conflict("The task system has already accepted the outcome of this run.", code="report-delivered")
    wake(leases.REPORTS.name)
    record(EventName.RUN_REPORT_REPEATED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


def _claimed(claim: Claim) -> Report | None:
    """The report, while the claim holds."""
    whole = ("workspace", "run__tenant", "run__definition", "run__completion", "run__exception_packet")
    rows = Report.objects.select_related(*whole, "run__retry_ledger")
    return rows.filter(run_id=claim.id, due_at=claim.lease, delivered_at=None).first()


def _wait_for_a_system(report: Report) -> None:
    """A report is born leased where any workspace has a task system. Its own has none: nothing was tried, and no time
    to try has begun. It is due, and nobody claims it until there is one."""
    Report.objects.filter(pk=report.pk, due_at=report.due_at).update(attempts=0, due_at=Now(), tried_until=None)


def _delivered(report: Report, by: Actor) -> None:
    ledger.write_delivered(report, NewEvent(EventName.RUN_REPORTED), by=by)
