"""Delivers a released revision, as far as possible. Any worker may do this at any time, twice or late, without harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from handrail.access.actor import Actor
from handrail.audit.events import EventName
from handrail.connectors.lane import ErrorKind, Lane, LaneFailed, LaneState, Receipt
from handrail.kernel.clock import now
from handrail.kernel.errors import HandrailError, Misconfigured, Stale
from handrail.packets import addressing, ledger, moves, parcels, settings, statements
from handrail.packets.actions import consuming, listening, unasked, watching
from handrail.packets.expiry import has_expired, withdraw_expired
from handrail.packets.ledger import DeliveryLease, DeliveryRow, NewDeliveryRow
from handrail.packets.models import Revision
from handrail.packets.position import DeliveryPosition, receipt_detail
from handrail.packets.states import RESULTS, DeliveryEventKind, RevisionState
from handrail.packets.status import DeliveryPhase, fold

log = structlog.get_logger("handrail.packets")

REASON_LIMIT = 300
# A lane may ask for a pause; no longer one than this is believed.
MOST_ASKED_SECONDS = 86_400
DOUBLINGS = 10
# The lane itself reports that it no longer has it.
GIVEN_UP = frozenset({LaneState.WITHDRAWN, LaneState.GONE})
_RESULT_OF = {
    ErrorKind.NOT_SENT: DeliveryEventKind.NOT_TAKEN,
    ErrorKind.BUSY: DeliveryEventKind.NOT_TAKEN,
    ErrorKind.REFUSED: DeliveryEventKind.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Delivery(DeliveryPosition):
    """The same, with its lane."""

    lane: Lane

    def not_to_be_sent(self, revision: Revision, rows: list[DeliveryRow]) -> bool:
        expired = has_expired(revision.assembly)
        return expired or revision.state != RevisionState.RELEASED or self.has_moved(revision, rows)

    def backoff(self, asked: float | None = None) -> datetime:
        """When to try again: later the longer nothing happened and the more was tried, within the configured bounds."""
        configured = settings.current()
        age = now() - self.status.step.at if self.status.step else timedelta()
        doubled: int = 2 ** min(self.status.attempts, DOUBLINGS)
        age = max(age, configured.retry_first * doubled)
        return now() + max(min(age, configured.retry_ceiling), timedelta(seconds=asked or 0))

    def unsettled(self) -> datetime | None:
        """When to ask again, because what was sent may still be on its way; None when it would have come by now."""
        unknown = self.status.unknown
        if unknown is None:
            return None
        settled = unknown.at + settings.current().settle * self.status.attempts  # a lane that loses packages gets time
        return min(self.backoff(), settled) if now() < settled else None


def deliver(*, revision_id: int, by: Actor, lease: datetime | None = None) -> datetime | None:
    """One attempt of a worker at a delivery: sends, asks, polls or recalls, depending on its ledger.

    ``lease``: until when this process has claimed it. Returns when it is to be looked at again, or None.
    """
    rows = Revision.objects.filter(pk=revision_id, workspace_id=by.workspace_id)
    found = (rows.filter(due_at=lease) if lease is not None else rows).values_list("due_at", flat=True)
    return _advance(DeliveryLease(revision_id, found[0]), by=by) if found else None


def _advance(lease: DeliveryLease, *, by: Actor) -> datetime | None:
    """Advances the delivery until nothing is left to do (None) or it has to wait (until when)."""
    while lease.stands:
        rows = Revision.objects.select_related("packet", "assembly", "release", "definition")
        rows = rows.filter(pk=lease.revision_id)
        revision = rows.filter(release__isnull=False).first()
        if revision is None:
            return None
        position = DeliveryPosition(revision, fold(ledger.rows_of(revision.pk)), lease, by)
        move = MOVES.get(position.status.phase)
        try:
            if watching.is_due(revision):
                watching.look(position)
                continue
            until = _attempt(position, move) if move is not None else _rest(position)
        except Stale:
            log.info("delivery taken by another worker", packet=revision.packet.ref, revision=revision.number)
            return None
        except _Failed as failed:
            if move is not None and _out_of_time(position):
                if _close(position, failed.message):
                    continue
                return None
            until = watching.sooner(revision, failed.until)
            lease.change(until, failure=failed.message[:REASON_LIMIT])
            if failed.cause is not None:
                raise failed.cause from None
            return until
        if until is not None or move is None:
            until = watching.sooner(revision, until)
            lease.change(until)
            return until
    return None


def _rest(position: DeliveryPosition) -> datetime | None:
    """Nothing is left to send, ask or take back: hears what the vendor replies, for a bounded time."""
    revision = position.revision
    if revision.state == RevisionState.RELEASED and revision.watch_at is not None and has_expired(revision.assembly):
        _withdraw_expired(position)
        return now()
    try:
        return listening.rest(position)
    except LaneFailed as error:
        raise _Failed(error.message, listening.next_at(position)) from None


@dataclass
class _Failed(Exception):
    """An attempt that came to nothing: what happened, when to make the next one, and an error of the database."""

    message: str
    until: datetime
    cause: DatabaseError | None = None


def _attempt(position: DeliveryPosition, move: Callable[[Delivery], datetime | None]) -> datetime | None:
    """One move. Raises Stale, and _Failed for everything that doesn't mean that the database is away."""
    revision = position.revision
    try:
        lane = addressing.lane_of(revision)
    except (Misconfigured, LaneFailed) as error:  # until it is configured, or the packet says what it has to
        raise _Failed(error.message, now() + settings.current().retry_ceiling) from None
    delivery = Delivery(revision, position.status, position.lease, position.by, lane)
    try:
        return unasked.instead(move, position.status.phase, lane)(delivery)
    except (Stale, OperationalError, InterfaceError):
        raise
    except LaneFailed as error:
        asked = min(error.retry_after_seconds or 0, MOST_ASKED_SECONDS)
        raise _Failed(error.message, delivery.backoff(asked)) from None
    except HandrailError as error:
        raise _Failed(error.message, delivery.backoff()) from None
    except Exception as error:
        log.exception("a delivery could not be advanced", packet=revision.packet.ref, revision=revision.number)
        message = f"Handrail failed ({type(error).__name__}); see its log."
        until = max(delivery.backoff(), now() + settings.current().retry_ceiling)
        raise _Failed(message, until, error if isinstance(error, DatabaseError) else None) from None


