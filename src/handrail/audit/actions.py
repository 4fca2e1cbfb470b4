"""Writing audit events, sealing them, and handing them out.

Call ``record`` inside the transaction that does what the event speaks of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from handrail.audit import exported, sealing, signing
from handrail.audit.events import EventName, EventOutcome
from handrail.audit.models import AuditEvent
from handrail.audit.sealing import SealedBatch
from handrail.kernel.clock import now

CONTEXT_VALUE_LIMIT = 200


class By(Protocol):
    """An actor: a person, a worker, the command line."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def workspace_id(self) -> int: ...
    @property
    def origin(self) -> Mapping[str, str]: ...


def record(
    event: EventName,
    *,
    by: By,
    subject_kind: str,
    subject: str,
    tenant_id: int | None = None,
    workspace_id: int | None = None,
    outcome: EventOutcome = EventOutcome.DONE,
    **context: str | int | bool | None,
) -> AuditEvent:
    """Adds one event in the caller's transaction. ``context`` holds short facts (references, codes, counts) only; what
    is known of where the act comes from (``By.origin``) stands beside them."""
    facts = {**context, **by.origin}
    return AuditEvent.objects.create(
        at=now(),
        actor_kind=by.kind,
        actor=by.name,
        event=event,
        outcome=outcome,
        workspace_id=workspace_id or by.workspace_id or None,
        tenant_id=tenant_id,
        subject_kind=subject_kind,
        subject=subject,
        context={k: v[:CONTEXT_VALUE_LIMIT] if isinstance(v, str) else v for k, v in facts.items() if v is not None},
    )


def seal(*, by: By, whole: bool | None = True) -> SealedBatch | None:
    """Seals one batch of what has no leaf yet; None when nothing had. ``whole``: see ``sealing.seal_batch``.

    Raises Misconfigured when the signing key can't be had; then nothing is sealed.
    """

    def announce(found: int, complete: bool) -> AuditEvent:
        origin = signing.get().origin
        return record(EventName.AUDIT_SEALED, by=by, subject_kind="log", subject=origin, rows=found, complete=complete)

    return sealing.seal_batch(announce, whole=whole)


def seal_all(*, by: By, whole: bool | None = True, batches: int = 1000) -> list[SealedBatch]:
    """Seals batch after batch until nothing is left, ``batches`` at most. Each is a transaction of its own."""
    done: list[SealedBatch] = []
    for _ in range(batches):
        sealed = seal(by=by, whole=whole)
        if sealed is None:
            break
        done.append(sealed)
        if not sealed.more:
            break
    return done


def export(*, by: By, workspace_id: int, tenant_ids: Collection[int] | None) -> Iterator[str]:
    """The sealed log as JSON lines (``exported``), with the events of one workspace in clear: those of ``tenant_ids``
    only, unless that is None. Writes the event, seals, and then gives the lines one by one, in bounded memory.
    """
    scope = "all" if tenant_ids is None else f"{len(tenant_ids)} tenants"
    record(
        EventName.AUDIT_EXPORTED,
        by=by,
        workspace_id=workspace_id,
        subject_kind="log",
        subject=signing.get().origin,
        tenants=scope,
    )
    seal_all(by=by)
    return exported.lines(exported.Scope(workspace_id, tenant_ids))
