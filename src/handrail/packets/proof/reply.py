"""The reply: what a receiver answers about one manifest, an in-toto Statement that the receiver signs (docs/adr/0094).

Its envelope is the one of ``dsse``, with a key of the receiver's. A reply has one byte form, so that its digest names
it: the same reply twice is one reply.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text

PREDICATE_TYPE: Final = "https://handrail.example/packet-reply/v1"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
SUBJECT_NAME: Final = "manifest"
MAX_REASONS = 50
MAX_TICKET = 120
MAX_WORDS = 500
MAX_NUMBER = 1_000_000
MAX_BYTES = 48 * 1024

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexError)


class ReplyKind(StrEnum):
    """What the receiver says. ``rejected`` and ``needs-more`` have reasons; ``accepted`` may name a ticket."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NEEDS_MORE = "needs-more"
    CONSUMED = "consumed"
    DELETED = "deleted"


REASONED = frozenset({ReplyKind.REJECTED, ReplyKind.NEEDS_MORE})


@dataclass(frozen=True, slots=True)
class ReplyReason:
    """One thing that the receiver minds. ``wanted``: the evidence that would settle it; may be empty."""

    code: str
    message: str
    wanted: str = ""

    def __post_init__(self) -> None:
        _require(_is_slug(self.code), "reasons", "a code is words in lower case, joined by hyphens")
        _require(bool(self.message) and _is_clean(self.message, MAX_WORDS), "reasons", "a message is one clean line")
        _require(_is_clean(self.wanted, MAX_WORDS), "reasons", "what is wanted is one clean line")


@dataclass(frozen=True, slots=True)
class VendorReply:
    """One reply. ``number``: the receiver counts its replies on this manifest from 1, so that their order is known.

    ``lane``: the receiver's own. ``at``: when it was written, by the receiver's clock.
    """

    manifest_digest: str
    lane: str
    number: int
    kind: ReplyKind
    at: datetime
    ticket: str = ""
    reasons: tuple[ReplyReason, ...] = ()

    def __post_init__(self) -> None:  # PF-55
        _require(_DIGEST.fullmatch(self.manifest_digest) is not None, "subject", "it names no manifest digest")
        _require(_is_slug(self.lane), "lane", "a lane's name is words in lower case, joined by hyphens")
        _require(1 <= self.number <= MAX_NUMBER, "number", f"a number from 1 to {MAX_NUMBER}")
        _require(_is_clean(self.ticket, MAX_TICKET), "ticket", f"one clean line of at most {MAX_TICKET} characters")
        _require(len(self.reasons) <= MAX_REASONS, "reasons", f"at most {MAX_REASONS} reasons")
        reasoned = self.kind in REASONED
        _require(
            bool(self.reasons) is reasoned, "reasons", "reasons stand with rejected and needs-more, and only there"
        )
        _require(not self.ticket or self.kind is not ReplyKind.DELETED, "ticket", "what was deleted has no ticket")

    def payload(self) -> bytes:
        """The canonical bytes of the statement."""
        return canonical_bytes(statement(self))

    def digest(self) -> str:
        return digest_bytes(self.payload())


def statement(reply: VendorReply) -> dict[str, Any]:  # PF-54
    """The reply as an in-toto Statement v1, plain JSON values."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": SUBJECT_NAME, "digest": {"sha256": reply.manifest_digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "lane": reply.lane,
            "number": reply.number,
            "reply": reply.kind.value,
            "replied_at": reply.at.astimezone(UTC).strftime(_INSTANT),
            "ticket": reply.ticket,
            "reasons": [{"code": one.code, "message": one.message, "wanted": one.wanted} for one in reply.reasons],
        },
    }


def from_payload(payload: bytes) -> VendorReply:
    """Reads ``VendorReply.payload``'s bytes back. Raises Invalid for anything but its one canonical form."""
    if len(payload) > MAX_BYTES:
        raise _invalid(Fault("", f"it is over {MAX_BYTES} bytes"))
    try:
        read = json.loads(payload)
        said = read["predicate"]
        reply = VendorReply(
            manifest_digest="sha256:" + read["subject"][0]["digest"]["sha256"],
            lane=_text(said["lane"]),
            number=_whole(said["number"]),
            kind=ReplyKind(said["reply"]),
            at=datetime.strptime(said["replied_at"], _INSTANT).replace(tzinfo=UTC),
            ticket=_text(said["ticket"]),
            reasons=tuple(
                ReplyReason(_text(one["code"]), _text(one["message"]), _text(one["wanted"]))
                for one in said["reasons"][: MAX_REASONS + 1]
            ),
        )
        same = reply.payload() == payload
    except _UNREADABLE:
        raise _invalid(Fault("", "it doesn't have the form of a reply")) from None
    if not same:
        raise _invalid(Fault("", "the statement is not in its one canonical form"))
    return reply


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _is_slug(text: str) -> bool:
    return len(text) <= 100 and _SLUG.fullmatch(text) is not None  # noqa: PLR2004


def _is_clean(text: str, limit: int) -> bool:
    return clean_text(text, limit=limit) == text


def _require(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise _invalid(Fault(where, message))


def _invalid(fault: Fault) -> Invalid:
    return Invalid(f"The reply is not valid: {fault}.", code="reply", faults=[fault])
