"""The four columns that a finalization writes, and the sealed event that says what they were."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from handrail.audit.events import EventName
from handrail.audit.queries import SubjectEvent, events_about
from handrail.kernel.canonical import digest
from handrail.support.models import SupportRequest

FIELDS = (
    "external_handoff_mode",
    "external_ticket_reference",
    "external_ticket_url",
    "external_handoff_failure_summary",
)
EVENTS = (
    EventName.SUPPORT_REQUEST_CREATED,
    EventName.SUPPORT_REQUEST_TICKET_LINKED,
    EventName.SUPPORT_REQUEST_TICKET_CREATED,
    EventName.SUPPORT_REQUEST_HANDOFF_FAILED,
)


def digest_of(request: SupportRequest) -> str:
    """The digest of the four columns, which stands in each event about the request."""
    return digest([getattr(request, name) for name in FIELDS])


def contradictions(ids: Collection[int]) -> Mapping[int, str]:
    """The requests whose handoff is not what their last event says: see ``audit.sources.Check``.

    Events of before 2026-11-27 have no digest; mode, reference and whether there was a failure are compared then. A row
    without events did not come in through Handrail and is not compared: none can have been taken from it unseen.
    """
    rows = list(SupportRequest.objects.filter(pk__in=ids))
    events = events_about("support_request", [row.ref for row in rows], EVENTS)
    found = {}
    for row in rows:
        about = events.get((row.workspace_id, row.ref))
        if about and not _agrees(row, about[-1]):
            found[row.pk] = f"support.request {row.pk}: the handoff of {row.ref} is not what its last event says."
    return found


def _agrees(row: SupportRequest, last: SubjectEvent) -> bool:
    stated = last.context.get("finalization")
    if stated is not None:
        return bool(stated == digest_of(row))
    failed = last.event == EventName.SUPPORT_REQUEST_HANDOFF_FAILED
    return (
        row.external_handoff_mode == last.context.get("mode")
        and row.external_ticket_reference == last.context.get("external_reference")
        and (row.external_handoff_failure_summary is not None) == failed
    )
