"""The manifest: an in-toto Statement v1 that binds one revision to one lane, audience, signer set and set of holds.

Its canonical bytes (RFC 8785) are the DSSE payload, and their SHA-256 is the digest that approvers sign. Approvals come
after it and live in a second statement (docs/adr/0020). https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import rfc8785

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.kernel.errors import Fault, Invalid
from handrail.packets.proof import reading, terms
from handrail.packets.proof.reading import strict
from handrail.packets.proof.rules import Length, String
from handrail.packets.proof.signers import SignerSet
from handrail.packets.proof.terms import Count, Digest, Instant, Ordinal, PacketRef, Slug, Text

# By the form of the package: the second has a cover sheet, and its manifest names the sender.
PREDICATE_TYPES: Final = {
    1: "https://handrail.example/packet-manifest/v1",
    2: "https://handrail.example/packet-manifest/v2",
}
DOCUMENTS: Final = ("holds.json", "packet.json", "trace.json")
MAX_ANNEXES = 1000
MAX_SOURCES = 1000
MAX_BYTES = 4 * 1024 * 1024
MIN_SALT_BYTES = 16

_SHA256 = "sha256:"
# Names that Windows keeps for devices, with or without an extension: an annex must unpack everywhere.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_PATH = re.compile(r"((holds|packet|trace)\.json|annexes/[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
Path = Annotated[str, String(shape=_PATH.fullmatch)]
MediaType = Annotated[str, String(most=100, shape=_MEDIA_TYPE.fullmatch)]
Names = Annotated[tuple[Slug, ...], Length(0, 100)]


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0. https://www.first.org/tlp/"""

    RED = "TLP:RED"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    AMBER = "TLP:AMBER"
    GREEN = "TLP:GREEN"
    CLEAR = "TLP:CLEAR"


@strict
class ManifestProfile:
    name: Slug
    version: Ordinal
    digest: Digest


@strict
class ManifestAudience:
    """Who receives the release, and how far they may pass it on."""

    tlp: Tlp
    recipients: Annotated[tuple[Slug, ...], Length(1, 100)]


@strict
class Privacy:
    """The classes of field and note that this audience may see, and those that it never does."""

    shows: Names
    never: Names


@strict
class HeldAnnex:
    """The marker of what stays inside. ``digest`` is salted (``held_digest``): content can't be guessed by trying."""

    name: Slug
    kind: Slug
    reason: Slug
    digest: Digest


@strict
class ManifestSource:
    """One authoritative record as it was read: ``version`` is its token, where its source has one."""

    name: Slug
    record: Text
    version: Text | None
    digest: Digest
    read_at: Instant


@strict
class Content:
    """One file that leaves: ``path`` under ``data/``, ``size`` in bytes."""

    path: Path
    media_type: MediaType
    size: Count
    digest: Digest


@strict(kw_only=True)
class Manifest:
    """One revision, exactly. ``supersedes`` is the digest of the manifest that this one replaces. ``sender``: who sends
    it, in words; None in the first form of packages.

    Raises BrokenRule when made of anything that breaks a rule below; ``from_fields`` raises Invalid.
    """

    packet: PacketRef
    revision: Ordinal
    lane: Slug
    profile: ManifestProfile
    audience: ManifestAudience
    privacy: Privacy
    signers: SignerSet
    contents: Annotated[tuple[Content, ...], Length(0, MAX_ANNEXES + len(DOCUMENTS))]
    held: Annotated[tuple[HeldAnnex, ...], Length(0, MAX_ANNEXES)]
    sources: Annotated[tuple[ManifestSource, ...], Length(1, MAX_SOURCES)]
    supersedes: Digest | None
    created_at: Instant
    expires_at: Instant
    sender: Text | None = None

    @property
    def form(self) -> int:
        """The form of its package: 1 as before there were cover sheets, or 2."""
        return 1 if self.sender is None else 2

    def holds_together(self) -> None:
        paths = [content.path for content in self.contents]
        if paths != sorted(paths, key=delivery_order) or not set(DOCUMENTS) <= set(paths):  # PF-26
            raise ValueError("contents are holds.json, packet.json, trace.json, then the annexes by name")
        if len({path.casefold() for path in paths}) != len(paths):  # PF-27
            raise ValueError("two contents have names that some file systems can't tell apart")
        if any(_DEVICE.fullmatch(path.rpartition("/")[2]) for path in paths):  # PF-27
            raise ValueError("an annex has a name that Windows keeps for a device")
        if len({annex.name for annex in self.held}) != len(self.held):  # PF-28
            raise ValueError("a held annex is named twice")
        if self.expires_at <= self.created_at:  # PF-29
            raise ValueError("expires_at must be after created_at")
        if self.supersedes is not None and self.revision == 1:  # PF-29
            raise ValueError("revision 1 supersedes nothing")

    def payload(self) -> bytes:
        """The canonical bytes of the statement: what the envelope carries.

        Raises Invalid when they are over 4 MiB.
        """
        raw = canonical_bytes(statement(self))
        if len(raw) > MAX_BYTES:  # PF-24
            raise Invalid(f"The manifest is {len(raw)} bytes; the limit is {MAX_BYTES}.", code="manifest-too-large")
        return raw

    def digest(self) -> str:
        """What approvers sign and what delivery is idempotent by."""
        return digest_bytes(self.payload())

    def annexes(self) -> tuple[Content, ...]:
        return tuple(content for content in self.contents if content.path not in DOCUMENTS)


