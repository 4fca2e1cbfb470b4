"""What waits for one person: revisions that they may sign, and holds that are theirs to decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.snapshot import snapshot
from handrail.packets import permissions
from handrail.packets.models import HoldRow, Revision, Vote
from handrail.packets.states import DECIDABLE, RevisionState, VoteKind

LIMIT = 20
# Whether somebody may sign is asked of each revision, so no more than these are looked at.
LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class ToSign:
    """A revision that the actor may approve now."""

    ref: str
    number: int
    title: str
    tenant: str
    tenant_name: str
    subject: str
    lane: str
    expires_at: datetime
    assembled_by: str


@dataclass(frozen=True, slots=True)
class HeldPacket:
    """A revision with open holds of the actor's: how many, and how many of them keep it from being signed."""

    ref: str
    number: int
    subject: str
    since: datetime
    tenant: str
    tenant_name: str
    holds: int
    blocking: int


@snapshot()
def list_to_sign(actor: Actor, *, limit: int = LIMIT) -> list[ToSign]:
    """Revisions that wait for the actor's own approval, the oldest first. Empty for those who can't approve."""
    if not actor.may(Capability.PACKET_APPROVE) or actor.user_id is None:
        return []
    rows = scoped(actor, Revision.objects.select_related("packet__tenant", "definition", "assembly"))
    rows = rows.filter(state__in=(RevisionState.IN_REVIEW, RevisionState.APPROVED)).order_by("created_at")
    looked_at = list(rows[:LOOKED_AT])
    votes = Vote.objects.filter(revision__in=looked_at, kind=VoteKind.APPROVE, user_id=actor.user_id)
    voted = set(votes.values_list("revision_id", flat=True))
    mine = [row for row in looked_at if _is_signable(actor, row, voted=row.pk in voted)]
    return [_to_sign(row) for row in mine[:limit]]


@snapshot()
def list_held_packets(actor: Actor, *, limit: int = LIMIT) -> list[HeldPacket]:
    """Revisions under decision with open holds that name one of the actor's roles as owner or clearer, the oldest
    first."""
    if not actor.may(Capability.PACKET_VIEW):
        return []
    by = ("revision__packet__ref", "revision__number", "revision__packet__subject", "revision__created_at")
    tenant = ("revision__packet__tenant__key", "revision__packet__tenant__name")
    counted = (
        _owned_rows(actor)
        .values_list(*by, *tenant)
        .annotate(holds=Count("pk"), blocking=Count("pk", filter=Q(blocking=True)))
    )
    return [HeldPacket(*row) for row in counted.order_by("revision__created_at", "revision_id")[:limit]]


def count_held_packets(actor: Actor) -> int:
    """How many revisions ``list_held_packets`` has without a limit."""
    if not actor.may(Capability.PACKET_VIEW):
        return 0
    return _owned_rows(actor).values("revision_id").distinct().count()


def _owned_rows(actor: Actor) -> QuerySet[HoldRow]:
    named = Q(owner__in=actor.roles)
    for role in actor.roles:
        named |= Q(clears__contains=[role])
    return scoped(actor, HoldRow.objects.filter(named, revision__state__in=DECIDABLE, cleared=None))


def _is_signable(actor: Actor, row: Revision, *, voted: bool) -> bool:
    known = permissions.AlreadyRead(getattr(row, "assembly", None), voted)
    return permissions.why_not_approve(actor, row, known=known) is None


def _to_sign(row: Revision) -> ToSign:
    packet = row.packet
    return ToSign(
        ref=packet.ref,
        number=row.number,
        title=row.definition.title,
        tenant=packet.tenant.key,
        tenant_name=packet.tenant.name,
        subject=packet.subject,
        lane=packet.lane,
        expires_at=row.assembly.expires_at,
        assembled_by=row.assembled_by,
    )
