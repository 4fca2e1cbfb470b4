"""The recall: the sender's signed statement that a package no longer counts, consumed or not (docs/adr/0094).

Its subject is the manifest's digest, and its envelope the one of ``dsse``, signed with a release key. The package
itself stays what it was: it still verifies, and a receiver with the recall knows that it was taken back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text
from handrail.packets.proof import dsse
from handrail.packets.proof.findings import Refused
from handrail.packets.proof.keys import KeyRing

PREDICATE_TYPE: Final = "https://handrail.example/packet-recall/v1"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
SUBJECT_NAME: Final = "manifest"
MAX_WORDS = 500
MAX_BYTES = 16 * 1024
MAX_REVISION = 2**53 - 1

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PACKET = re.compile(r"PKT-[0-9A-HJKMNP-TV-Z]{10}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, IndexError)


class RecallReason(StrEnum):
    """Why it is taken back, as a class: what is known of it inside stays inside."""

    WRONG_RECIPIENT = "wrong-recipient"
    WRONG_CONTENT = "wrong-content"
    SENT_BY_MISTAKE = "sent-by-mistake"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class RecallRequest(StrEnum):
    """What the receiver is asked to do with the package."""

    RETURN = "return"
    DELETE = "delete"
    DISREGARD = "disregard"


@dataclass(frozen=True, slots=True)
class PackageRecall:
    """One recall. ``words``: what the person who recalled it wrote, where the profile lets that leave; else empty."""

    manifest_digest: str
    packet: str
    revision: int
    lane: str
    reason: RecallReason
    asks: RecallRequest
    recalled_at: datetime
    words: str = ""

    def __post_init__(self) -> None:
        _require(_DIGEST.fullmatch(self.manifest_digest) is not None, "subject", "it names no manifest digest")
        _require(_PACKET.fullmatch(self.packet) is not None, "packet", "a reference like PKT-7K3M9QX2ZA")
        _require(1 <= self.revision <= MAX_REVISION, "revision", "a number from 1")
        named = len(self.lane) <= 100 and _SLUG.fullmatch(self.lane) is not None  # noqa: PLR2004
        _require(named, "lane", "a lane's name is words in lower case, joined by hyphens")
        _require(clean_text(self.words, limit=MAX_WORDS) == self.words, "words", "one clean line")

    def payload(self) -> bytes:
        """The canonical bytes of the statement."""
        return canonical_bytes(statement(self))

    def digest(self) -> str:
        return digest_bytes(self.payload())


def statement(recall: PackageRecall) -> dict[str, Any]:
    """The recall as an in-toto Statement v1, plain JSON values."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": SUBJECT_NAME, "digest": {"sha256": recall.manifest_digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "packet": recall.packet,
            "revision": recall.revision,
            "lane": recall.lane,
            "reason": recall.reason.value,
            "asks": recall.asks.value,
            "recalled_at": recall.recalled_at.astimezone(UTC).strftime(_INSTANT),
            "words": recall.words,
        },
    }


def from_payload(payload: bytes) -> PackageRecall:
    """Reads ``PackageRecall.payload``'s bytes back. Raises Invalid for anything but its one canonical form."""
    if len(payload) > MAX_BYTES:
        raise _invalid(Fault("", f"it is over {MAX_BYTES} bytes"))
    try:
        read = json.loads(payload)
        said = read["predicate"]
        if type(said["revision"]) is not int:
            raise TypeError
        recall = PackageRecall(
            manifest_digest="sha256:" + read["subject"][0]["digest"]["sha256"],
            packet=said["packet"],
            revision=said["revision"],
            lane=said["lane"],
            reason=RecallReason(said["reason"]),
            asks=RecallRequest(said["asks"]),
            recalled_at=datetime.strptime(said["recalled_at"], _INSTANT).replace(tzinfo=UTC),
            words=said["words"],
        )
        same = recall.payload() == payload
    except _UNREADABLE:
        raise _invalid(Fault("", "it doesn't have the form of a recall")) from None
    if not same:
        raise _invalid(Fault("", "the statement is not in its one canonical form"))
    return recall


def opened(envelope: bytes, *, keys: KeyRing, file: str = "recall") -> PackageRecall:
    """The recall in a signed envelope. Raises Refused where the signature doesn't hold, Invalid for another content."""
    return from_payload(dsse.open_envelope(envelope, keys=keys, file=file).payload)


def find(envelopes: Iterable[bytes], manifest_digest: str, *, keys: KeyRing) -> PackageRecall | None:
    """The first recall of this manifest whose signature holds. Everything else is passed over."""
    for envelope in envelopes:
        try:
            recall = opened(envelope, keys=keys)
        except (Refused, Invalid):
            continue
        if recall.manifest_digest == manifest_digest:
            return recall
    return None


def _require(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise _invalid(Fault(where, message))


def _invalid(fault: Fault) -> Invalid:
    return Invalid(f"The recall is not valid: {fault}.", code="recall", faults=[fault])