def _out_of_time(position: DeliveryPosition) -> bool:
    """Whether a lane that gives no usable answer was asked for long enough: since the recall, or since it expired."""
    recall = position.status.recall
    since = recall.at if recall is not None else position.revision.assembly.expires_at
    return now() > since + settings.current().give_up_after


def _close(position: DeliveryPosition, why: str) -> bool:
    """Ends what no lane answers: first it is withdrawn, then, where its recall isn't answered either, given up.

    False where another worker was first.
    """
    try:
        if position.status.recall is None:
            _withdraw_expired(position)
        else:
            _give_up_recall(position, why)
    except Stale:
        return False
    return True


def _withdraw_expired(position: DeliveryPosition) -> None:
    """Withdraws the revision. Its recall is due at once, and this process goes on with it."""
    withdraw_expired(position.revision, by=position.by)
    if position.revision.state == RevisionState.WITHDRAWN:
        position.lease.due_at = position.revision.due_at


def _give_up_recall(position: DeliveryPosition, why: str) -> None:
    with transaction.atomic():
        row = NewDeliveryRow(DeliveryEventKind.GIVEN_UP, detail={"why": why[:REASON_LIMIT]})
        position.append(row, due_at=None)
        moves.audit(
            EventName.PACKET_GIVEN_UP,
            position.revision,
            position.by,
            manifest=position.digest,
            lane_state="no-answer",
        )


