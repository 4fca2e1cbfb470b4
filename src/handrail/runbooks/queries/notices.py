"""What a notification may say about an exception packet and a wave: references, codes, and what the runbook's
copy list lets out. Nothing else of a task leaves through here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped
from handrail.kernel.errors import NotFound
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.queries.waves import visible
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


@dataclass(frozen=True, slots=True)
class WaveNotice:
    """``rule``, ``reason`` and ``counts``: of its last stop; empty where it has not stopped itself. ``counts`` are of
    all tenants, so they are empty too for who is entitled to some only."""

    ref: str
    runbook: str
    state: str
    rule: str
    reason: str
    counts: dict[str, Any]


def get_wave_notice(actor: Actor, ref: str) -> WaveNotice:
    """Raises NotFound, also where it has no member in the actor's scope."""
    wave = visible(actor).filter(ref=ref).first()
    if wave is None:
        raise NotFound
    stop = wave.stopped.order_by("-number").first()
    counts = stop.counts if stop is not None and actor.tenant_ids is None else {}
    return WaveNotice(
        ref=wave.ref,
        runbook=wave.runbook,
        state=wave.state,
        rule=stop.rule if stop is not None else "",
        reason=stop.reason if stop is not None else "",
        counts={name: count for name, count in counts.items() if isinstance(count, int)},
    )


def is_wave_visible(actor: Actor, ref: str) -> bool:
    """Whether the wave has a member in the actor's scope."""
    return actor.tenant_ids is None or visible(actor).filter(ref=ref).exists()
