"""Where a released revision is, what the vendor replied, whether it was recalled, and how its sources are watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.packets import ledger, replies
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import Release, Revision
from handrail.packets.replies import ReasonView, RefusedReplyView, ReplyView
from handrail.packets.states import DeliveryEventKind, DeliveryState
from handrail.packets.status import fold

_CLOSING = (
    DeliveryEventKind.WITHDRAWN,
    DeliveryEventKind.NOTICED,
    DeliveryEventKind.GIVEN_UP,
    DeliveryEventKind.NEVER_DELIVERED,
)


@dataclass(frozen=True, slots=True)
class LedgerView:
    sequence: int
    kind: DeliveryEventKind
    at: datetime
    worker: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecallView:
    """``statement``: the digest of the signed statement, empty until it is signed. ``closed_at``: when the lane had
    confirmed it. ``refused``: why the lane did not take the statement."""

    reason: str
    asks: str
    words: str
    at: datetime
    by: str
    statement: str
    closed_at: datetime | None
    refused: str


@dataclass(frozen=True, slots=True)
class WatchView:
    """``next_at``: None where sources are not watched any more. ``failure``: why they can't be read now. ``stale``:
    whether the vendor opened it after its sources had changed; None while nobody knows."""

    watched_at: datetime | None
    next_at: datetime | None
    failure: str
    stale: bool | None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """``failure``: why the last try failed, empty if it did not; ``next_at``: when a worker looks at it again.
    ``replies``: what the vendor said and is believed; ``refused_replies``: what is not."""

    lane: str
    manifest_digest: str
    key_id: str
    released_at: datetime
    released_by: str
    state: DeliveryState
    attempts: int
    failure: str
    next_at: datetime | None
    receipt: str
    delivered_at: datetime | None
    consumed_at: datetime | None
    ledger: tuple[LedgerView, ...]
    replies: tuple[ReplyView, ...] = ()
    refused_replies: tuple[RefusedReplyView, ...] = ()
    reasons: tuple[ReasonView, ...] = ()
    recall: RecallView | None = None
    watch: WatchView | None = None


def delivery(revision: Revision) -> DeliveryView | None:
    """Where a released revision is; None before release."""
    release = Release.objects.filter(revision=revision).first()
    if release is None:
        return None
    rows = ledger.rows_of(revision.pk)
    status = fold(rows)
    receipt = status.receipt
    return DeliveryView(
        lane=revision.packet.lane,
        manifest_digest=release.manifest_digest,
        key_id=release.key_id,
        released_at=release.at,
        released_by=release.by,
        state=status.state,
        attempts=status.attempts,
        failure=revision.failure,
        next_at=revision.due_at,
        receipt=str(receipt.detail.get("receipt", "")) if receipt else "",
        delivered_at=receipt.at if receipt else None,
        consumed_at=revision.consumed_at,
        ledger=tuple(LedgerView(row.sequence, row.kind, row.at, row.worker, _shown(row.detail)) for row in rows),
        replies=replies.views(rows),
        refused_replies=replies.refused(rows),
        reasons=replies.reasons(revision),
        recall=_recall(rows),
        watch=_watch(revision, rows),
    )


def _shown(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Without whole envelopes."""
    return {name: value for name, value in detail.items() if name != "envelope"}


def _recall(rows: Sequence[DeliveryRow]) -> RecallView | None:
    status = fold(rows)
    if status.recall is None:
        return None
    said = status.recall.detail
    closed = next((row for row in rows if row.kind in _CLOSING and row.sequence > status.recall.sequence), None)
    signed = status.statement
    return RecallView(
        reason=str(said.get("class", "")),
        asks=str(said.get("asks", "")),
        words=str(said.get("words", "")),
        at=status.recall.at,
        by=status.recall.worker,
        statement=str(signed.detail["statement"]) if signed else "",
        closed_at=closed.at if closed else None,
        refused=str(closed.detail.get("statement_refused", "")) if closed else "",
    )


def _watch(revision: Revision, rows: Sequence[DeliveryRow]) -> WatchView | None:
    """None where the profile watches nothing."""
    if revision.watched_at is None:
        return None
    known = [row.detail["stale"] for row in rows if "stale" in row.detail]
    return WatchView(revision.watched_at, revision.watch_at, revision.watch_failure or "", known[-1] if known else None)
