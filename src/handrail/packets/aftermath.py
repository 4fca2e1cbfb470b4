"""What came of approved revisions, from stored facts: corrected, superseded, recalled, rejected, opened while stale."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import QuerySet

from handrail.packets import ledger
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import AnnexRow, DeliveryEntry, HoldRow, Revision
from handrail.packets.proof.recall import RecallReason
from handrail.packets.proof.reply import ReplyKind
from handrail.packets.states import DeliveryEventKind, RevisionReason, RevisionState

HELD_ANNEX, AUDIENCE = "held-annex", "audience"
_AUDIENCE_HOLDS = ("audience-mismatch", "lane-mismatch")
_NOTICES = (DeliveryEventKind.WITHDRAWN, DeliveryEventKind.NOTICED)


@dataclass(frozen=True, slots=True)
class Supersession:
    """Revisions that ended, or were recalled, because of ``trigger`` while they were ``state``. ``left``: of these,
    those that may have reached the lane; ``notified``: for which the lane confirmed that.

    Seconds from the change to that: from the last reading that had not shown it yet, where sources are watched; else
    from when the revision ended. None where no notice has been confirmed.
    """

    trigger: str
    state: str
    count: int
    left: int
    notified: int
    median_seconds: float | None
    longest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What became of one approved or released revision. ``accepted``: the vendor opened or accepted it, and has not
    rejected it since. ``correction``: why it was corrected all the same, empty where it was not."""

    revision: Revision
    rows: tuple[DeliveryRow, ...]
    accepted: bool
    correction: str

    def first(self, *kinds: DeliveryEventKind) -> DeliveryRow | None:
        return next((row for row in self.rows if row.kind in kinds), None)

    @property
    def reply_codes(self) -> tuple[str, ...]:
        """The codes of a rejection by the vendor."""
        found = [row.detail for row in self.rows if row.kind is DeliveryEventKind.REPLY]
        return tuple(code for one in found if one["reply"] == ReplyKind.REJECTED for code in one["codes"])

    @property
    def stale(self) -> bool | None:
        """Whether it was opened while stale; None where it was not opened, not watched, or nobody knows."""
        known = [row.detail["stale"] for row in self.rows if "stale" in row.detail]
        return known[-1] if known else None


def of(revisions: QuerySet[Revision]) -> list[Aftermath]:
    """Of each revision that was approved, also of those that ended since."""
    approved = list(revisions.filter(approved_at__isnull=False).order_by("packet_id", "number"))
    entries: defaultdict[int, list[DeliveryRow]] = defaultdict(list)
    for pk, row in ledger.rows_of_all(one.pk for one in approved):
        entries[pk].append(row)
    following = _following(approved)
    return [_after(one, tuple(entries[one.pk]), following) for one in approved]


def _after(
    revision: Revision, rows: tuple[DeliveryRow, ...], following: Mapping[tuple[int, int], Revision]
) -> Aftermath:
    replies = [row.detail["reply"] for row in rows if row.kind is DeliveryEventKind.REPLY]
    opened = revision.consumed_at is not None or ReplyKind.ACCEPTED in replies
    recall = next((row for row in rows if row.kind is DeliveryEventKind.RECALL), None)
    corrected = revision.ended_at is not None or recall is not None or ReplyKind.REJECTED in replies
    following_one = following.get((revision.packet_id, revision.number + 1))
    cause = _cause(revision, recall, following_one, replies) if corrected else ""
    return Aftermath(revision, rows, opened and ReplyKind.REJECTED not in replies, cause)


def _cause(revision: Revision, recall: DeliveryRow | None, following: Revision | None, replies: Iterable[str]) -> str:
    """The most telling of what is known."""
    said = recall.detail.get("class", "") if recall is not None else ""
    if said == RecallReason.WRONG_RECIPIENT or (following is not None and _has_audience_hold(following)):
        return AUDIENCE
    if following is not None and _annexes(revision) != _annexes(following):
        return HELD_ANNEX
    if ReplyKind.REJECTED in replies:
        return RevisionReason.VENDOR
    if revision.ended_cause:
        return revision.ended_cause
    return following.cause if following is not None and said == RecallReason.SUPERSEDED else RevisionReason.RECALLED


