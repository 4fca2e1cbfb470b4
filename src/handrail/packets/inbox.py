"""What waits for one person: revisions that they may sign, and holds that are theirs to decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.snapshot import snapshot
from handrail.packets import permissions
from handrail.packets.models import HoldRow, Revision
from handrail.packets.states import DECIDABLE, RevisionState

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
class OwnedHold:
    """An open hold whose owner the actor is, or that they may clear (``clearable``)."""

    ref: str
    number: int
    code: str
    target: str
    message: str
    owner: str
    blocking: bool
    clearable: bool
    since: datetime


@snapshot()
def list_to_sign(actor: Actor, *, limit: int = LIMIT) -> list[ToSign]:
    """Revisions that wait for the actor's own approval, the oldest first. Empty for those who can't approve."""
    if not actor.may(Capability.PACKET_APPROVE) or actor.user_id is None:
        return []
    rows = scoped(actor, Revision.objects.select_related("packet__tenant", "definition", "assembly"))
    rows = rows.filter(state__in=(RevisionState.IN_REVIEW, RevisionState.APPROVED)).order_by("created_at")
    mine = [row for row in rows[:LOOKED_AT] if permissions.why_not_approve(actor, row) is None]
    return [_to_sign(row) for row in mine[:limit]]


def list_owned_holds(actor: Actor, *, limit: int = LIMIT) -> list[OwnedHold]:
    """Open holds of revisions under decision that name one of the actor's roles as owner or clearer."""
    if not actor.may(Capability.PACKET_VIEW):
        return []
    named = Q(owner__in=actor.roles)
    for role in actor.roles:
        named |= Q(clears__contains=[role])
    rows = scoped(actor, HoldRow.objects.select_related("revision__packet"))
    rows = rows.filter(named, revision__state__in=DECIDABLE, cleared=None)
    found = rows.order_by("-blocking", "revision__created_at", "position")[:limit]
    return [_owned(actor, row) for row in found]


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


def _owned(actor: Actor, row: HoldRow) -> OwnedHold:
    return OwnedHold(
        ref=row.revision.packet.ref,
        number=row.revision.number,
        code=row.code,
        target=row.target,
        message=row.message,
        owner=row.owner,
        blocking=row.blocking,
        clearable=permissions.why_not_clear(actor, row.revision, row) is None,
        since=row.revision.created_at,
    )
