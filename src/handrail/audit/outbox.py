"""The outbox: events that somebody is to be notified of, each in it from the transaction that recorded it until it is
decided who is notified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.audit.models import AuditEvent, Outbox


@dataclass(frozen=True, slots=True)
class Published:
    """An event that was published. ``workspace_id`` and ``tenant_id`` are 0 for none."""

    id: int
    at: datetime
    event: str
    actor: str
    workspace_id: int
    tenant_id: int
    subject_kind: str
    subject: str
    context: Mapping[str, Any]


def find_published(row_id: int, lease: datetime) -> Published | None:
    """The event of an outbox row that is claimed until ``lease``, locked; None where another worker has it by now."""
    row = Outbox.objects.select_for_update().filter(pk=row_id, due_at=lease).first()
    event = AuditEvent.objects.filter(pk=row.event_id).first() if row is not None else None
    if row is None or event is None:
        return None
    return Published(
        id=event.pk,
        at=event.at,
        event=event.event,
        actor=event.actor,
        workspace_id=row.workspace_id,
        tenant_id=row.tenant_id,
        subject_kind=event.subject_kind,
        subject=event.subject,
        context=event.context,
    )


def done(row_id: int) -> None:
    """It is decided who is notified: the row goes, in the transaction that wrote what they are notified."""
    Outbox.objects.filter(pk=row_id).delete()
