"""Packets as the actor may see them: plain data for pages, API and CLI alike."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.kernel.errors import Fault, Invalid
from handrail.packets import documents, log_proofs, permissions, proving, replies, seen, terms
from handrail.packets.comparison import RevisionComparison, compared, with_previous
from handrail.packets.concerned import ConcernedPeople, concerned_by
from handrail.packets.deliveryview import DeliveryView, delivery
from handrail.packets.forgotten import ForgottenPart, forgotten_of, is_forgotten
from handrail.packets.models import Packet, Revision
from handrail.packets.proving import ApprovalWay
from handrail.packets.replies import ReasonView
from handrail.packets.review import (
    AnnexView,
    FieldView,
    HoldView,
    SourceView,
    VotesView,
    VoteView,
    annexes,
    fields,
    holds,
    sources,
    votes,
)
from handrail.packets.rows import get_revision_row
from handrail.packets.seen import SeenThing
from handrail.packets.states import CURRENT, REVISION, RevisionReason, RevisionState, VoteKind

__all__ = ["ConcernedPeople", "DeliveryView", "ReasonView", "SeenThing", "concerned_by"]
NamedProof = log_proofs.NamedProof
prove_event, prove_packet = log_proofs.prove_event, log_proofs.prove_packet
PAGE = 50
# As a state of packets in filters: its newest revision is withdrawn, for that reason.
DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class RevisionSummary:
    """``cause`` and ``cause_detail``: why it was made; ``ended_*`` are empty until it has ended.

    ``failure``: why the last try of a worker did not succeed, empty when it did. ``stopped``: assembling it is not
    tried any more.
    """

    number: int
    state: RevisionState
    cause: RevisionReason
    cause_detail: list[Any]
    assembled_by: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    ended_from: str
    ended_cause: str
    ended_by: str
    ended_reason: str
    failure: str
    stopped: bool

    @property
    def over(self) -> bool:
        return self.state in REVISION.terminal


@dataclass(frozen=True, slots=True)
class PacketSummary:
    """One packet, and its newest revision. ``subject``: the inputs of its case, joined."""

    ref: str
    profile: str
    profile_version: int
    title: str
    tenant: str
    tenant_name: str
    subject: str
    lane: str
    created_at: datetime
    created_by: str
    revision: RevisionSummary


@dataclass(frozen=True, slots=True)
class ManifestView:
    """What an approver signs. ``digest`` None: nobody can, and ``fault`` is the reason."""

    digest: str | None
    fault: str
    expires_at: datetime
    tlp: str
    recipients: tuple[str, ...]
    shows: tuple[str, ...]
    never: tuple[str, ...]
    packet_digest: str
    trace_digest: str
    holds_digest: str
    sources_digest: str


@dataclass(frozen=True, slots=True)
class PacketDetail:
    """One revision of a packet. The parts from ``manifest`` on are None or empty while it is being assembled.

    ``cover``: the text of the cover sheet that leaves, or would leave now. ``approval``: how the actor approves it.
    ``forgotten``: what of the packet was erased. ``why_not_*``: None where the actor may do it now; for holds it stands
    with each hold. ``checklist``: what the vendor minded about the revision that was released before.
    ``lane_lacks``: what the lane can't do, so that people have to.
    """

    summary: PacketSummary
    inputs: dict[str, Any]
    revisions: tuple[RevisionSummary, ...]
    definition_id: int
    profile_digest: str
    manifest: ManifestView | None
    fields: tuple[FieldView, ...]
    holds: tuple[HoldView, ...]
    annexes: tuple[AnnexView, ...]
    sources: tuple[SourceView, ...]
    votes: VotesView | None
    seen: tuple[SeenThing, ...]
    cover: str
    delivery: DeliveryView | None
    may_see_inside: bool
    approval: ApprovalWay | None
    forgotten: tuple[ForgottenPart, ...]
    why_not_mark_seen: Refusal | None
    why_not_assemble: Refusal | None
    why_not_approve: Refusal | None
    why_not_reject: Refusal | None
    why_not_withdraw: Refusal | None
    why_not_release: Refusal | None
    why_not_discard: Refusal | None
    why_not_recall: Refusal | None = None
    why_not_settle: Refusal | None = None
    checklist: tuple[ReasonView, ...] = ()
    why_not_give_address: Refusal | None = None
    why_not_confirm_arrival: Refusal | None = None
    lane_lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PacketReview:
    """One revision with what its reviewers compare it with. ``comparison``: with what the vendor holds, or with another
    revision where one was asked for; None while it is being assembled. ``since``: with the assembled revision before,
    where the vendor holds nothing that it could be compared with.

    ``void``: approvals that no longer count: of this revision if it has ended, else of the one that it superseded.
    """

    detail: PacketDetail
    comparison: RevisionComparison | None
    since: RevisionComparison | None
    void: tuple[VoteView, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """What changes about a revision without its page being reloaded."""

    revision: RevisionSummary
    delivery: DeliveryView | None


@dataclass(frozen=True, slots=True)
class PacketFilter:
    """Empty texts filter nothing. ``after`` goes on behind the packet with that reference: the last of the page before.
    ``before``: only packets created before it. ``state``: that of a revision, or ``discarded``: such packets are hidden
    otherwise."""

    tenant: str = ""
    profile: str = ""
    state: str = ""
    before: datetime | None = None
    after: str = ""
    limit: int = PAGE


def list_packets(actor: Actor, wanted: PacketFilter | None = None) -> list[PacketSummary]:
    """Packets in the actor's scope with their newest revision, newest first. Raises Denied without ``packet:view``,
    Invalid for an ``after`` that the actor can't know of."""
    actor.require(Capability.PACKET_VIEW)
    wanted = wanted or PacketFilter()
    rows = _newest(actor)
    state = "" if wanted.state == DISCARDED else wanted.state
    keys = {"packet__tenant__key": wanted.tenant, "packet__profile": wanted.profile, "state": state}
    rows = rows.filter(**{key: value for key, value in keys.items() if value})
    discarded = Q(ended_cause=RevisionReason.DISCARDED)
    rows = rows.filter(discarded if wanted.state == DISCARDED else ~discarded)
    if wanted.before is not None:
        rows = rows.filter(packet__created_at__lt=wanted.before)
    if wanted.after:
        rows = _behind(actor, rows, wanted.after)
    limit = max(1, min(wanted.limit, 500))
    return [_summary(row) for row in rows.order_by("-packet__created_at", "-packet_id")[:limit]]