def _has_audience_hold(revision: Revision) -> bool:
    return HoldRow.objects.filter(revision=revision, code__in=_AUDIENCE_HOLDS).exists()


def _annexes(revision: Revision) -> set[tuple[str, str | None]]:
    """Which artifacts were held, of those that either revision held or showed."""
    rows = AnnexRow.objects.filter(revision=revision, cleared_digest=None)
    return set(rows.values_list("name", "original_digest"))


def _following(approved: Iterable[Revision]) -> dict[tuple[int, int], Revision]:
    packets = {one.packet_id for one in approved}
    rows = Revision.objects.filter(packet__in=packets, assembly__isnull=False)
    return {(one.packet_id, one.number): one for one in rows}


def supersessions(revisions: QuerySet[Revision]) -> tuple[Supersession, ...]:
    """Of all that was superseded, also before it was approved, and of what was recalled after it was consumed."""
    ended = list(revisions.filter(state=RevisionState.SUPERSEDED))
    superseding = DeliveryEntry.objects.filter(kind=DeliveryEventKind.RECALL, detail__contains={"class": "superseded"})
    recalled = revisions.filter(state=RevisionState.CONSUMED, pk__in=superseding.values("revision_id"))
    following = {(one.packet_id, one.number): one for one in revisions}
    entries: defaultdict[int, list[DeliveryRow]] = defaultdict(list)
    everything = [*ended, *recalled]
    for pk, row in ledger.rows_of_all(one.pk for one in everything):
        entries[pk].append(row)
    groups: defaultdict[tuple[str, str], list[tuple[bool, float | None]]] = defaultdict(list)
    for one in everything:
        after = following.get((one.packet_id, one.number + 1))
        trigger = one.ended_cause or (after.cause if after is not None else RevisionReason.RECALLED.value)
        state = one.ended_from or RevisionState.CONSUMED.value
        groups[trigger, state].append(_notice(one, entries[one.pk]))
    return tuple(_supersession(*key, found) for key, found in sorted(groups.items()))


def _notice(revision: Revision, rows: list[DeliveryRow]) -> tuple[bool, float | None]:
    left = any(row.kind is DeliveryEventKind.INTENT for row in rows)
    recall = next((row for row in rows if row.kind is DeliveryEventKind.RECALL), None)
    notice = next((row for row in rows if row.kind in _NOTICES), None)
    if recall is None or notice is None:
        return left, None
    began: datetime = recall.at
    drifted = revision.ended_cause == RevisionReason.DRIFT or revision.state == RevisionState.CONSUMED
    if drifted and revision.watched_at is not None:
        began = revision.watched_at
    return left, max((notice.at - began).total_seconds(), 0.0)


def _supersession(trigger: str, state: str, found: list[tuple[bool, float | None]]) -> Supersession:
    seconds = [one for _, one in found if one is not None]
    return Supersession(
        trigger,
        state,
        len(found),
        sum(left for left, _ in found),
        len(seconds),
        round(median(seconds), 1) if seconds else None,
        round(max(seconds), 1) if seconds else None,
    )


def held_before_approval(revisions: QuerySet[Revision]) -> Counter[str]:
    """Fields that were held in a revision before the first approved one of their packet, by hold: each field once."""
    first: dict[int, int] = {}
    approved = revisions.filter(approved_at__isnull=False).order_by("packet_id", "number")
    for packet, number in approved.values_list("packet_id", "number"):
        first.setdefault(packet, number)
    rows = HoldRow.objects.filter(revision__in=revisions, scope="field")
    found = {
        (packet, code, target)
        for packet, number, code, target in rows.values_list(
            "revision__packet_id", "revision__number", "code", "target"
        )
        if packet in first and number <= first[packet]
    }
    return Counter(code for _, code, _ in found)
