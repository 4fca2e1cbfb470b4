"""How an exception packet was handled, and the sealed events that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handrail.access.fields import is_forgotten
from handrail.audit.events import EventName
from handrail.audit.queries import SubjectEvent, events_about
from handrail.kernel.canonical import digest_bytes
from handrail.runbooks.models import ExceptionNote, ExceptionPacket
from handrail.runbooks.states import Handling

EVENTS = (
    EventName.EXCEPTION_TAKEN,
    EventName.EXCEPTION_ASSIGNED,
    EventName.EXCEPTION_NOTED,
    EventName.EXCEPTION_HANDED_BACK,
    EventName.EXCEPTION_OVERDUE,
    EventName.EXCEPTION_RESOLVED,
)
# Between the time in the row and that of its event, in one transaction.
SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Handled:
    """What the events tell so far: who has it since when, who resolved it when with which note (its digest) and
    outcome, of each note its author and its digest, and when it was noted to be late."""

    has_it: str | None = None
    since: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    note: object = None
    notes: tuple[tuple[str, object], ...] = ()
    outcome: str = ""
    late_at: datetime | None = None

    def then(self, one: SubjectEvent) -> _Handled:
        noted = (*self.notes, (one.actor, one.context.get("note")))
        match EventName(one.event):
            case EventName.EXCEPTION_NOTED:
                return replace(self, notes=noted)
            case EventName.EXCEPTION_HANDED_BACK:
                return _Handled(notes=noted, late_at=self.late_at)
            case EventName.EXCEPTION_RESOLVED:
                resolved = {"resolved_by": one.actor, "resolved_at": one.at, "note": one.context.get("note")}
                return replace(self, **resolved, outcome=str(one.context.get("result") or ""))  # type: ignore[arg-type]
            case EventName.EXCEPTION_OVERDUE:
                return replace(self, late_at=one.at)
            case EventName.EXCEPTION_ASSIGNED:
                return _Handled(str(one.context.get("assigned_to")), one.at, notes=self.notes, late_at=self.late_at)
            case _:
                return _Handled(one.actor, one.at, notes=self.notes, late_at=self.late_at)

    @property
    def handling(self) -> Handling:
        if self.resolved_at is not None:
            return Handling.RESOLVED
        return Handling.OPEN if self.since is None else Handling.TAKEN


def contradictions(ids: Collection[int]) -> Mapping[int, str]:
    """The exception packets whose handling or notes are not what their events say: see ``audit.sources.Check``."""
    rows = list(ExceptionPacket.objects.filter(pk__in=ids))
    events = events_about("exception", [row.ref for row in rows], EVENTS)
    notes: dict[int, list[tuple[str, object]]] = {}
    for note in ExceptionNote.objects.filter(packet__in=ids).order_by("pk"):
        notes.setdefault(note.packet_id, []).append((note.by, _digest_of(note.text)))
    message = "runbooks.exception_packet {}: the handling of {} is not what its events say."
    return {
        row.pk: message.format(row.pk, row.ref)
        for row in rows
        if not _agrees(row, notes.get(row.pk, []), events.get((row.workspace_id, row.ref), []))
    }


def _agrees(row: ExceptionPacket, notes: Sequence[tuple[str, object]], events: Sequence[SubjectEvent]) -> bool:
    expected = _Handled()
    for one in events:
        expected = expected.then(one)
    is_resolved = expected.handling is Handling.RESOLVED
    noted = _fits(_digest_of(row.note), expected.note) if is_resolved else not row.note
    return (
        row.handling == expected.handling
        and noted
        and len(expected.notes) == len(notes)
        and all(
            by == who and _fits(found, said) for (by, found), (who, said) in zip(notes, expected.notes, strict=True)
        )
        and (row.taken_by, row.resolved_by) == (expected.has_it, expected.resolved_by)
        and (row.outcome or "") == expected.outcome
        and _is_at(expected.late_at, row.overdue_at)
        and _is_at(expected.since, row.taken_at)
        and _is_at(expected.resolved_at, row.resolved_at)
    )


def _digest_of(text: str) -> str | None:
    """None for what was forgotten: nobody can compare it any more, and its ciphertext is sealed as it was."""
    return None if is_forgotten(text) else digest_bytes(text.encode())


def _fits(found: object, said: object) -> bool:
    return found is None or found == said


def _is_at(expected: datetime | None, at: datetime | None) -> bool:
    if expected is None or at is None:
        return expected is None and at is None
    return abs(expected - at) <= SLACK