def send(delivery: Delivery) -> None:
    """Commits the intent, calls the lane once, and records the result."""
    revision = delivery.revision
    if has_expired(revision.assembly):
        _withdraw_expired(delivery)
        return
    with parcels.packed(revision, ledger.rows_of(revision.pk), sent=delivery.status.sent) as parcel:
        deadline = now() + timedelta(seconds=delivery.lane.deadline_seconds) + settings.current().intent_margin
        row = NewDeliveryRow(
            DeliveryEventKind.INTENT, deadline_at=deadline, detail=parcel.detail | addressing.noted(delivery.lane)
        )
        intent = delivery.append(row, unless=delivery.not_to_be_sent, due_at=deadline)
        try:
            receipt = delivery.lane.deliver(parcel.file, delivery.digest)
        except LaneFailed as error:
            _not_delivered(delivery, intent, error)
            return
    _delivered(delivery, intent, receipt)


def in_flight(delivery: Delivery) -> datetime | None:
    """Another worker's call: until its deadline it may be in progress; after it the outcome is unknown."""
    intent = delivery.status.intent
    assert intent is not None and intent.deadline_at is not None  # noqa: PT018
    if now() < intent.deadline_at:
        return intent.deadline_at
    _result(
        delivery,
        intent,
        NewDeliveryRow(DeliveryEventKind.UNKNOWN, intent.sequence, detail={"why": "its worker is gone"}),
        now(),
    )
    return None


def ask(delivery: Delivery) -> datetime | None:
    """An answer was lost: asks the lane whether it has the package. Nothing is sent."""
    receipt = delivery.lane.status(delivery.digest)
    if receipt.state is LaneState.ABSENT:
        again = delivery.unsettled()
        if again is None:
            delivery.append(NewDeliveryRow(DeliveryEventKind.ABSENT), due_at=now())
        return again
    if receipt.state in GIVEN_UP:
        _give_up(delivery, receipt)
        return None
    with transaction.atomic():
        due = now() + settings.current().poll_every
        delivery.append(NewDeliveryRow(DeliveryEventKind.RECEIPT, detail=receipt_detail(receipt)), due_at=due)
        moves.audit(EventName.PACKET_DELIVERED, delivery.revision, delivery.by, manifest=delivery.digest, asked=True)
    return None


def poll(delivery: Delivery) -> datetime | None:
    """Asks whether the receiver has consumed it, once more before it expires, and hears what it replied."""
    receipt, assembly = delivery.lane.status(delivery.digest), delivery.revision.assembly
    if receipt.state is LaneState.CONSUMED:
        consuming.record(delivery, receipt_detail(receipt))
    elif has_expired(assembly):
        _withdraw_expired(delivery)
    elif receipt.state in GIVEN_UP or _missing_for_good(delivery, receipt):
        _give_up(delivery, receipt)
    else:
        until = min(now() + settings.current().poll_every, assembly.expires_at)
        if _note(delivery, receipt, due_at=until) or not listening.hear(delivery, delivery.lane):
            return until
    return None


def recall(delivery: Delivery) -> datetime | None:
    """Withdraws what has not been consumed; what has gets a notice.

    The lane is asked even where it refused or was busy: only what was certainly never sent can't be there.
    """
    if not delivery.status.sent:
        delivery.append(NewDeliveryRow(DeliveryEventKind.NEVER_DELIVERED), due_at=None)
        return None
    assert delivery.status.recall is not None
    if delivery.status.statement is None and (row := statements.signed(delivery)) is not None:
        delivery.append(row, due_at=now())
        return None
    reason = str(delivery.status.recall.detail.get("reason", ""))[:REASON_LIMIT]
    receipt = delivery.lane.withdraw(delivery.digest, reason)
    if receipt.state is LaneState.DELIVERED:
        return delivery.backoff()
    if receipt.state is LaneState.ABSENT and (again := delivery.unsettled()) is not None:
        return again
    ending = DeliveryEventKind.NOTICED if receipt.state is LaneState.CONSUMED else _ending(delivery, receipt)
    left = {} if ending is DeliveryEventKind.NEVER_DELIVERED else statements.leave(delivery, delivery.lane)
    if receipt.state is LaneState.CONSUMED:
        consuming.record(delivery, receipt_detail(receipt), left)
    else:
        delivery.append(NewDeliveryRow(ending, detail=receipt_detail(receipt) | left), due_at=now())
    return None


