"""Runs that a person starts from an exception packet that they have: previewed first, one at a time.

Who has the packet, and has a role or group that the stopped run's own runbook names, needs no other right for it.
Such a run follows the active version of a runbook that the stopped run's own names, as any run does. Only the fence of
its own packet lets it pass, and only as long as the person who started it has that packet: the engine decides that
again before each call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.connectors.tasksystem import MessageKind
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict
from handrail.runbooks import followups
from handrail.runbooks.actions import previews, runs, updates
from handrail.runbooks.actions.previews import Preview
from handrail.runbooks.actions.runs import Started
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import ExceptionPacket, FollowUp, OperationRun

# Of one packet: a person who needs more has another problem than a run can solve.
FOLLOW_UPS_LIMIT = 20


def preview(
    *, ref: str, runbook: str, by: Actor, inputs: Mapping[str, Any] | None = None, number: int | None = None
) -> Preview:
    """What a follow-up run would do now: reads and prerequisites as it would meet them; nothing is written outside.

    ``inputs`` are put over those of the stopped run. Raises as ``start`` does.
    """
    packet = guards.get_scoped(by, ExceptionPacket.objects.all(), Capability.EXCEPTION_TAKE, ref=ref)
    refuse(followups.why_not(by, packet, runbook))
    definition, compiled = followups.target(packet, runbook)
    number = number or followups.next_number(packet)
    task = followups.task_of(packet, definition, compiled, inputs or {}, number=number)
    return previews.preview(task=task, by=by, needs=Capability.EXCEPTION_TAKE)


@transaction.atomic
def start(
    *, ref: str, runbook: str, by: Actor, number: int = 1, inputs: Mapping[str, Any] | None = None, definition: str = ""
) -> Started:
    """Starts the ``number``-th run from a packet that the actor has. Repeated, it gives the run that exists.

    ``definition``: the digest of the version that was previewed. Raises NotFound, Denied, Invalid as ``runs.start``
    does, and for another tenant than the packet's; Conflict: ``exception-open``, ``exception-taken``,
    ``exception-resolved``, ``follow-up-unnamed``, ``follow-up-not-yours``, ``follow-up-open`` (one has not ended),
    ``follow-up-number``, ``follow-up-limit``, ``definition-changed``.
    """
    rows = ExceptionPacket.objects.select_for_update(of=("self",))
    packet = guards.get_scoped(by, rows, Capability.EXCEPTION_TAKE, ref=ref)
    refuse(followups.why_not(by, packet, runbook))
    pinned, compiled = followups.target(packet, runbook)
    task = followups.task_of(packet, pinned, compiled, inputs or {}, number=number)
    if repeated := _repeated(packet, task, number):
        return repeated
    _refuse_another(packet)
    # Outside of any wave: that of the stopped run's event may wait for the very person who starts this.
    started = runs.start(task=task, definition=definition, by=by, needs=Capability.EXCEPTION_TAKE, in_wave=False)
    if not started.created:  # somebody has delegated a task under this very key
        raise Conflict(f"There is a run {started.ref} under the key {task.key} already.", code="task-changed")
    run = OperationRun.objects.get(ref=started.ref)
    FollowUp.objects.create(
        workspace_id=packet.workspace_id,
        tenant_id=packet.tenant_id,
        packet=packet,
        run=run,
        number=number,
        at=now(),
        by=by.name,
    )
    record(
        EventName.EXCEPTION_FOLLOW_UP_STARTED,
        by=by,
        tenant_id=packet.tenant_id,
        subject_kind="exception",
        subject=packet.ref,
        run=run.ref,
        number=number,
        definition=pinned.digest,
    )
    updates.about_packet(MessageKind.FOLLOWED_UP, packet, by, follow_up=run.ref)
    return started


def _repeated(packet: ExceptionPacket, task: IncomingTask, number: int) -> Started | None:
    """The run that ``number`` is already, of the same task. Raises Conflict where it is of another, or ``number`` is
    not the next one."""
    existing = FollowUp.objects.filter(packet=packet, number=number).select_related("run").first()
    following = followups.next_number(packet)
    if existing is None:
        if number != following:
            raise Conflict(f"The next follow-up run of {packet.ref} is number {following}.", code="follow-up-number")
        return None
    if existing.run.task_digest != task.digest:
        message = f"Follow-up run {number} of {packet.ref} is {existing.run.ref}, with other inputs. "
        raise Conflict(f"{message}The next one is number {following}.", code="follow-up-number")
    return Started(existing.run.ref, created=False)


def _refuse_another(packet: ExceptionPacket) -> None:
    under_way = FollowUp.objects.filter(packet=packet, run__finished_at=None).select_related("run").first()
    if under_way is not None:
        message = f"{under_way.run.ref} was started from {packet.ref} and has not ended. Wait for its end, or stop it."
        raise Conflict(message, code="follow-up-open")
    if FollowUp.objects.filter(packet=packet).count() >= FOLLOW_UPS_LIMIT:
        raise Conflict(f"{packet.ref} has had {FOLLOW_UPS_LIMIT} follow-up runs, the limit.", code="follow-up-limit")
