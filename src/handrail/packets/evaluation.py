"""Figures on packet work, counted from rows, in the actor's scope."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.snapshot import snapshot
from handrail.packets import approvers
from handrail.packets.completeness import Cast, is_bound
from handrail.packets.models import DeliveryEntry, Packet, Release, Revision, Vote
from handrail.packets.states import DeliveryEventKind, RevisionState, VoteKind


@dataclass(frozen=True, slots=True)
class Named:
    """A cause or state, and how often."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class PacketFigures:
    """``accepted``: packets that the vendor consumed, also while they were taken back; ``accepted_first``: those whose
    first approved revision was it.

    ``corrections``: approved or released revisions that ended all the same, by cause. ``bound`` of ``released``: whose
    documents, manifest, envelopes, votes and receipt agree (``completeness.is_bound``). ``superseded``: by the state
    that they were in.
    """

    since: datetime | None
    packets: int
    revisions: int
    accepted: int
    accepted_first: int
    corrections: tuple[Named, ...]
    released: int
    bound: int
    superseded: tuple[Named, ...]


@snapshot()
def evaluate(actor: Actor, *, since: datetime | None = None) -> PacketFigures:
    """Figures over packets asked for from ``since`` on. Raises Denied without ``evaluation:view``."""
    actor.require(Capability.EVALUATION_VIEW)
    packets = scoped(actor, Packet.objects.all())
    if since is not None:
        packets = packets.filter(created_at__gte=since)
    revisions = Revision.objects.filter(packet__in=packets)
    approved = Q(approved_at__isnull=False)
    consumed = revisions.filter(consumed_at__isnull=False)
    counted = packets.annotate(approvals=Count("revisions", filter=Q(revisions__approved_at__isnull=False)))
    ended = revisions.filter(ended_at__isnull=False)
    releases = Release.objects.filter(revision__in=revisions)
    return PacketFigures(
        since=since,
        packets=packets.count(),
        revisions=revisions.count(),
        accepted=consumed.values("packet_id").distinct().count(),
        accepted_first=counted.filter(approvals=1, pk__in=consumed.values("packet_id")).count(),
        corrections=_named(ended.filter(approved), "ended_cause"),
        released=releases.count(),
        bound=_bound(releases),
        superseded=_named(ended.filter(state=RevisionState.SUPERSEDED), "ended_from"),
    )


def _bound(releases: QuerySet[Release]) -> int:
    votes: defaultdict[int, list[Cast]] = defaultdict(list)
    cast = Vote.objects.filter(revision__release__in=releases, kind=VoteKind.APPROVE)
    for revision, user, digest in cast.values_list("revision_id", "user_id", "manifest_digest"):
        votes[revision].append((approvers.signer_id(user or 0), digest))
    sent: defaultdict[int, list[tuple[str, dict[str, str]]]] = defaultdict(list)
    rows = DeliveryEntry.objects.filter(
        revision__release__in=releases, kind__in=(DeliveryEventKind.INTENT, DeliveryEventKind.RECEIPT)
    )
    for revision, kind, detail in rows.values_list("revision_id", "kind", "detail"):
        sent[revision].append((kind, detail))
    found = releases.select_related("revision__assembly").iterator(chunk_size=100)
    return sum(is_bound(one, votes[one.revision_id], sent[one.revision_id]) for one in found)


def _named(rows: QuerySet[Revision], column: str) -> tuple[Named, ...]:
    counted = rows.order_by().values_list(column).annotate(n=Count("pk"))
    return tuple(Named(name, number) for name, number in sorted(counted))
