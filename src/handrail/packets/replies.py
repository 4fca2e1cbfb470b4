"""What the vendor replied to a delivery, as its ledger keeps it; and its reasons, as the next revision's checklist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access.outlines import ERASED
from handrail.packets import ledger
from handrail.packets.belief import JudgedReply
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import Revision
from handrail.packets.proof import dsse, reply
from handrail.packets.proof.reply import REASONED, ReplyKind, VendorReply
from handrail.packets.states import DeliveryEventKind

LIMIT = 500


@dataclass(frozen=True, slots=True)
class ReplyView:
    """``at``: by the vendor's clock; ``heard_at``: when Handrail read it."""

    kind: ReplyKind
    number: int
    at: datetime
    heard_at: datetime
    ticket: str
    reasons: tuple[str, ...]
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefusedReplyView:
    why: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ReasonView:
    """One reason of the vendor for the people who make the next revision. ``key`` names it. ``settled_by`` is empty
    until a person has ticked it; ``evidence``: the annex that they named."""

    key: str
    revision: int
    kind: ReplyKind
    code: str
    message: str
    wanted: str
    settled_by: str
    settled_at: datetime | None
    note: str
    evidence: str


def detail(heard: JudgedReply, found: VendorReply) -> dict[str, Any]:
    """What the ledger keeps: the envelope itself, and what is shown of it."""
    return {
        "reply": found.kind,
        "number": found.number,
        "ticket": found.ticket,
        "codes": [one.code for one in found.reasons],
        "digest": heard.digest,
        "key": heard.key_id,
        "envelope": heard.envelope.decode(),
    }


def believed(rows: Iterable[DeliveryRow]) -> tuple[VendorReply, ...]:
    """In the order in which they were believed."""
    return tuple(_reply(row) for row in rows if _is_kept(row))


def views(rows: Sequence[DeliveryRow]) -> tuple[ReplyView, ...]:
    return tuple(
        ReplyView(
            one.kind,
            one.number,
            one.at,
            row.at,
            one.ticket,
            tuple(reason.message for reason in one.reasons),
            tuple(reason.wanted for reason in one.reasons if reason.wanted),
        )
        for row in rows
        if _is_kept(row)
        for one in [_reply(row)]
    )


def refused(rows: Sequence[DeliveryRow]) -> tuple[RefusedReplyView, ...]:
    return tuple(
        RefusedReplyView(str(row.detail.get("why", ERASED)), str(row.detail["digest"]), row.at)
        for row in rows
        if row.kind is DeliveryEventKind.REPLY_REFUSED
    )


def checklist(revision: Revision) -> tuple[ReasonView, ...]:
    """The reasons of the last earlier revision that the vendor rejected or needed more for; none once a later one was
    released, because then they were for that one's predecessor."""
    earlier = Revision.objects.filter(packet_id=revision.packet_id, number__lt=revision.number, release__isnull=False)
    last = earlier.order_by("-number").first()
    return () if last is None else reasons(last)


def reasons(last: Revision) -> tuple[ReasonView, ...]:
    """The reasons that the vendor gave for this revision, as people have settled them."""
    rows = ledger.rows_of(last.pk)
    settled = {str(row.detail.get("reason")): row for row in rows if row.kind is DeliveryEventKind.SETTLED}
    found: list[ReasonView] = []
    for row in rows:
        if not _is_kept(row) or row.detail["reply"] not in REASONED:
            continue
        said = _reply(row)
        for index, one in enumerate(said.reasons, start=1):
            key = f"{said.number}.{index}"
            tick = settled.get(key)
            by = tick.detail if tick is not None else {}
            at = tick.at if tick is not None else None
            found.append(
                ReasonView(
                    key,
                    last.number,
                    said.kind,
                    one.code,
                    one.message,
                    one.wanted,
                    str(by.get("by", "")),
                    at,
                    str(by.get("note", "")),
                    str(by.get("evidence", "")),
                )
            )
    return tuple(found)


def shortened(text: str) -> str:
    return text if len(text) <= LIMIT else text[: LIMIT - 1].rstrip() + "…"


def _is_kept(row: DeliveryRow) -> bool:
    """Whether it is a reply of which there is more than its outline: its tenant was not erased."""
    return row.kind is DeliveryEventKind.REPLY and "envelope" in row.detail


def _reply(row: DeliveryRow) -> VendorReply:
    return reply.from_payload(dsse.payload_of(str(row.detail["envelope"]).encode()))
