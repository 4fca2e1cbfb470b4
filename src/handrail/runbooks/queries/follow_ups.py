"""The runs that were started from an exception packet, and the packet that a run was started from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped
from handrail.access.refusals import Refusal, refuse
from handrail.access.snapshot import snapshot
from handrail.definitions.active import find_active_runbook
from handrail.runbooks import followups
from handrail.runbooks.models import ExceptionPacket, FollowUp, OperationRun
from handrail.runbooks.states import RunState


@dataclass(frozen=True, slots=True)
class FollowUpChoice:
    """A runbook that the packet's names. ``version``: the active one, None where there is none. ``by``: the roles and
    groups whose members may start it. ``why_not``: None where the actor may, now."""

    runbook: str
    title: str
    version: int | None
    by: list[str]
    why_not: Refusal | None


@dataclass(frozen=True, slots=True)
class StartedFollowUp:
    """``exception``: the packet that it ended with, if it did."""

    run: str
    number: int
    runbook: str
    state: RunState
    at: datetime
    by: str
    exception: str | None


@dataclass(frozen=True, slots=True)
class FollowUpOf:
    """What a follow-up run was started from: the exception packet of the run ``run``, whose follow-up ``number`` it
    is."""

    exception: str
    run: str
    number: int
    by: str


@dataclass(frozen=True, slots=True)
class FollowUpForm:
    """With what a follow-up run would begin. ``inputs``: those of the stopped run that its runbook declares too,
    for actors who may see runs.
    ``number``: which of the packet's it would be. ``definition``: the digest of the active version.
    ``why_not``: None where the actor may start it, now."""

    exception: str
    runbook: str
    title: str
    version: int
    definition: str
    number: int
    inputs: dict[str, Any]
    why_not: Refusal | None


def choices(actor: Actor, packet: ExceptionPacket) -> list[FollowUpChoice]:
    """What the runbook names, in the version that the stopped run followed; nothing where that can't be read."""
    found = []
    for name, by in followups.named(packet).items():
        definition = find_active_runbook(packet.workspace_id, name)
        why_not = followups.why_not(actor, packet, name)
        if definition is None:
            why_not = why_not or Refusal("follow-up-inactive", f"No version of {name} is active.")
        title, version = (definition.title, definition.version) if definition else (name, None)
        found.append(FollowUpChoice(name, title, version, list(by), why_not))
    return found


def started(packet: ExceptionPacket) -> list[StartedFollowUp]:
    """Those of ``packet``, in the order in which they were started."""
    rows = FollowUp.objects.filter(packet=packet).select_related("run__definition", "run__exception_packet")
    return [
        StartedFollowUp(
            run=row.run.ref,
            number=row.number,
            runbook=row.run.runbook,
            state=RunState(row.run.state),
            at=row.at,
            by=row.by,
            exception=row.run.exception_packet.ref if row.run.state == RunState.EXCEPTION else None,
        )
        for row in rows.order_by("number")
    ]


def origin_of(run: OperationRun) -> FollowUpOf | None:
    """What ``run`` was started from, if a person started it from an exception packet."""
    row = FollowUp.objects.filter(run=run).select_related("packet__run").first()
    return None if row is None else FollowUpOf(row.packet.ref, row.packet.run.ref, row.number, row.by)


@snapshot()
def follow_up_form(actor: Actor, ref: str, runbook: str) -> FollowUpForm:
    """Raises NotFound (no such packet, or no active version), Denied, Conflict ``follow-up-unnamed``."""
    rows = ExceptionPacket.objects.select_related("tenant", "run__definition")
    packet = get_scoped(actor, rows, Capability.EXCEPTION_VIEW, ref=ref)
    if runbook not in followups.named(packet):
        refuse(followups.UNNAMED)
    definition, compiled = followups.target(packet, runbook)
    return FollowUpForm(
        exception=packet.ref,
        runbook=runbook,
        title=compiled.title,
        version=definition.version,
        definition=definition.digest,
        number=followups.next_number(packet),
        inputs=followups.prefilled(packet, compiled) if actor.may(Capability.RUN_VIEW) else {},
        why_not=followups.why_not(actor, packet, runbook),
    )
