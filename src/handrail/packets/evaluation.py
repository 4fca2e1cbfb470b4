"""Figures on packet work, counted from rows, in the actor's scope."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.snapshot import snapshot
from handrail.packets import aftermath, approvers
from handrail.packets.aftermath import Aftermath, Supersession
from handrail.packets.completeness import Cast, is_bound
from handrail.packets.models import DeliveryEntry, Packet, Release, Revision, Vote
from handrail.packets.states import DeliveryEventKind, RevisionState, VoteKind

__all__ = ["Named", "PacketFigures", "Supersession", "evaluate"]


@dataclass(frozen=True, slots=True)
class Named:
    """A cause or state, and how often."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class PacketFigures:
    """``accepted``: packets that the vendor consumed, also while they were taken back; ``accepted_first``: those whose
    first approved revision was it. ``accepted_unchanged``: of the packets ``approved``, those whose one approved
    revision the vendor opened or accepted, and that nobody has corrected, recalled or rejected.

    ``corrections``: of the ``approved_revisions``, those that ended or were recalled all the same, by cause; also after
    the vendor had opened them. ``bound`` of ``released``: whose documents, manifest, envelopes, votes and receipt agree
    (``completeness.is_bound``). ``superseded``: by the state that they were in; ``supersessions``: by trigger and
    state, with the time to notice. ``held_fields``: fields that were held before approval, by hold.

    ``opened_stale`` of ``opened_known``: opened by the vendor after its sources had changed, of those of which that is
    known. ``rejected`` of ``released``: by the vendor; ``rejected_for``: their codes.
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
    approved: int = 0
    accepted_unchanged: int = 0
    approved_revisions: int = 0
    supersessions: tuple[Supersession, ...] = ()
    held_fields: tuple[Named, ...] = ()
    opened_known: int = 0
    opened_stale: int = 0
    rejected: int = 0
    rejected_for: tuple[Named, ...] = ()


@snapshot()
def evaluate(actor: Actor, *, since: datetime | None = None) -> PacketFigures:
    """Figures over packets asked for from ``since`` on. Raises Denied without ``evaluation:view``."""
    actor.require(Capability.EVALUATION_VIEW)
    packets = scoped(actor, Packet.objects.all())
    if since is not None:
        packets = packets.filter(created_at__gte=since)
    revisions = Revision.objects.filter(packet__in=packets)
    after = aftermath.of(revisions)
    stale = [one.stale for one in after if one.stale is not None]
    codes = [one.reply_codes for one in after if one.reply_codes]
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
        corrections=_counted(one.correction for one in after if one.correction),
        released=releases.count(),
        bound=_bound(releases),
        superseded=_named(ended.filter(state=RevisionState.SUPERSEDED), "ended_from"),
        approved=len({one.revision.packet_id for one in after}),
        accepted_unchanged=_unchanged(after),
        approved_revisions=len(after),
        supersessions=aftermath.supersessions(revisions),
        held_fields=_counted(aftermath.held_before_approval(revisions).elements()),
        opened_known=len(stale),
        opened_stale=sum(stale),
        rejected=len(codes),
        rejected_for=_counted(code for one in codes for code in one),
    )


def _unchanged(after: Sequence[Aftermath]) -> int:
    """Packets of which one revision was approved, and nothing had to follow it."""
    by_packet: defaultdict[int, list[Aftermath]] = defaultdict(list)
    for one in after:
        by_packet[one.revision.packet_id].append(one)
    return sum(len(found) == 1 and found[0].accepted and not found[0].correction for found in by_packet.values())


def _counted(names: Iterable[str]) -> tuple[Named, ...]:
    return tuple(Named(str(name), number) for name, number in sorted(Counter(map(str, names)).items()))


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
