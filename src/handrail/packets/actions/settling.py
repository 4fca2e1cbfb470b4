"""Ticks off what the vendor minded: a person says what was done about it, and may name the annex that shows it."""

from __future__ import annotations

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of
from handrail.audit.events import EventName
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound
from handrail.packets import ledger, moves, replies
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.models import AnnexRow, Revision
from handrail.packets.replies import ReasonView
from handrail.packets.rows import get_revision_row
from handrail.packets.states import DeliveryEventKind


@transaction.atomic
def settle(*, ref: str, revision: int, key: str, reason: str, by: Actor, evidence: str = "") -> tuple[ReasonView, ...]:
    """Ticks one reason of the vendor on the checklist of ``revision``. Nothing waits for it; those who sign see it.

    ``evidence``: the name of a cleared annex of that revision. Returns the checklist. Raises NotFound, Denied, Invalid
    without words or for an annex that doesn't leave, Conflict where it is settled.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_CLEAR_HOLD)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    found = next((one for one in replies.checklist(row) if one.key == key), None)
    if found is None:
        raise NotFound(f"Revision {row.number} has no such reason of the vendor.")
    if found.settled_by:
        raise Conflict(f"{found.settled_by} has settled this already.", code="settled")
    cleared = AnnexRow.objects.filter(revision=row, cleared_digest__isnull=False, name=evidence)
    if evidence and not cleared.exists():
        fault = Fault("evidence", "the name of an annex that leaves with this revision")
        raise Invalid("This annex is not evidence.", faults=[fault])
    rejected = Revision.objects.get(packet_id=row.packet_id, number=found.revision)
    detail = {
        "reason": key,
        "by": by.name,
        "user_id": by.user_id,
        "note": said,
        "evidence": evidence,
        "revision": row.number,
    }
    ledger.append(rejected, NewDeliveryRow(DeliveryEventKind.SETTLED, detail=detail), worker=by.name)
    moves.audit(EventName.PACKET_REASON_SETTLED, row, by, reason=key, code=found.code)
    return replies.checklist(row)
