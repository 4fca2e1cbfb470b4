"""Hears what the vendor replies to a delivery: what is believed is acted on once, what is not is recorded."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from django.db import transaction

from handrail.audit.events import EventName
from handrail.connectors import lane as lanes
from handrail.connectors.lane import Lane, LaneState, Receipt
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.packets import addressing, belief, ledger, moves, replies, settings
from handrail.packets.actions import consuming
from handrail.packets.belief import JudgedReply, ReplyTerms
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.position import DeliveryPosition, receipt_detail
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.reply import ReplyKind, VendorReply
from handrail.packets.states import REVISION, DeliveryEventKind, DeliveryState, RevisionReason, RevisionState

# Of one delivery no more are recorded: what signs nothing must not fill the ledger.
MOST_REFUSED, MOST_BELIEVED = 50, 50
# It may have reached the vendor.
_HEARD_IN = frozenset({DeliveryState.CONSUMED, DeliveryState.WITHDRAWN, DeliveryState.NOTICED, DeliveryState.GIVEN_UP})


def rest(position: DeliveryPosition) -> datetime | None:
    """Hears the vendor after everything else has ended; when to hear again, None when that is over. Raises
    LaneFailed."""
    if is_over(position):
        return None
    try:
        lane = addressing.lane_of(position.revision)
    except Misconfigured:
        return None
    return now() if hear(position, lane) else next_at(position)


def is_over(position: DeliveryPosition) -> bool:
    """Nothing more is expected: no keys, the vendor deleted it, or nothing has moved for long enough."""
    step, state = position.status.step, position.status.state
    if ring(position.revision.packet.lane) is None or step is None or state not in _HEARD_IN:
        return True
    if now() > step.at + settings.current().give_up_after:
        return True
    found = replies.believed(ledger.rows_of(position.revision.pk))
    return bool(found) and found[-1].kind is ReplyKind.DELETED


def next_at(position: DeliveryPosition) -> datetime:
    """Later the longer nothing happened, within the configured bounds."""
    configured, step = settings.current(), position.status.step
    age = now() - step.at if step is not None else configured.poll_every
    return now() + min(max(age, configured.poll_every), max(configured.retry_ceiling, configured.poll_every))


def hear(position: DeliveryPosition, lane: Lane) -> bool:
    """Records what the vendor has replied since; whether there was anything. Raises LaneFailed, Stale."""
    keys = ring(lane.name)
    if keys is None:
        return False
    revision = position.revision
    rows = ledger.rows_of(revision.pk)
    believed = replies.believed(rows)
    over = revision.state in (REVISION.terminal - {RevisionState.CONSUMED}) or position.status.recall is not None
    terms = ReplyTerms(keys, lane.name, position.digest, revision.release.at, now(), over)
    heard = list(belief.judge(lane.replies(position.digest), believed, terms))
    if _refuse(position, heard, rows):
        return True
    found = next((one for one in heard if one.reply is not None), None)
    if found is None or found.reply is None or len(believed) >= MOST_BELIEVED:
        return False
    _believe(position, found, found.reply)
    return True


def _refuse(position: DeliveryPosition, heard: list[JudgedReply], rows: list[ledger.DeliveryRow]) -> bool:
    """Each is recorded once for each reason that it is not believed for."""
    known = [row.detail for row in rows if row.kind is DeliveryEventKind.REPLY_REFUSED]
    seen = {(one["digest"], one["why"]) for one in known}
    new = [one for one in heard if one.why is not None and (one.digest, one.why) not in seen]
    kept = new[: max(MOST_REFUSED - len(known), 0)]
    if not kept:
        return False
    with transaction.atomic():
        made = [
            NewDeliveryRow(
                DeliveryEventKind.REPLY_REFUSED,
                detail={"why": one.why, "digest": one.digest, "bytes": len(one.envelope), "key": one.key_id},
            )
            for one in kept
        ]
        position.append(*made, due_at=now())
        causes = ", ".join(sorted({str(one.why) for one in kept}))
        moves.audit(EventName.PACKET_REPLY_REFUSED, position.revision, position.by, why=causes, count=len(kept))
    return True


def _believe(position: DeliveryPosition, heard: JudgedReply, found: VendorReply) -> None:
    """The reply and what follows from it, in one transaction."""
    revision = position.revision
    rows = [NewDeliveryRow(DeliveryEventKind.REPLY, detail=replies.detail(heard, found))]
    with transaction.atomic():
        moves.lock(revision.packet_id)
        revision.refresh_from_db(fields=["state"])
        released = revision.state == RevisionState.RELEASED
        consumes = found.kind is ReplyKind.CONSUMED and released and position.status.consumed is None
        if consumes:
            said = receipt_detail(Receipt(LaneState.CONSUMED)) | {"reply": heard.digest}
            rows.append(NewDeliveryRow(DeliveryEventKind.CONSUMED, detail=said))
        position.append(*rows, due_at=now())
        opened = found.kind is ReplyKind.CONSUMED and (consumes or position.status.consumed is not None)
        context = {"known": True} if opened else {}  # people hear by another event that it was consumed
        moves.audit(EventName.PACKET_REPLIED, revision, position.by, reply=found.kind, number=found.number, **context)
        if consumes:
            consuming.mark(position)
        elif found.kind is ReplyKind.REJECTED and released:
            why = "; ".join(one.message for one in found.reasons)
            moves.end(
                revision, RevisionState.REJECTED, RevisionReason.VENDOR, by=position.by, reason=replies.shortened(why)
            )


def ring(lane: str) -> KeyRing | None:
    """The keys that the lane's receiver signs with; None where there are none, or the file holds no key."""
    pem = lanes.reply_keys(lane)
    return _parsed(pem) if pem else None


@lru_cache(maxsize=32)
def _parsed(pem: str) -> KeyRing | None:
    try:
        return KeyRing.from_pem(pem)
    except Invalid:
        return None
