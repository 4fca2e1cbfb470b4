"""Recalling what was released, consumed or not; and the signed recalls for those who verify packages."""

from __future__ import annotations

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.refusals import reason_of, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.active import compiled_profile
from handrail.kernel.errors import Fault, Invalid, NotFound
from handrail.packets import moves, permissions
from handrail.packets.findings import TextTerms, look
from handrail.packets.models import DeliveryEntry, Packet
from handrail.packets.moves import RecallTerms
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.rows import get_revision_row
from handrail.packets.states import DeliveryEventKind, RevisionReason, RevisionState

# What a person may give as the class of reason; the others follow from what Handrail did.
REASONS = (
    RecallReason.WRONG_RECIPIENT,
    RecallReason.WRONG_CONTENT,
    RecallReason.SENT_BY_MISTAKE,
    RecallReason.WITHDRAWN,
)


@transaction.atomic
def recall(*, ref: str, revision: int, cause: str, asks: str, reason: str, by: Actor) -> RecallTerms:
    """Takes back what was released, also where the vendor has opened it: a signed statement goes into the lane.

    The person's words leave with it only where the profile lets them. Raises NotFound, Denied, Invalid without a
    reason, or where words that would leave hold what may not; Conflict, see ``why_not_recall``; Stale.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_WITHDRAW)
    said = reason_of(reason)
    if cause not in REASONS:
        raise Invalid("Name a reason for the recall.", faults=[Fault("cause", f"one of: {', '.join(REASONS)}")])
    if asks not in list(RecallRequest):
        raise Invalid("Say what is asked.", faults=[Fault("asks", f"one of: {', '.join(RecallRequest)}")])
    leaves = compiled_profile(row.definition).spec.recall.words
    if leaves and look(said, TextTerms()):
        fault = Fault("reason", "these words leave: take out secrets, personal data and internal hosts")
        raise Invalid("What you wrote can't leave with the recall.", faults=[fault])
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    refuse(permissions.why_not_recall(by, row))
    terms = RecallTerms(RecallReason(cause), RecallRequest(asks), said if leaves else "", said)
    if row.state == RevisionState.RELEASED:
        moves.end(row, RevisionState.WITHDRAWN, RevisionReason.RECALLED, by=by, reason=said, terms=terms)
    else:
        moves.recall(row, by, f"Revision {row.number} is recalled: {cause}.", terms)
    moves.audit(EventName.PACKET_RECALL_REQUESTED, row, by, cause=cause, asks=asks)
    return terms


@transaction.atomic
def export(*, lane: str, by: Actor) -> bytes:
    """Every signed recall of what went into this lane, in the actor's scope: one envelope a line, the oldest first.

    For ``handrail intake verify --recalls``. Raises Denied, NotFound where no packet was made for such a lane.
    """
    by.require(Capability.PACKET_RELEASE)
    if not scoped(by, Packet.objects.filter(lane=lane)).exists():
        raise NotFound(f"No packet that you see was made for a lane {lane}.")
    rows = scoped(by, DeliveryEntry.objects.filter(kind=DeliveryEventKind.RECALL_SIGNED, revision__packet__lane=lane))
    details = rows.order_by("pk").values_list("detail", flat=True)
    envelopes = [str(one["envelope"]) for one in details if "envelope" in one]  # the rest is forgotten
    record(
        EventName.PACKET_RECALLS_EXPORTED,
        by=by,
        workspace_id=by.workspace_id,
        tenant_id=None,
        subject_kind="lane",
        subject=lane,
        count=len(envelopes),
    )
    return "".join(f"{one}\n" for one in envelopes).encode()
