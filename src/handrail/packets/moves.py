"""Beginning, moving and ending revisions. Everything that decides about a packet first takes the packet's lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access.actor import Actor
from handrail.access.fields import sealed_value
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.active import compiled_profile
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Stale
from handrail.packets import leases, ledger
from handrail.packets.forgotten import is_forgotten, refuse_forgotten
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.models import Packet, Revision
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.states import CURRENT, REVISION, DeliveryEventKind, RevisionReason, RevisionState
from handrail.packets.status import fold
from handrail.work.wake import wake

_DELIVERED_FROM = (RevisionState.RELEASED, RevisionState.CONSUMED)
_ENDED_EVENTS = {
    RevisionReason.REJECTED: EventName.PACKET_REJECTED,
    RevisionReason.WITHDRAWN: EventName.PACKET_WITHDRAWN,
    RevisionReason.EXPIRED: EventName.PACKET_EXPIRED,
    RevisionReason.DISCARDED: EventName.PACKET_DISCARDED,
    RevisionReason.RECALLED: EventName.PACKET_WITHDRAWN,
    RevisionReason.VENDOR: EventName.PACKET_REJECTED,
}


@dataclass(frozen=True, slots=True)
class RecallTerms:
    """What a recall says to the vendor: ``words`` are the person's, where they may leave. ``said`` stays inside."""

    reason: RecallReason
    asks: RecallRequest = RecallRequest.DISREGARD
    words: str = ""
    said: str = ""


_REPLACED = RecallTerms(RecallReason.SUPERSEDED)
_TAKEN_BACK = RecallTerms(RecallReason.WITHDRAWN)
# By why a revision ended, or why the next one is made.
RECALLS: Mapping[RevisionReason, RecallTerms] = {
    **dict.fromkeys(RevisionReason, _REPLACED),
    RevisionReason.REJECTED: _TAKEN_BACK,
    RevisionReason.VENDOR: _TAKEN_BACK,
    RevisionReason.WITHDRAWN: _TAKEN_BACK,
    RevisionReason.RECALLED: _TAKEN_BACK,
    RevisionReason.EXPIRED: RecallTerms(RecallReason.EXPIRED),
}


@dataclass(frozen=True, slots=True)
class Assembler:
    """Who counts as the assembler of a revision: a person, or a process (without ``user_id``)."""

    name: str
    user_id: int | None

    @classmethod
    def of(cls, actor: Actor) -> Assembler:
        return cls(actor.name, actor.user_id)

    @classmethod
    def before(cls, revision: Revision) -> Assembler:
        """The assembler of ``revision``: drift and clearances change the bytes, not whose case it is."""
        return cls(revision.assembled_by, revision.assembled_by_user)


def lock(packet_id: int) -> Packet:
    """The packet, held until the caller's transaction ends: decisions about one packet follow each other."""
    return Packet.objects.select_for_update().get(pk=packet_id)


def current(packet: Packet) -> Revision | None:
    """The revision that is not over, if there is one. Ask under the lock to decide by it."""
    return Revision.objects.filter(packet=packet, state__in=CURRENT).select_related("definition").first()


def newest(packet: Packet) -> Revision | None:
    return Revision.objects.filter(packet=packet).order_by("-number").first()


def is_discarded(last: Revision) -> bool:
    """Whether a packet was discarded, by its newest revision: none follows that one."""
    return last.ended_cause == RevisionReason.DISCARDED


def is_replaceable(packet: Packet, last: Revision) -> bool:
    """Whether its case may be asked for as a packet of its own: nothing follows what was discarded or forgotten."""
    return is_discarded(last) or is_forgotten(packet.inputs)


def _refuse_discarded(packet: Packet, last: Revision | None) -> None:
    refuse_forgotten(packet.inputs)
    if last is not None and is_discarded(last):
        raise Conflict(f"{packet.ref} was discarded. Assemble the case again.", code="discarded")


