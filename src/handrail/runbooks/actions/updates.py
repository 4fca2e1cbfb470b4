"""Further messages to the task system about its tasks: written with the act that they tell of, delivered as outcomes
are, each by a key of its own and in their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import By, record
from handrail.audit.events import EventName
from handrail.connectors.tasksystem import MessageKind
from handrail.kernel import scope
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault
from handrail.kernel.hostile import clean_text
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import leases, task_system
from handrail.runbooks.actions import writing
from handrail.runbooks.actions.writing import PendingWrite, WriteEvents
from handrail.runbooks.models import ExceptionPacket, FollowUp, OperationRun, TaskUpdate
from handrail.runbooks.outgoing import further_message
from handrail.work.lease import Claim
from handrail.work.wake import wake

EVENTS = WriteEvents(
    EventName.TASK_MESSAGE_DELIVERED,
    EventName.TASK_MESSAGE_REFUSED,
    EventName.TASK_MESSAGE_STOPPED,
    EventName.TASK_MESSAGE_NOT_KEPT,
)
# Of one refused task: more faults would not be read.
FAULTS = 20
TEXT_LIMIT = 500


def about_packet(kind: MessageKind, packet: ExceptionPacket, by: By, **detail: str | None) -> None:
    """Writes that a person took ``packet`` over, handed it back, resolved it or let another run follow, in the
    transaction of that act. ``detail``: ``taken_by``, ``code``, ``text``, ``follow_up``; nothing else leaves."""
    ended = [(one.run.ref, one.run.state) for one in packet.follow_ups.select_related("run").order_by("number")]
    if kind is MessageKind.RESOLVED and ended:
        detail |= {"follow_up": ", ".join(f"{ref} ({state})" for ref, state in ended)}
    about_run(kind, packet.run, by, exception=packet.ref, **detail)


def about_run(kind: MessageKind, run: OperationRun, by: By, **detail: str | None) -> None:
    """Likewise about the task of ``run``, such as that it was not attempted: ``wave`` and ``message`` say why. Of a
    follow-up run the task is that of the run whose packet it follows; nothing is written about one made on a page."""
    root = _delegated(run)
    if root is None:
        return
    said = {name: clean_text(value, limit=TEXT_LIMIT, multiline=True) for name, value in detail.items() if value}
    _write(kind, root.workspace_id, root.task_key, by, run=root, detail={"run": run.ref, **said})


def about_refusal(workspace_id: int, task: str, by: By, *, code: str, message: str, faults: Sequence[Fault]) -> None:
    """Writes that ``task`` could not become a run, fault by fault."""
    shown = [
        {"field": clean_text(fault.where, limit=200), "message": clean_text(fault.message, limit=TEXT_LIMIT)}
        for fault in faults[:FAULTS]
    ]
    detail = {"code": code, "message": clean_text(message, limit=TEXT_LIMIT), "faults": shown}
    _write(MessageKind.REFUSED, workspace_id, task, by, run=None, detail=detail)


def deliver(*, claim: Claim, by: Actor) -> datetime | None:
    """Makes the next attempt to write one further message. When to try again; None at its end."""
    rows = TaskUpdate.objects.select_related("workspace", "run__tenant")
    row = rows.filter(pk=claim.id, due_at=claim.lease, delivered_at=None).first()
    system = task_system.of_workspace(row.workspace.slug) if row else None
    if row is None or system is None:
        return None
    return writing.attempt(
        PendingWrite(
            row=row,
            claim=claim,
            by=by,
            system=system,
            subject_kind="task",
            subject=row.task_key,
            noun="message",
            events=EVENTS,
            message=lambda: further_message(row, system),
            delivered=lambda: _delivered(row, by),
        )
    )


@transaction.atomic
def repeat(*, ref: str, by: Actor) -> None:
    """Writes a message again, after its tries ended or before the next one is due. Raises NotFound, Denied,
    Conflict ``message-delivered``, ``tasks-unconfigured``."""
    row = guards.get_scoped(by, TaskUpdate.objects.all(), Capability.RUN_START, ref=ref)
    if task_system.of(row.workspace_id) is None:
        raise Conflict("This workspace has no task system any more.", code="tasks-unconfigured")
    if not TaskUpdate.objects.filter(pk=row.pk, delivered_at=None).update(**writing.repeated()):
        raise Conflict("The task system has already kept this message.", code="message-delivered")
    wake(leases.REPORTS.name)
    record(
        EventName.TASK_MESSAGE_REPEATED,
        by=by,
        tenant_id=row.tenant_id,
        subject_kind="task",
        subject=row.task_key,
        message=row.ref,
    )


def _delegated(run: OperationRun) -> OperationRun | None:
    """The run of a delegated task that ``run`` belongs to, if there is one."""
    while run.made_here:
        follow_up = FollowUp.objects.select_related("packet__run").filter(run=run).first()
        if follow_up is None:
            return None
        run = follow_up.packet.run
    return run


def _write(
    kind: MessageKind, workspace_id: int, task: str, by: By, *, run: OperationRun | None, detail: dict[str, Any]
) -> None:
    """The row of a message, where the workspace's task system is sent such."""
    system = task_system.of(workspace_id)
    if system is None or system.call_of(kind) is None:
        return
    # Whatever the actor may see, the message about it is written, as its event is.
    with scope.entered(scope.RowScope(workspace_id, None)):
        TaskUpdate.objects.create(
            ref=new_ref(Prefix.MESSAGE),
            workspace_id=workspace_id,
            tenant_id=run.tenant_id if run else None,
            run=run,
            task_key=task,
            kind=kind.value,
            at=now(),
            by=by.name,
            detail=detail,
            due_at=Now(),
        )
    wake(leases.REPORTS.name)


@transaction.atomic
def _delivered(row: TaskUpdate, by: Actor) -> None:
    """Even where another worker has it by now: it is kept, and nobody needs to write it again."""
    kept = {"delivered_at": now(), "due_at": None, "failure": "", "failure_code": ""}
    if TaskUpdate.objects.filter(pk=row.pk, delivered_at=None).update(**kept):
        record(
            EventName.TASK_MESSAGE_DELIVERED,
            by=by,
            tenant_id=row.tenant_id,
            subject_kind="task",
            subject=row.task_key,
            message=row.ref,
            kind=row.kind,
        )
