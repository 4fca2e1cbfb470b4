"""Exception packets as the actor may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped, scoped
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.runbooks import accounts, fence, permissions
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.queries.runs import PAGE
from handrail.runbooks.states import Handling


@dataclass(frozen=True, slots=True)
class ExceptionSummary:
    ref: str
    run: str
    runbook: str
    tenant: str
    tenant_name: str
    at: datetime
    cause: str
    reason: str
    message: str
    escalate_to: str
    handling: Handling
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class ExceptionDetail:
    """``fields``: what the definition lets the packet carry. ``evidence``: the readings that decided. ``attempts``:
    what was tried, each with its result class and reason. ``account``: whether something changed outside, before and
    after side by side, the calls and the next action (see ``runbooks.account``); empty for older packets. ``fenced``:
    the runs that don't act while this packet is unresolved."""

    summary: ExceptionSummary
    checkpoint: str
    step: str
    task: str
    subject: str
    definition_digest: str
    fields: dict[str, Any]
    evidence: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    account: dict[str, Any]
    fenced: list[str]
    taken_at: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    note: str
    why_not_take: Refusal | None
    why_not_take_over: Refusal | None
    why_not_resolve: Refusal | None


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """``before`` pages backwards: only packets written before it. Empty texts filter nothing."""

    handling: str = ""
    tenant: str = ""
    taken_by: str = ""
    unresolved: bool = False
    before: datetime | None = None
    limit: int = PAGE


def list_exceptions(actor: Actor, wanted: ExceptionFilter | None = None) -> list[ExceptionSummary]:
    """Exception packets in the actor's scope, newest first. Raises Denied without ``exception:view``."""
    wanted = wanted or ExceptionFilter()
    rows = _wanted(actor, wanted).select_related("tenant", "run", "run__definition").order_by("-at", "-pk")
    return [_exception(row) for row in rows[: min(wanted.limit, 500)]]


def count_exceptions(actor: Actor, wanted: ExceptionFilter) -> int:
    """How many there are, whatever ``wanted.limit``. Raises Denied without ``exception:view``."""
    return _wanted(actor, wanted).count()


@snapshot()
def get_exception(actor: Actor, ref: str) -> ExceptionDetail:
    """One exception packet. Raises NotFound, Denied."""
    packet = get_scoped(actor, _exceptions(actor), Capability.EXCEPTION_VIEW, ref=ref)
    return ExceptionDetail(
        summary=_exception(packet),
        checkpoint=packet.checkpoint,
        step=packet.step,
        task=packet.run.task_key,
        subject=packet.run.subject,
        definition_digest=packet.run.definition_digest,
        fields=packet.fields,
        evidence=packet.evidence,
        attempts=packet.attempts,
        account=accounts.of(packet.run),
        fenced=fence.fenced_by(packet.run),
        taken_at=packet.taken_at,
        resolved_at=packet.resolved_at,
        resolved_by=packet.resolved_by,
        note=packet.note,
        why_not_take=permissions.why_not_take(actor, packet),
        why_not_take_over=permissions.why_not_take_over(actor, packet),
        why_not_resolve=permissions.why_not_resolve(actor, packet),
    )


def _wanted(actor: Actor, wanted: ExceptionFilter) -> QuerySet[ExceptionPacket]:
    actor.require(Capability.EXCEPTION_VIEW)
    rows = scoped(actor, ExceptionPacket.objects.all())
    exact = {"handling": wanted.handling, "tenant__key": wanted.tenant, "taken_by": wanted.taken_by}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.unresolved:
        rows = rows.exclude(handling=Handling.RESOLVED)
    return rows if wanted.before is None else rows.filter(at__lt=wanted.before)


def _exceptions(actor: Actor) -> QuerySet[ExceptionPacket]:
    return scoped(actor, ExceptionPacket.objects.select_related("tenant", "run", "run__definition"))


def _exception(packet: ExceptionPacket) -> ExceptionSummary:
    return ExceptionSummary(
        ref=packet.ref,
        run=packet.run.ref,
        runbook=packet.run.definition.name,
        tenant=packet.tenant.key,
        tenant_name=packet.tenant.name,
        at=packet.at,
        cause=packet.cause,
        reason=packet.reason,
        message=packet.message,
        escalate_to=packet.escalate_to,
        handling=Handling(packet.handling),
        taken_by=packet.taken_by,
    )
