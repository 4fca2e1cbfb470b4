"""Which replies of a vendor are believed, and why the others are not. Pure: envelopes in, judgements out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import dsse, reply
from handrail.packets.proof.findings import Refused
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.reply import ReplyKind, VendorReply

# The vendor's clock may be ahead of ours by this much.
CLOCK_SKEW = timedelta(minutes=5)
MAX_ENVELOPE_BYTES = 64 * 1024


class Disbelief(StrEnum):
    """Why a reply is not believed."""

    TOO_LARGE = "too-large"
    NOT_SIGNED = "not-signed"
    MALFORMED = "malformed"
    OTHER_MANIFEST = "other-manifest"
    OTHER_LANE = "other-lane"
    OUT_OF_TIME = "out-of-time"
    OUT_OF_ORDER = "out-of-order"
    CONTRADICTS = "contradicts"
    LATE = "late"


# What can't be said any more after these were believed.
_EXCLUDED: Mapping[ReplyKind, frozenset[ReplyKind]] = {
    ReplyKind.ACCEPTED: frozenset({ReplyKind.REJECTED}),
    ReplyKind.REJECTED: frozenset({ReplyKind.ACCEPTED, ReplyKind.NEEDS_MORE}),
    ReplyKind.DELETED: frozenset(ReplyKind),
}
# What still means something once the sender has taken the package back.
_AFTER_THE_END = frozenset({ReplyKind.CONSUMED, ReplyKind.DELETED})


@dataclass(frozen=True, slots=True)
class ReplyTerms:
    """What a reply is judged by. ``since``: when the package was released. ``over``: it was taken back, or ended."""

    keys: KeyRing
    lane: str
    manifest_digest: str
    since: datetime
    at: datetime
    over: bool


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """``reply`` None: it is not believed, and ``why`` says so. ``digest`` is the envelope's."""

    digest: str
    envelope: bytes
    reply: VendorReply | None
    why: Disbelief | None
    key_id: str = ""


def judge(envelopes: Iterable[bytes], believed: Sequence[VendorReply], terms: ReplyTerms) -> Iterator[JudgedReply]:
    """Each envelope that is not among ``believed`` (in the order in which they were), judged in the vendor's own order.

    However they are reordered on the way, those with the lower numbers are judged first. What was believed is not
    judged again: its key may have been rotated or removed since.
    """
    known = list(believed)
    said = {one.digest() for one in known}
    opened = []
    for envelope in envelopes:
        if _payload_digest(envelope) in said:
            continue
        one = _open(envelope, terms)
        if one.reply is None:
            yield one
        else:
            opened.append(one)
    for one in sorted(opened, key=lambda one: (one.reply.number if one.reply else 0, one.digest)):
        assert one.reply is not None  # put there with one
        why = _why_not(one.reply, known, terms)
        if why is None:
            known.append(one.reply)
            yield one
        else:
            yield JudgedReply(one.digest, one.envelope, None, why, one.key_id)


def _payload_digest(envelope: bytes) -> str | None:
    if len(envelope) > MAX_ENVELOPE_BYTES:
        return None
    try:
        return digest_bytes(dsse.payload_of(envelope))
    except Refused:
        return None


def _open(envelope: bytes, terms: ReplyTerms) -> JudgedReply:
    digest = digest_bytes(envelope)
    if len(envelope) > MAX_ENVELOPE_BYTES:
        return JudgedReply(digest, b"", None, Disbelief.TOO_LARGE)
    try:
        opened = dsse.open_envelope(envelope, keys=terms.keys, file="reply")
    except Refused:
        return JudgedReply(digest, envelope, None, Disbelief.NOT_SIGNED)
    try:
        found = reply.from_payload(opened.payload)
    except Invalid:
        return JudgedReply(digest, envelope, None, Disbelief.MALFORMED, opened.key_id)
    return JudgedReply(digest, envelope, found, None, opened.key_id)


def _why_not(found: VendorReply, known: Sequence[VendorReply], terms: ReplyTerms) -> Disbelief | None:
    if found.manifest_digest != terms.manifest_digest:
        return Disbelief.OTHER_MANIFEST
    if found.lane != terms.lane:
        return Disbelief.OTHER_LANE
    if not terms.since - CLOCK_SKEW <= found.at <= terms.at + CLOCK_SKEW:
        return Disbelief.OUT_OF_TIME
    if known and found.number <= known[-1].number:
        return Disbelief.OUT_OF_ORDER
    if any(found.kind in _EXCLUDED.get(one.kind, frozenset()) for one in known):
        return Disbelief.CONTRADICTS
    if terms.over and found.kind not in _AFTER_THE_END:
        return Disbelief.LATE
    return None