def _behind(actor: Actor, rows: QuerySet[Revision], ref: str) -> QuerySet[Revision]:
    """What comes after the packet ``ref`` in the list, those of the same moment too. Raises Invalid."""
    last = scoped(actor, Packet.objects.filter(ref=ref)).values_list("created_at", "pk").first()
    if last is None:
        fault = Fault("after", "the reference of the last escalation packet of a list, PKT-…")
        raise Invalid("The list can't go on from there.", faults=[fault])
    at, pk = last
    return rows.filter(Q(packet__created_at__lt=at) | Q(packet__created_at=at, packet_id__lt=pk))


def find_packets(actor: Actor, text: str, *, limit: int) -> list[PacketSummary]:
    """Packets with this reference or case, newest first; then those of which an input of the case begins so. Raises
    Denied."""
    actor.require(Capability.PACKET_VIEW)
    rows = scoped(actor, Packet.objects.all()).order_by("-created_at", "-pk").values_list("pk", flat=True)
    whole = Q(ref=text.upper()) | Q(terms__contains=[terms.whole(actor.workspace_id, text)]) | terms.clear_whole(text)
    exact = list(rows.filter(whole)[:limit])
    begun: list[int] = []
    if len(text) >= terms.SHORTEST:
        start = Q(terms__contains=[terms.begins(actor.workspace_id, text)]) | terms.clear_begins(text)
        begun = list(rows.filter(start).exclude(pk__in=exact)[:limit])
    found = _with_newest(actor, [*exact, *begun])
    return [one for one in found if one.ref == text.upper() or terms.is_begun(one.subject, text)][:limit]


def named_packets(actor: Actor, refs: Collection[str]) -> list[PacketSummary]:
    """Those of ``refs`` that are in the actor's scope. Raises Denied."""
    actor.require(Capability.PACKET_VIEW)
    rows = scoped(actor, Packet.objects.filter(ref__in=refs)).values_list("pk", flat=True)
    return _with_newest(actor, list(rows))


def _with_newest(actor: Actor, found: list[int]) -> list[PacketSummary]:
    """These packets with their newest revision, in this order."""
    newest = scoped(actor, Revision.objects.select_related("packet__tenant", "definition")).filter(packet__in=found)
    by_packet = {row.packet_id: row for row in newest.order_by("packet_id", "-number").distinct("packet_id")}
    return [_summary(by_packet[pk]) for pk in found if pk in by_packet]


@snapshot()
def get_packet(actor: Actor, ref: str, number: int | None = None) -> PacketDetail:
    """One revision of a packet, the newest unless named. Raises NotFound, Denied."""
    return _detail(actor, get_revision_row(actor, ref, number, Capability.PACKET_VIEW))


@snapshot()
def get_packet_review(actor: Actor, ref: str, number: int | None = None, against: int | None = None) -> PacketReview:
    """All that the page of one revision shows, the newest unless named. Raises NotFound, Denied."""
    row = get_revision_row(actor, ref, number, Capability.PACKET_VIEW)
    detail = _detail(actor, row)
    found = compared(row, against) if _is_whole(row) else None
    since = with_previous(row) if found is not None and found.against is None and row.number > 1 else None
    return PacketReview(detail, found, since, tuple(_void(row, detail)))


def _way(actor: Actor, row: Revision) -> ApprovalWay | None:
    manifest = documents.manifest_of(row.assembly)
    return None if manifest is None else proving.way(actor, manifest)