def delivery_order(path: str) -> tuple[bool, str]:
    """Sort key: the three documents first, then the annexes."""
    return (path not in DOCUMENTS, path)


def held_digest(*, salt: bytes, chunks: Iterable[bytes]) -> str:
    """HMAC-SHA-256 of the original's bytes, given in ``chunks``, under a salt that stays inside.

    Raises ValueError for a salt under 16 bytes: a short one could be tried out.
    """
    if len(salt) < MIN_SALT_BYTES:  # PF-28
        raise ValueError(f"the salt must be at least {MIN_SALT_BYTES} bytes")
    salted = hmac.new(salt, digestmod=hashlib.sha256)
    for chunk in chunks:
        salted.update(chunk)
    return _SHA256 + salted.hexdigest()


def statement(manifest: Manifest) -> dict[str, Any]:
    """The manifest as an in-toto Statement v1, plain JSON values."""
    unnamed = {"contents"} if manifest.form > 1 else {"contents", "sender"}
    predicate = {name: value for name, value in reading.plain(manifest).items() if name not in unnamed}
    if manifest.signers.proofs is None:  # as before there were any, so that digests stand
        del predicate["signers"]["proofs"]
    subject = [
        {
            "name": content.path,
            "digest": {"sha256": content.digest.removeprefix(_SHA256)},
            "mediaType": content.media_type,
            "annotations": {"size": content.size},
        }
        for content in manifest.contents
    ]
    kind = PREDICATE_TYPES[manifest.form]  # PF-24
    return {"_type": terms.STATEMENT_TYPE, "subject": subject, "predicateType": kind, "predicate": predicate}


def from_fields(fields: Mapping[str, Any]) -> Manifest:
    """A manifest of plain JSON values (instants as RFC 3339 text). Raises Invalid with a fault for each field."""
    try:
        raw = canonical_bytes(dict(fields))
    except rfc8785.CanonicalizationError as error:
        raise Invalid(f"The manifest can't be written as canonical JSON: {error}.", code="proof") from None
    return reading.read(Manifest, raw, what="manifest")


def from_payload(payload: bytes) -> Manifest:
    """Reads ``Manifest.payload``'s bytes back.

    Raises Invalid for anything else, also when only spelling, order or white space differ: a statement has one form.
    """
    if len(payload) > MAX_BYTES:  # PF-24
        raise Invalid(f"The manifest is {len(payload)} bytes; the limit is {MAX_BYTES}.", code="manifest-too-large")
    try:
        document = reading.parsed(payload)
        fields = {**document["predicate"], "contents": [_content(subject) for subject in document["subject"]]}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Invalid("The manifest is not an in-toto Statement v1 of a packet.", code="proof") from None
    manifest = reading.read_plain(Manifest, fields, what="manifest")
    if manifest.payload() != payload:  # PF-24
        fault = Fault("", "the statement is not in its one canonical form, or of another type")
        raise Invalid(f"The manifest is not valid: {fault}.", code="proof", faults=[fault])
    return manifest


def _content(subject: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": subject["name"],
        "media_type": subject["mediaType"],
        "size": subject["annotations"]["size"],
        "digest": _SHA256 + subject["digest"]["sha256"],
    }
