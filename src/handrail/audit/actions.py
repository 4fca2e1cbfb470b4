"""Writing audit events. Call ``record`` inside the transaction that does what the event speaks of."""

from __future__ import annotations

from typing import Protocol

from handrail.audit.events import Event, Outcome
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now

CONTEXT_VALUE_LIMIT = 200


class By(Protocol):
    """Whoever acts: a person, a worker, the command line."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def workspace_id(self) -> int: ...


def record(
    event: Event,
    *,
    by: By,
    subject_kind: str,
    subject: str,
    tenant_id: int | None = None,
    workspace_id: int | None = None,
    outcome: Outcome = Outcome.DONE,
    **context: str | int | bool | None,
) -> None:
    """Adds one event in the caller's transaction. ``context`` holds short facts (references, codes, counts) only."""
    AuditEvent.objects.create(
        at=now(),
        actor_kind=by.kind,
        actor=by.name,
        event=event,
        outcome=outcome,
        workspace_id=workspace_id or by.workspace_id or None,
        tenant_id=tenant_id,
        subject_kind=subject_kind,
        subject=subject,
        context={k: v[:CONTEXT_VALUE_LIMIT] if isinstance(v, str) else v for k, v in context.items() if v is not None},
    )
