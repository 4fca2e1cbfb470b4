"""The context envelope: what a support request contains about its tenant or run. Built here and nowhere else.

Every field is named here (allow-list). Nothing of a task's payload, of readings, evidence, answers or attempts is in
it, so that no secret and no customer's text can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.models import Tenant
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.hostile import clean_text
from handrail.runbooks import labels
from handrail.runbooks.models import ExceptionPacket, OperationRun
from handrail.runbooks.states import EventKind
from handrail.support.states import PrimaryContext

MAX_BYTES = 8 * 1024
RECENT_RUNS = 5
TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Where a request is raised: the tenant, and the run if it is raised from one."""

    tenant: Tenant
    run: OperationRun | None

    @property
    def primary(self) -> PrimaryContext:
        return PrimaryContext.TENANT if self.run is None else PrimaryContext.OPERATION_RUN

    @property
    def key(self) -> str:
        """The tenant's key, or the run's reference."""
        return self.tenant.key if self.run is None else self.run.ref


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """Exactly what a request raised now would keep (``envelope``), and put into a ticket (``text``)."""

    envelope: dict[str, Any]
    text: str
    size_bytes: int


def diagnostics(actor: Actor, *, tenant: str | None = None, run: str | None = None) -> Diagnostics:
    """What would be attached to a request raised there now. Raises NotFound, Denied (as submitting does)."""
    envelope = build(find_context(actor, Capability.SUPPORT_REQUEST, tenant=tenant, run=run))
    return Diagnostics(envelope, as_text(envelope), len(canonical_bytes(envelope)))


def find_context(actor: Actor, capability: Capability, *, tenant: str | None, run: str | None) -> RequestContext:
    """The one tenant or run that is named. Raises NotFound outside the actor's scope, Denied without ``capability``."""
    if (tenant is None) == (run is None):
        raise ValueError("name either a tenant or a run")
    if run is None:
        return RequestContext(guards.get_tenant(actor, tenant or "", capability), None)
    rows = OperationRun.objects.select_related("tenant", "definition", "exception_packet")
    found = guards.get_scoped(actor, rows, capability, ref=run)
    return RequestContext(found.tenant, found)


def build(about: RequestContext) -> dict[str, Any]:
    """The envelope of ``about``: at most 8 KiB as canonical JSON. Recent runs give way first."""
    envelope: dict[str, Any] = {
        "primary_context": about.primary.value,
        "tenant": {"key": _short(about.tenant.key), "name": _short(about.tenant.name)},
    }
    if about.run is not None:
        envelope["run"] = _run(about.run)
    envelope["recent_runs"] = [_recent(run) for run in _recent_runs(about)]
    while len(canonical_bytes(envelope)) > MAX_BYTES and envelope["recent_runs"]:
        envelope["recent_runs"].pop()
    return envelope


def as_text(envelope: dict[str, Any]) -> str:
    """The envelope as lines that a person at the desk reads."""
    return "\n".join(_lines(envelope))


def _run(run: OperationRun) -> dict[str, Any]:
    packet: ExceptionPacket | None = getattr(run, "exception_packet", None)
    return {
        **_recent(run),
        "definition_digest": run.definition_digest,
        "updated_at": _instant(run.updated_at),
        "last_checkpoint": _last_checkpoint(run, packet),
        "exception": {"ref": packet.ref, "cause": packet.cause} if packet else None,
    }


def _recent(run: OperationRun) -> dict[str, Any]:
    packet: ExceptionPacket | None = getattr(run, "exception_packet", None)
    return {
        "ref": run.ref,
        "runbook": f"{run.definition.name} v{run.definition.version}",
        "state": run.state,
        "reason": packet.reason if packet else None,
        "created_at": _instant(run.created_at),
        "finished_at": _instant(run.finished_at),
    }


def _recent_runs(about: RequestContext) -> QuerySet[OperationRun]:
    rows = OperationRun.objects.filter(tenant=about.tenant, workspace_id=about.tenant.workspace_id)
    if about.run is not None:
        rows = rows.exclude(pk=about.run.pk)
    return rows.select_related("definition", "exception_packet").order_by("-created_at", "-pk")[:RECENT_RUNS]


def _last_checkpoint(run: OperationRun, packet: ExceptionPacket | None) -> dict[str, Any] | None:
    """The last point that the run passed, in the runbook's words."""
    passed = run.checkpoints.filter(kind__in=labels.PASSING).order_by("sequence").last()
    if passed is None:
        return None
    label = packet.checkpoint if packet else labels.of(labels.find_labels(run), EventKind(passed.kind))
    return {"label": _short(label), "at": _instant(passed.at)}


def _lines(envelope: dict[str, Any]) -> Iterator[str]:
    tenant, run = envelope["tenant"], envelope.get("run")
    yield f"Tenant: {tenant['name']} ({tenant['key']})"
    if run is not None:
        yield f"Run: {_line(run)}"
        yield f"Definition: {run['definition_digest']}"
        if run["last_checkpoint"]:
            yield f"Last checkpoint: {run['last_checkpoint']['label']}, {run['last_checkpoint']['at']}"
        if run["exception"]:
            yield f"Exception packet: {run['exception']['ref']}, {run['exception']['cause']}"
    if envelope["recent_runs"]:
        yield "Other recent runs:" if run is not None else "Recent runs:"
        yield from (f"- {_line(recent)}" for recent in envelope["recent_runs"])


def _line(run: dict[str, Any]) -> str:
    reason = f", {run['reason']}" if run["reason"] else ""
    return f"{run['ref']}, {run['runbook']}, {run['state']}{reason}, {run['created_at']}"


def _short(text: str) -> str:
    return clean_text(text, limit=TEXT_MAX)


def _instant(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None
