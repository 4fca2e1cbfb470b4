"""What is done on a lane that can't be asked, or can't take back: a person decides, or the time does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import transaction

from handrail.audit.events import EventName
from handrail.connectors.lane import Ability, Lane
from handrail.kernel.clock import now
from handrail.packets import moves, statements
from handrail.packets.expiry import has_expired, withdraw_expired
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.position import DeliveryPosition
from handrail.packets.states import DeliveryEventKind, RevisionState
from handrail.packets.status import DeliveryPhase

D = TypeVar("D", bound=DeliveryPosition)
NOT_TAKEN_BACK = "The lane can't take a package back. Tell the vendor not to use it."


def instead(move: Callable[[D], datetime | None], phase: DeliveryPhase, lane: Lane) -> Callable[[D], datetime | None]:
    """``move``, or what stands in for it where the lane lacks the ability."""
    if phase in (DeliveryPhase.ASK, DeliveryPhase.POLL) and Ability.ASK not in lane.abilities:
        return _wait
    if phase is DeliveryPhase.RECALL and Ability.WITHDRAW not in lane.abilities:
        return _unanswerable(move)
    return move


def _wait(position: DeliveryPosition) -> datetime | None:
    """Until a person says whether it arrived, or it expires. Nothing is sent, and nobody is asked."""
    if not has_expired(position.revision.assembly):
        expires_at: datetime = position.revision.assembly.expires_at
        return expires_at
    withdraw_expired(position.revision, by=position.by)
    if position.revision.state == RevisionState.WITHDRAWN:
        position.lease.due_at = position.revision.due_at
    return None


def _unanswerable(move: Callable[[D], datetime | None]) -> Callable[[D], datetime | None]:
    def end(position: D) -> datetime | None:
        if not position.status.sent:
            return move(position)
        if position.status.statement is None and (row := statements.signed(position)) is not None:
            position.append(row, due_at=now())  # for the vendor, by whatever way people have
            return None
        with transaction.atomic():
            position.append(NewDeliveryRow(DeliveryEventKind.GIVEN_UP, detail={"why": NOT_TAKEN_BACK}), due_at=None)
            revision, by = position.revision, position.by
            moves.audit(EventName.PACKET_GIVEN_UP, revision, by, manifest=position.digest, lane_state="not-asked")
        return None

    return end