MOVES: Mapping[DeliveryPhase, Callable[[Delivery], datetime | None]] = {
    DeliveryPhase.SEND: send,
    DeliveryPhase.IN_FLIGHT: in_flight,
    DeliveryPhase.ASK: ask,
    DeliveryPhase.POLL: poll,
    DeliveryPhase.RECALL: recall,
}


def _delivered(delivery: Delivery, intent: DeliveryRow, receipt: Receipt) -> None:
    if receipt.state not in (LaneState.DELIVERED, LaneState.CONSUMED):
        detail = {"why": f"the lane reports {receipt.state}"}
        _result(delivery, intent, NewDeliveryRow(DeliveryEventKind.REFUSED, intent.sequence, detail=detail), None)
        return
    with transaction.atomic():
        row = NewDeliveryRow(DeliveryEventKind.RECEIPT, intent.sequence, detail=receipt_detail(receipt))
        _result(delivery, intent, row, now() + settings.current().poll_every)
        moves.audit(EventName.PACKET_DELIVERED, delivery.revision, delivery.by, manifest=delivery.digest)


def _not_delivered(delivery: Delivery, intent: DeliveryRow, error: LaneFailed) -> None:
    kind = _RESULT_OF.get(error.kind, DeliveryEventKind.UNKNOWN)
    with transaction.atomic():
        row = NewDeliveryRow(
            kind,
            intent.sequence,
            detail={"why": error.message, "trouble": error.kind} | ({"said": error.body} if error.body else {}),
        )
        _result(delivery, intent, row, None if kind is DeliveryEventKind.REFUSED else now())
        if kind is DeliveryEventKind.REFUSED:
            moves.audit(EventName.PACKET_DELIVERY_REFUSED, delivery.revision, delivery.by, manifest=delivery.digest)
    if kind is DeliveryEventKind.NOT_TAKEN:
        raise error


def _missing_for_good(delivery: Delivery, receipt: Receipt) -> bool:
    """A lane may report for a moment that it has nothing; it gave the package up if it keeps reporting so."""
    last = delivery.status.step
    missing = (
        last is not None and last.kind is DeliveryEventKind.ABSENT and now() >= last.at + settings.current().settle
    )
    return missing and receipt.state is LaneState.ABSENT


def _note(delivery: Delivery, receipt: Receipt, *, due_at: datetime) -> bool:
    """Records when the lane first reports that it has nothing, and when it has the package again: whether it did."""
    last = delivery.status.step
    missed = last is not None and last.kind is DeliveryEventKind.ABSENT
    if missed is not (receipt.state is LaneState.ABSENT):
        row = NewDeliveryRow(
            DeliveryEventKind.RECEIPT if missed else DeliveryEventKind.ABSENT, detail=receipt_detail(receipt)
        )
        delivery.append(row, due_at=due_at)
        return True
    return False


def _give_up(delivery: Delivery, receipt: Receipt) -> None:
    with transaction.atomic():
        delivery.append(NewDeliveryRow(DeliveryEventKind.GIVEN_UP, detail=receipt_detail(receipt)), due_at=None)
        state = receipt.state
        moves.audit(
            EventName.PACKET_GIVEN_UP, delivery.revision, delivery.by, manifest=delivery.digest, lane_state=state
        )


def _ending(delivery: Delivery, receipt: Receipt) -> DeliveryEventKind:
    """How a recall ends that found nothing to open."""
    nothing = not (delivery.status.receipt or receipt.reference or receipt.package_digest)
    if nothing and receipt.state is not LaneState.GONE:
        return DeliveryEventKind.NEVER_DELIVERED
    return DeliveryEventKind.WITHDRAWN if receipt.state is LaneState.WITHDRAWN else DeliveryEventKind.GIVEN_UP


def _result(delivery: Delivery, intent: DeliveryRow, row: NewDeliveryRow, due_at: datetime | None) -> None:
    """The one result of an intent. Raises Stale when it has one."""

    def answered(_: Revision, rows: list[DeliveryRow]) -> bool:
        return any(known.kind in RESULTS and known.intent == intent.sequence for known in rows)

    delivery.append(row, unless=answered, due_at=due_at)
