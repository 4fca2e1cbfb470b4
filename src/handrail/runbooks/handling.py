"""How an exception packet was handled, and the sealed events that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from handrail.audit.events import EventName
from handrail.audit.queries import SubjectEvent, events_about
from handrail.kernel.canonical import digest_bytes
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.states import Handling

EVENTS = (EventName.EXCEPTION_TAKEN, EventName.EXCEPTION_RESOLVED)
# Between the time in the row and that of its event, in one transaction.
SLACK = timedelta(minutes=1)


def contradictions(ids: Collection[int]) -> Mapping[int, str]:
    """The exception packets whose handling is not what their events say: see ``audit.sources.Check``."""
    rows = list(ExceptionPacket.objects.filter(pk__in=ids))
    events = events_about("exception", [row.ref for row in rows], EVENTS)
    message = "runbooks.exception_packet {}: the handling of {} is not what its events say."
    return {
        row.pk: message.format(row.pk, row.ref)
        for row in rows
        if not _agrees(row, events.get((row.workspace_id, row.ref), []))
    }


def _agrees(row: ExceptionPacket, events: Sequence[SubjectEvent]) -> bool:
    last = {event.event: event for event in events}
    taken, resolved = last.get(EventName.EXCEPTION_TAKEN), last.get(EventName.EXCEPTION_RESOLVED)
    handling = Handling.RESOLVED if resolved else Handling.TAKEN if taken else Handling.OPEN
    noted = resolved.context.get("note") == digest_bytes(row.note.encode()) if resolved else not row.note
    return (
        row.handling == handling
        and noted
        and _is_of(taken, row.taken_by, row.taken_at)
        and _is_of(resolved, row.resolved_by, row.resolved_at)
    )


def _is_of(event: SubjectEvent | None, by: str | None, at: datetime | None) -> bool:
    if event is None or at is None:
        return event is None and by is None and at is None
    return event.actor == by and abs(event.at - at) <= SLACK