def begin(
    packet: Packet,
    definition: Definition,
    cause: RevisionReason,
    *,
    assembler: Assembler,
    by: Actor,
    detail: list[Any] | None = None,
) -> Revision:
    """Supersedes the revision that stands and makes the next one, to be assembled by a worker. Needs the lock.

    A consumed revision stays consumed, and the lane gets a notice. Raises Conflict ``lane-changed`` where
    ``definition`` names another lane than the packet was made for: what was decided for one vendor reaches no other;
    and ``discarded``.
    """
    lane = compiled_profile(definition).lane
    if lane != packet.lane:
        raise Conflict(
            f"{packet.ref} was made for the lane {packet.lane}, and its profile now names {lane}. "
            "Withdraw it, then assemble the case: that makes a packet for the new lane.",
            code="lane-changed",
        )
    standing = current(packet)
    last = newest(packet)
    _refuse_discarded(packet, last)
    if standing is not None:
        end(standing, RevisionState.SUPERSEDED, cause, by=by)
    elif last is not None and last.state == RevisionState.CONSUMED:
        recall(last, by, f"Revision {last.number + 1} is being made: {cause}.", RECALLS[cause])
    at = now()
    revision = Revision.objects.create(
        packet=packet,
        workspace_id=packet.workspace_id,
        tenant_id=packet.tenant_id,
        number=last.number + 1 if last else 1,
        definition=definition,
        profile_digest=definition.digest,
        supersedes=last,
        cause=cause,
        cause_detail=detail or [],
        assembled_by=assembler.name,
        assembled_by_user=assembler.user_id,
        created_at=at,
        state=REVISION.initial,
        updated_at=at,
        due_at=at,
    )
    audit(EventName.PACKET_REQUESTED, revision, by, cause=cause, definition=definition.digest)
    wake(leases.REVISIONS.name)
    return revision


def move(
    revision: Revision, after: RevisionState, *, due_at: datetime | None = None, **times: datetime | str | None
) -> None:
    """One allowed transition, as a conditional UPDATE. Raises Stale when somebody else was faster."""
    before = RevisionState(revision.state)
    if not REVISION.allows(before, after):
        raise Stale
    at = now()
    rows = Revision.objects.filter(pk=revision.pk, state=before)
    if "ended_reason" in times:
        times["ended_reason"] = sealed_value(revision, "ended_reason", times["ended_reason"])
    if not rows.update(state=after, updated_at=at, due_at=due_at, failure="", **times):
        raise Stale
    revision.state, revision.updated_at, revision.due_at = after, at, due_at
    for name, value in times.items():
        setattr(revision, name, value)


def end(
    revision: Revision,
    state: RevisionState,
    cause: RevisionReason,
    *,
    by: Actor,
    reason: str = "",
    terms: RecallTerms | None = None,
) -> None:
    """Supersedes, rejects or withdraws a revision; its votes are void with it. Needs the lock. Raises Stale.

    What was released is taken back from the lane, or gets a notice there if it was consumed meanwhile; ``terms``: what
    the signed recall says, by default what follows from the cause.
    """
    before = RevisionState(revision.state)
    move(
        revision,
        state,
        ended_at=now(),
        ended_from=before,
        ended_cause=cause,
        ended_by=by.name,
        ended_reason=reason,
        watch_at=None,
    )
    audit(_ENDED_EVENTS.get(cause, EventName.PACKET_SUPERSEDED), revision, by, was=before, cause=cause)
    if before in _DELIVERED_FROM:
        recall(revision, by, f"Revision {revision.number} is no longer current: {cause}.", terms or RECALLS[cause])


def recall(revision: Revision, by: Actor, reason: str, terms: RecallTerms) -> None:
    """Has the lane notified, once, with a signed statement of these terms. Needs the lock."""
    if fold(ledger.rows_of(revision.pk)).recall is not None:
        return
    detail = {"reason": reason, "class": terms.reason, "asks": terms.asks, "words": terms.words}
    detail |= {"said": terms.said} if terms.said else {}
    ledger.append(revision, NewDeliveryRow(DeliveryEventKind.RECALL, detail=detail), worker=by.name)
    # Over whatever stands: a worker that is at the delivery loses its lease by this, and writes no other time over it.
    revision.due_at = now()
    Revision.objects.filter(pk=revision.pk).update(due_at=revision.due_at)
    audit(EventName.PACKET_RECALLED, revision, by)
    wake(leases.REVISIONS.name)


def audit(event: EventName, revision: Revision, by: Actor, **context: Any) -> None:
    record(
        event,
        by=by,
        workspace_id=revision.workspace_id,
        tenant_id=revision.tenant_id,
        subject_kind="packet",
        subject=revision.packet.ref,
        revision=revision.number,
        **context,
    )
