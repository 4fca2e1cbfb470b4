"""The statement that a person's passkey signs for one approval, and whether the signature over it holds.

The challenge of the assertion is the SHA-256 of the statement's canonical bytes (RFC 8785), so the signature is over
packet, revision, manifest, lane, signer, and a number used once (docs/adr/0092). Public keys are SubjectPublicKeyInfo:
checking needs no CBOR.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Final

from handrail.kernel.assertions import (
    MAX_CLIENT_DATA,
    Algorithm,
    Assertion,
    CredentialKey,
    NotProved,
    RelyingParty,
    check,
)
from handrail.kernel.canonical import canonical_bytes
from handrail.packets.proof import reading
from handrail.packets.proof.findings import Code
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.reading import strict
from handrail.packets.proof.rules import String
from handrail.packets.proof.terms import Digest, Hexadecimal, Instant, Ordinal, PacketRef, Slug, Text

VOTE_TYPE: Final = "https://handrail.example/packet-vote/v1"
APPROVE: Final = "approve"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def _canonical_base64(text: str) -> None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise ValueError("is not in the one form of base64")


Base64 = Annotated[str, String(1, 2 * MAX_CLIENT_DATA, shape=_BASE64.fullmatch, check_text=_canonical_base64)]


@strict(kw_only=True)
class VoteStatement:
    """What is signed. ``vote``: the act, of which there is one, ``approve``. ``nonce`` is used once."""

    packet: PacketRef
    revision: Ordinal
    manifest_digest: Digest
    lane: Slug
    vote: Slug
    signer: Text
    nonce: Hexadecimal
    issued_at: Instant
    expires_at: Instant

    def payload(self) -> bytes:
        """The canonical bytes, whose SHA-256 is the challenge."""
        return canonical_bytes({"type": VOTE_TYPE, **reading.plain(self)})


@strict(kw_only=True)
class KeyEnrolment:
    """How the key came to count for its person: when it was enrolled, who enrolled it, and who confirmed it."""

    key: Text
    enrolled_at: Instant
    enrolled_by: Text
    confirmed_at: Instant | None
    confirmed_by: Text | None


@strict(kw_only=True)
class PasskeyVote:
    """A signed vote: the assertion and the public key in base64."""

    statement: VoteStatement
    authenticator_data: Base64
    client_data: Base64
    signature: Base64
    public_key: Base64
    algorithm: Algorithm
    enrolment: KeyEnrolment

    @property
    def key(self) -> CredentialKey:
        return CredentialKey(base64.b64decode(self.public_key), self.algorithm)

    @property
    def assertion(self) -> Assertion:
        parts = (self.authenticator_data, self.client_data, self.signature)
        return Assertion(*(base64.b64decode(one) for one in parts))


def from_text(text: str) -> VoteStatement:
    """The statement that was signed, from its canonical text. Raises Invalid."""
    value = reading.parsed(text.encode())
    return reading.read_plain(VoteStatement, {key: value[key] for key in value if key != "type"}, what="signed vote")


def faults(manifest: Manifest, signer: str, vote: PasskeyVote) -> Iterator[tuple[Code, str]]:
    """Why this signature is not ``signer``'s approval of ``manifest``; nothing when it is."""
    statement = vote.statement
    if statement.manifest_digest != manifest.digest():  # PF-46
        yield Code.SIGNED_VOTE_OTHER_MANIFEST, f"{signer} signed another manifest"
    if (statement.packet, statement.revision) != (manifest.packet, manifest.revision):  # PF-46
        yield Code.SIGNED_VOTE_OTHER_REVISION, f"{signer} signed another packet or revision"
    if statement.lane != manifest.lane:  # PF-46
        yield Code.SIGNED_VOTE_OTHER_LANE, f"{signer} signed for the lane {statement.lane}"
    if statement.vote != APPROVE:  # PF-46
        yield Code.SIGNED_VOTE_OTHER_ACT, f"{signer} signed something else than an approval"
    if statement.signer != signer:  # PF-46
        yield Code.SIGNED_VOTE_OTHER_SIGNER, f"what {signer} is counted with was signed as {statement.signer}"
    proofs = manifest.signers.proofs
    party = RelyingParty(proofs.rp_id, proofs.origins) if proofs else RelyingParty("", ())
    try:
        check(vote.assertion, key=vote.key, challenge=hashlib.sha256(statement.payload()).digest(), party=party)
    except NotProved as error:  # PF-48
        yield Code(error.reason.value), f"the signature of {signer} doesn't count: {error.message}"
