"""How a brake was released, and the sealed events that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from handrail.audit.events import EventName
from handrail.audit.queries import SubjectEvent, events_about
from handrail.kernel.canonical import digest_bytes
from handrail.runbooks.handling import SLACK
from handrail.runbooks.models import Brake


def contradictions(ids: Collection[int]) -> Mapping[int, str]:
    """The brakes whose release is not what their events say: see ``audit.sources.Check``."""
    rows = list(Brake.objects.filter(pk__in=ids))
    events = events_about("brake", [row.ref for row in rows], (EventName.BRAKE_RELEASED,))
    message = "runbooks.brake {}: the release of {} is not what its events say."
    return {
        row.pk: message.format(row.pk, row.ref)
        for row in rows
        if not _agrees(row, next(iter(events.get((row.workspace_id, row.ref), [])), None))
    }


def _agrees(row: Brake, released: SubjectEvent | None) -> bool:
    if released is None or row.released_at is None:
        return released is None and row.released_at is None
    return (
        released.actor == row.released_by
        and abs(released.at - row.released_at) <= SLACK
        and released.context.get("reason") == digest_bytes(row.release_reason.encode())
    )
