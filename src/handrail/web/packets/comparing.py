"""The first line of a review: what the vendor holds, and what is signed now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.packets.queries import PacketReview


@dataclass(frozen=True, slots=True)
class ComparedRevision:
    """``base``: the revision on the other side, None where it is nothing. ``vendor``: it is there because the vendor
    holds it. ``since``: the revision before, where that is compared instead of nothing. ``others``: the revisions that
    it can be compared with. ``asked``: the one that the address names."""

    base: int | None
    vendor: bool
    held_at: datetime | None
    consumed: bool
    since: int | None
    others: list[int]
    asked: int | None
    changed: int
    annexes: int
    holds: int

    @property
    def same(self) -> bool:
        return not (self.changed or self.annexes or self.holds)


def compared_revision(review: PacketReview, *, asked: int | None) -> ComparedRevision:
    found = review.comparison
    base = found.against if found is not None else None
    since = review.since.against if review.since is not None else None
    differences = found.differences if found is not None else None
    number = review.detail.summary.revision.number
    return ComparedRevision(
        base=base.number if base else None,
        vendor=asked is None,
        held_at=(base.consumed_at or base.delivered_at) if base else None,
        consumed=base is not None and base.consumed_at is not None,
        since=since.number if since else None,
        others=[one.number for one in review.detail.revisions if one.number < number],
        asked=asked,
        changed=len(differences.fields) if differences else 0,
        annexes=len(differences.annexes) if differences else 0,
        holds=len(differences.holds) if differences else 0,
    )
