"""Exception packets that nobody has resolved in time: noted once each, with an event that says so."""

from __future__ import annotations

from django.db import transaction

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.scope import entered
from handrail.runbooks import leases
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.states import Handling


def note_overdue(*, name: str, limit: int = 200) -> int:
    """Notes those of all workspaces that are late by now, as the worker ``name``. Returns how many."""
    noted = 0
    for pk, workspace in leases.overdue_exceptions(limit):
        by = access.worker(name, workspace)
        with entered(by.scope):
            noted += note(packet_id=pk, by=by)
    return noted


@transaction.atomic
def note(*, packet_id: int, by: Actor) -> bool:
    """Notes that a packet is late; False where that was noted already, or it was resolved meanwhile."""
    late = ExceptionPacket.objects.filter(pk=packet_id, overdue_at=None, due_at__lte=now())
    packet = late.exclude(handling=Handling.RESOLVED).select_for_update().first()
    if packet is None:
        return False
    ExceptionPacket.objects.filter(pk=packet.pk).update(overdue_at=now())
    record(
        EventName.EXCEPTION_OVERDUE,
        by=by,
        tenant_id=packet.tenant_id,
        subject_kind="exception",
        subject=packet.ref,
        handling=packet.handling,
        taken_by=packet.taken_by,
    )
    return True
