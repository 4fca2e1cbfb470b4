"""What was decided about a definition, and the sealed events that say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from handrail.audit.events import EventName
from handrail.audit.queries import SubjectEvent, events_about
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionState
from handrail.kernel.canonical import digest

STATES = {
    EventName.DEFINITION_PROPOSED: DefinitionState.PROPOSED,
    EventName.DEFINITION_APPROVED: DefinitionState.ACTIVE,
    EventName.DEFINITION_REJECTED: DefinitionState.REJECTED,
    EventName.DEFINITION_DEPRECATED: DefinitionState.DEPRECATED,
    EventName.DEFINITION_RETURN_REQUESTED: DefinitionState.DEPRECATED,
    EventName.DEFINITION_RETURNED: DefinitionState.ACTIVE,
}
# Between a decision's own time and that of its event, in one transaction.
SLACK = timedelta(minutes=1)


def subject_of(row: Definition) -> str:
    """What events about it call a definition."""
    return f"{row.kind}/{row.name}/{row.version}"


def digest_of(row: Definition) -> str:
    """The digest of all that decisions write, which stands in each event of one."""
    times = [at.isoformat() if at else None for at in (row.decided_at, row.deprecated_at)]
    decided: list[str | None] = [str(row.state), row.decided_by, row.deprecated_by, row.reason, *times]
    if row.return_requested_by is not None:
        times = [at.isoformat() if at else None for at in (row.return_requested_at, row.returned_at)]
        decided += [row.return_requested_by, row.returned_by, row.return_reason, *times]
    return digest(decided)


def contradictions(ids: Collection[int]) -> Mapping[int, str]:
    """The definitions whose state or decisions are not what their events say: see ``audit.sources.Check``.

    Events of before 2026-11-27 have no digest of the decision; state, persons and times are compared then. A row that
    was never proposed through Handrail is not compared: no event can have been taken from it unseen.
    """
    rows = list(Definition.objects.filter(pk__in=ids))
    events = events_about("definition", [subject_of(row) for row in rows], list(STATES))
    found = {}
    for row in rows:
        about = events.get((row.workspace_id, subject_of(row)), [])
        known = any(event.event == EventName.DEFINITION_PROPOSED for event in about)
        if known and (what := _differs(row, about)):
            found[row.pk] = f"definitions.definition {row.pk}: {what} of {subject_of(row)} is not what its events say."
    return found


def _differs(row: Definition, events: Sequence[SubjectEvent]) -> str | None:
    last = {event.event: event for event in events}
    if row.state != STATES[EventName(events[-1].event)]:
        return "the state"
    decided = last.get(EventName.DEFINITION_APPROVED) or last.get(EventName.DEFINITION_REJECTED)
    if not _is_of(decided, row.decided_by, row.decided_at):
        return "the decision"
    if not _is_of(last.get(EventName.DEFINITION_DEPRECATED), row.deprecated_by, row.deprecated_at):
        return "the deprecation"
    since = {event.event: event for event in events[_deprecation(events) :]}
    if not _is_of(since.get(EventName.DEFINITION_RETURN_REQUESTED), row.return_requested_by, row.return_requested_at):
        return "the request for its return"
    if not _is_of(since.get(EventName.DEFINITION_RETURNED), row.returned_by, row.returned_at):
        return "the return"
    stated = events[-1].context.get("decision")
    return "the decision" if stated is not None and stated != digest_of(row) else None


def _deprecation(events: Sequence[SubjectEvent]) -> int:
    """Where the last deprecation stands, with which every earlier way back ends."""
    found = [place for place, event in enumerate(events) if event.event == EventName.DEFINITION_DEPRECATED]
    return found[-1] if found else 0


def _is_of(event: SubjectEvent | None, by: str | None, at: datetime | None) -> bool:
    if event is None or at is None:
        return event is None and by is None and at is None
    return event.actor == by and abs(event.at - at) <= SLACK
