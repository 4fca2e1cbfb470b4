"""One revision as the people who decide about it see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import REASON_LIMIT, Refusal
from handrail.kernel.canonical import digest
from handrail.kernel.errors import Fault
from handrail.packets import queries
from handrail.packets.queries import DeliveryView, PacketDetail, RevisionSummary
from handrail.packets.review import HoldView, VoteView
from handrail.packets.states import MOVING, RevisionReason, RevisionState, VoteKind
from handrail.web.packets import comparing, holding, lifeforms, seen_view, values
from handrail.web.packets.comparing import ComparedRevision
from handrail.web.packets.forms import ReasonForm, SubmittedReason
from handrail.web.packets.holding import HoldGroup
from handrail.web.packets.lifeforms import ChecklistRow
from handrail.web.packets.seen_view import SeenWay
from handrail.web.packets.values import DiffGroup, ShownAnnex, ShownField
from handrail.web.shell import words

# Why a revision was made, or why one ended, in the words of a reviewer.
CAUSES: Mapping[str, str] = {
    RevisionReason.FIRST: "first assembly of this case",
    RevisionReason.EVIDENCE: "new evidence",
    RevisionReason.DRIFT: "a source changed",
    RevisionReason.DEFINITION: "a definition changed",
    RevisionReason.CLEARANCE: "a hold was cleared",
    RevisionReason.MASK: "a text was masked",
    RevisionReason.REJECTED: "it was rejected",
    RevisionReason.WITHDRAWN: "it was withdrawn",
    RevisionReason.EXPIRED: "it expired",
    RevisionReason.DISCARDED: "it was discarded",
    RevisionReason.RECALLED: "it was recalled",
    RevisionReason.VENDOR: "the vendor rejected it",
}
DELIVERIES: Mapping[str, str] = {
    "sending": "On its way to the lane.",
    "unknown": "No answer was received. Nothing is sent again until the lane, or a person, says whether it arrived.",
    "delivered": "The lane has received it. The vendor has not opened it yet.",
    "consumed": "The vendor has opened it.",
    "refused": "The lane refused it permanently.",
    "given-up": "The lane lost it or stopped answering, and never reported that it was opened. Ask the vendor.",
    "recalling": "It is being withdrawn from the lane.",
    "withdrawn": "It was withdrawn before the vendor opened it.",
    "noticed": "The vendor had already opened it and was notified that it is no longer valid.",
    "never-delivered": "It never reached the lane.",
}


@dataclass(frozen=True, slots=True)
class RefusedDecision:
    """A decision that was not made: why, and what changed."""

    message: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class RevisionWhy:
    """Why a revision was made: what moved, which hold was cleared, what was said."""

    cause: str
    moved: list[dict[str, Any]]
    cleared: list[dict[str, str]]
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class PacketPage:
    """``void``: approvals that this revision lost by ending, or that the one before lost to it."""

    detail: PacketDetail
    why: RevisionWhy
    following: RevisionSummary | None
    followed_by: RevisionWhy | None
    void: list[VoteView]
    fields: list[ShownField]
    holds: list[HoldGroup]
    open_holds: list[HoldView]
    cleared_holds: list[HoldView]
    annexes: list[ShownAnnex]
    gone: list[str]
    compared: ComparedRevision
    differences: list[DiffGroup]
    approvals: list[VoteView]
    against: list[VoteView]
    delivery: str
    ended_cause: str
    refusals: list[str]
    checklist: list[ChecklistRow]
    forms: list[ReasonForm]
    again: ReasonForm | None
    may_export: bool
    may_look_inside: bool
    reason_limit: int = REASON_LIMIT
    refused: RefusedDecision | None = None
    whole: bool = False
    inputs: list[tuple[str, str]] = field(default_factory=list)
    may_see_inside: bool = False
    seen: SeenWay = field(default_factory=lambda: SeenWay((), 0, 0))

    @property
    def number(self) -> int:
        return self.detail.summary.revision.number

    @property
    def assembling(self) -> bool:
        return self.detail.summary.revision.state is RevisionState.ASSEMBLING

    @property
    def leaving(self) -> str:
        """What the documents of this revision do, in the tense that is true of it."""
        if self.detail.delivery is not None:
            return "What left" if self.detail.delivery.delivered_at else "What leaves"
        return "What would have left" if self.detail.summary.revision.over else "What would leave"

    @property
    def moving(self) -> bool:
        return self.detail.delivery is not None and self.detail.delivery.state in MOVING

    @property
    def mark(self) -> str:
        return mark(self.detail.summary.revision, self.detail.delivery)

    @property
    def newest(self) -> bool:
        return self.following is None

    @property
    def blocking(self) -> int:
        return sum(hold.blocks for hold in self.open_holds)

    @property
    def held_annexes(self) -> int:
        return sum(not row.annex.cleared for row in self.annexes)

    @property
    def held_fields(self) -> int:
        return sum(bool(row.field.held) for row in self.fields)

    @property
    def unread(self) -> int:
        return sum(bool(source.problems) for source in self.detail.sources)

    @property
    def changed_fields(self) -> int:
        return sum(row.changed for row in self.fields)

    @property
    def first_fields(self) -> list[ShownField]:
        """What is read first: what is held or differs; all, where nothing is compared or nothing differs."""
        found = [row for row in self.fields if row.field.held or row.changed]
        return found if self.compared.base is not None and found else self.fields

    @property
    def same_fields(self) -> list[ShownField]:
        return self.fields[len(self.first_fields) :]

    @property
    def may_approve(self) -> bool:
        return self.detail.why_not_approve is None

    @property
    def may_release(self) -> bool:
        return self.detail.why_not_release is None


def present(
    actor: Actor,
    ref: str,
    number: int | None = None,
    *,
    typed: SubmittedReason | None = None,
    refused: RefusedDecision | None = None,
    whole: bool = False,
    against: int | None = None,
) -> PacketPage:
    """``against``: compared with this revision instead of with what the vendor holds. Raises NotFound, Denied."""
    review = queries.get_packet_review(actor, ref, number, against)
    detail = review.detail
    compared = review.comparison.differences if review.comparison and review.comparison.against else None
    typed = typed or SubmittedReason()
    shown = detail.summary.revision
    later = [one for one in detail.revisions if one.number > shown.number]
    following = later[-1] if later else None
    standing = [hold for hold in detail.holds if hold.cleared is None]
    return PacketPage(
        detail=detail,
        why=_why(shown),
        following=following,
        followed_by=_why(following) if following else None,
        void=list(review.void),
        fields=values.field_rows(detail.fields, compared, whole=whole),
        holds=holding.grouped(standing, typed, revision=shown.number),
        open_holds=standing,
        cleared_holds=[hold for hold in detail.holds if hold.cleared is not None],
        may_look_inside=actor.may(Capability.PACKET_CLEAR_HOLD),
        annexes=values.annex_rows(detail.annexes, seen_view.way(detail), compared),
        gone=values.gone_annexes(compared),
        compared=comparing.compared_revision(review, asked=against),
        differences=values.diff_groups(review.since.differences if review.since else compared),
        approvals=[vote for vote in _cast(detail) if vote.kind is VoteKind.APPROVE],
        against=[vote for vote in _cast(detail) if vote.kind is not VoteKind.APPROVE],
        delivery=_delivery(detail.delivery),
        ended_cause=CAUSES.get(shown.ended_cause, shown.ended_cause),
        refusals=_refusals(detail),
        checklist=lifeforms.checklist(detail, typed),
        forms=list(_forms(detail, typed)),
        again=_again(detail, typed) if not later else None,
        may_export=detail.delivery is not None and actor.may(Capability.PACKET_RELEASE),
        refused=refused,
        whole=whole,
        may_see_inside=detail.may_see_inside,
        seen=seen_view.way(detail),
        inputs=[(name, words.visible_value(text)) for name, text in detail.inputs.items() if text is not None],
    )


def _cast(detail: PacketDetail) -> tuple[VoteView, ...]:
    return detail.votes.votes if detail.votes else ()


def mark(revision: RevisionSummary, delivery: DeliveryView | None) -> str:
    """Another one whenever something moved that the page shows of itself."""
    moved: list[Any] = [revision.state, revision.failure]
    if delivery is not None:
        moved += [delivery.state, delivery.attempts, delivery.receipt, len(delivery.ledger)]
    return digest(moved).removeprefix("sha256:")[:16]


def _delivery(of: DeliveryView | None) -> str:
    if of is None:
        return ""
    if of.state == "sending" and of.failure:
        return "It has not reached the lane yet. Handrail will try again."
    if of.state == "given-up" and of.consumed_at is not None:
        return "The vendor has opened it, and the lane did not confirm that it is no longer valid. Tell the vendor."
    return DELIVERIES.get(of.state, "")


def _why(revision: RevisionSummary) -> RevisionWhy:
    details = [one for one in revision.cause_detail if isinstance(one, dict)]
    moved = [
        {name: words.visible_value(one[name]) for name in ("where", "before", "after")}
        | {"fields": one.get("fields", [])}
        for one in details
        if "where" in one
    ]
    return RevisionWhy(
        cause=CAUSES.get(revision.cause, revision.cause),
        moved=moved,
        cleared=[one for one in details if "code" in one],
        reasons=[one["reason"] for one in details if "reason" in one],
    )


def _named(detail: PacketDetail) -> dict[str, str]:
    return {"revision": str(detail.summary.revision.number)}


def _forms(detail: PacketDetail, typed: SubmittedReason) -> Iterator[ReasonForm]:
    if detail.why_not_reject is None:
        yield ReasonForm(
            "reject",
            "packet-reject",
            "Why it is rejected",
            "Reject",
            "This ends the revision permanently. Its votes are void.",
            danger=True,
            hidden=_named(detail),
            typed=typed,
        )
    if detail.why_not_withdraw is None:
        out = detail.delivery is not None
        yield ReasonForm(
            "withdraw",
            "packet-withdraw",
            "Why it is withdrawn",
            "Withdraw",
            "It is withdrawn from the lane, unless the vendor has opened it." if out else "Nothing has left yet.",
            danger=True,
            hidden=_named(detail),
            typed=typed,
        )
    if detail.why_not_recall is None:
        yield lifeforms.recall_form(detail, typed)
    if detail.why_not_confirm_arrival is None:
        yield from lifeforms.arrival_forms(detail, typed)
    if detail.why_not_discard is None:
        yield ReasonForm(
            "discard",
            "packet-discard",
            "Why it is discarded",
            "Discard",
            "This ends the packet permanently, before anybody has signed it. The case can be assembled again.",
            danger=True,
            hidden=_named(detail),
            typed=typed,
        )


def _again(detail: PacketDetail, typed: SubmittedReason) -> ReasonForm | None:
    revision = detail.summary.revision
    if detail.why_not_assemble is not None or revision.state is RevisionState.ASSEMBLING:
        return None
    if revision.ended_cause == RevisionReason.DISCARDED:
        return None
    return ReasonForm(
        "again",
        "packet-again",
        "What is new",
        "Assemble again",
        "Reads every source again. This revision is superseded and its votes are void.",
        danger=False,
        hidden={},
        typed=typed,
    )


def _refusals(detail: PacketDetail) -> list[str]:
    """Why the two decisions that move a packet forward are not the actor's to take now, each once."""
    over = detail.summary.revision.over or detail.delivery is not None
    if over or detail.why_not_approve is None or detail.why_not_release is None:
        return []  # nothing is left to decide, or the one step that is the actor's to take is on the page
    asked: tuple[Refusal | None, ...] = (detail.why_not_approve, detail.why_not_release)
    said: dict[str, Any] = {refusal.message: None for refusal in asked if refusal is not None}
    return list(said)
