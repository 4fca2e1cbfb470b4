"""What a notification may say about an exception packet, and about a run: references, codes, and what the runbook's
copy list lets out. Nothing else of a task leaves through here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped
from handrail.runbooks.models import ExceptionPacket, OperationRun
from handrail.runbooks.states import Handling


@dataclass(frozen=True, slots=True)
class ExceptionNotice:
    """``fields``: as the runbook's ``exception.copy`` has them."""

    ref: str
    run: str
    runbook: str
    version: int
    at: datetime
    cause: str
    reason: str
    escalate_to: str
    handling: Handling
    taken_by: str | None
    fields: dict[str, Any]


def get_exception_notice(actor: Actor, ref: str) -> ExceptionNotice:
    """Raises NotFound, Denied."""
    rows = ExceptionPacket.objects.select_related("run__definition")
    packet = get_scoped(actor, rows, Capability.EXCEPTION_VIEW, ref=ref)
    return ExceptionNotice(
        ref=packet.ref,
        run=packet.run.ref,
        runbook=packet.run.definition.name,
        version=packet.run.definition.version,
        at=packet.at,
        cause=packet.cause,
        reason=packet.reason,
        escalate_to=packet.escalate_to,
        handling=Handling(packet.handling),
        taken_by=packet.taken_by,
        fields=packet.fields,
    )


def runbook_of(actor: Actor, ref: str) -> str:
    """The name of a run's runbook. Raises NotFound, Denied."""
    run = get_scoped(actor, OperationRun.objects.all(), Capability.RUN_VIEW, ref=ref)
    return run.runbook