def _detail(actor: Actor, row: Revision) -> PacketDetail:
    assembled = _is_whole(row)
    everything = Revision.objects.filter(packet_id=row.packet_id).order_by("-number")
    return PacketDetail(
        summary=_summary(row),
        inputs=row.packet.inputs,
        revisions=tuple(_revision(one) for one in everything),
        definition_id=row.definition_id,
        profile_digest=row.profile_digest,
        manifest=_manifest(row) if assembled else None,
        fields=fields(row) if assembled else (),
        holds=holds(actor, row) if assembled else (),
        annexes=annexes(row) if assembled else (),
        sources=sources(row) if not is_forgotten(row.packet.inputs) else (),
        votes=votes(row) if assembled else None,
        seen=seen.view(actor, row) if assembled else (),
        cover=_cover(row) if assembled else "",
        delivery=delivery(row),
        may_see_inside=permissions.may_see_internal(actor),
        approval=_way(actor, row) if assembled else None,
        forgotten=forgotten_of(row.packet),
        why_not_mark_seen=permissions.why_not_mark_seen(actor, row),
        why_not_assemble=permissions.why_not_assemble(actor),
        why_not_approve=permissions.why_not_approve(actor, row),
        why_not_reject=permissions.why_not_reject(actor, row),
        why_not_withdraw=permissions.why_not_withdraw(actor, row),
        why_not_release=permissions.why_not_release(actor, row),
        why_not_discard=permissions.why_not_discard(actor, row),
        why_not_recall=permissions.why_not_recall(actor, row),
        why_not_settle=permissions.why_not_settle(actor),
        checklist=replies.checklist(row),
        why_not_give_address=permissions.why_not_give_address(actor, row),
        lane_lacks=permissions.lane_lacks(row.packet.lane),
        why_not_confirm_arrival=permissions.why_not_confirm_arrival(actor, row),
    )


def _is_whole(row: Revision) -> bool:
    """Whether it was assembled, and what it was assembled to is still there."""
    return hasattr(row, "assembly") and not is_forgotten(row.assembly.packet)


@snapshot()
def get_progress(actor: Actor, ref: str, number: int | None = None) -> Progress:
    """Where one revision is, the newest unless named. Raises NotFound, Denied."""
    row = get_revision_row(actor, ref, number, Capability.PACKET_VIEW)
    return Progress(_revision(row), delivery(row))


def count_current(tenant_id: int) -> int:
    """How many packets of the tenant have a revision that has not ended: asked before it is closed, for any actor."""
    return Revision.objects.filter(packet__tenant_id=tenant_id, state__in=CURRENT).count()


def list_profiles(actor: Actor) -> list[str]:
    """The names of profiles that have packets in the actor's scope."""
    rows = scoped(actor, Packet.objects.all())
    return sorted(rows.order_by().values_list("profile", flat=True).distinct())


def _void(row: Revision, detail: PacketDetail) -> Iterator[VoteView]:
    found = detail.votes
    if row.ended_at is None:
        rows = Revision.objects.select_related("packet", "assembly").filter(packet_id=row.packet_id)
        before = rows.filter(number=row.number - 1, ended_at__isnull=False, assembly__isnull=False).first()
        found = votes(before) if before is not None else None
    yield from (vote for vote in (found.votes if found else ()) if vote.kind is VoteKind.APPROVE)


def _newest(actor: Actor) -> QuerySet[Revision]:
    rows = scoped(actor, Revision.objects.select_related("packet__tenant", "definition"))
    latest = Revision.objects.order_by("packet_id", "-number").distinct("packet_id").values("pk")
    return rows.filter(pk__in=latest)


def _summary(row: Revision) -> PacketSummary:
    packet = row.packet
    return PacketSummary(
        ref=packet.ref,
        profile=packet.profile,
        profile_version=row.definition.version,
        title=row.definition.title,
        tenant=packet.tenant.key,
        tenant_name=packet.tenant.name,
        subject=packet.subject,
        lane=packet.lane,
        created_at=packet.created_at,
        created_by=packet.created_by,
        revision=_revision(row),
    )


def _revision(row: Revision) -> RevisionSummary:
    return RevisionSummary(
        number=row.number,
        state=RevisionState(row.state),
        cause=RevisionReason(row.cause),
        cause_detail=row.cause_detail,
        assembled_by=row.assembled_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        ended_at=row.ended_at,
        ended_from=row.ended_from,
        ended_cause=row.ended_cause,
        ended_by=row.ended_by,
        ended_reason=row.ended_reason,
        failure=row.failure,
        stopped=row.state == RevisionState.ASSEMBLING and row.due_at is None and bool(row.failure),
    )


def _cover(row: Revision) -> str:
    return documents.covers_of(row).get("cover.txt", b"").decode()


def _manifest(row: Revision) -> ManifestView:
    assembly = row.assembly
    return ManifestView(
        digest=assembly.manifest_digest,
        fault=assembly.fault,
        expires_at=assembly.expires_at,
        tlp=assembly.audience["tlp"],
        recipients=tuple(assembly.audience["recipients"]),
        shows=tuple(assembly.audience["shows"]),
        never=tuple(assembly.audience["never"]),
        packet_digest=assembly.packet_digest,
        trace_digest=assembly.trace_digest,
        holds_digest=assembly.holds_digest,
        sources_digest=assembly.sources_digest,
    )
