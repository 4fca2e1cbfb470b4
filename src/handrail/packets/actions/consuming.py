"""Records that the vendor has opened a package, by the lane's word or by a signed reply."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.packets import moves
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.models import Revision
from handrail.packets.position import DeliveryPosition
from handrail.packets.states import DeliveryEventKind, RevisionReason, RevisionState


def record(position: DeliveryPosition, receipt: Mapping[str, str], left: Mapping[str, str] | None = None) -> None:
    """Records that the receiver opened it, and the notice if it was recalled meanwhile; ``left``: the statement.

    What was opened only after a change of its sources had superseded it was consumed while stale.
    """
    known, revision = position.status.consumed, position.revision
    recalled = position.status.recall is not None
    stale = recalled and revision.ended_cause == RevisionReason.DRIFT
    detail = {**receipt, **({"stale": True} if stale else {})}
    rows = [] if known else [NewDeliveryRow(DeliveryEventKind.CONSUMED, detail=detail)]
    if recalled:
        rows.append(NewDeliveryRow(DeliveryEventKind.NOTICED, detail={**receipt, **(left or {})}))
    with transaction.atomic():
        moves.lock(revision.packet_id)
        revision.refresh_from_db(fields=["state"])
        position.append(*rows, due_at=now())
        if known:
            return
        if recalled:
            Revision.objects.filter(pk=revision.pk, consumed_at=None).update(consumed_at=now())
            moves.audit(EventName.PACKET_CONSUMED, revision, position.by, manifest=position.digest)
        else:
            mark(position)
        if stale:
            moves.audit(EventName.PACKET_CONSUMED_STALE, revision, position.by, manifest=position.digest)


def mark(position: DeliveryPosition) -> None:
    """The released revision is consumed. Where its sources are watched, one more reading shows whether it was stale."""
    revision, at = position.revision, now()
    watch = at if revision.watch_at is not None else None
    moves.move(revision, RevisionState.CONSUMED, consumed_at=at, watch_at=watch, due_at=position.lease.due_at)
    moves.audit(EventName.PACKET_CONSUMED, revision, position.by, manifest=position.digest)
