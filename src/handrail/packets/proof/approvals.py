"""The approvals: a second in-toto Statement whose subject is the manifest's digest (docs/adr/0020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Fault, Invalid
from handrail.packets.proof import reading, signers, terms
from handrail.packets.proof.findings import Code
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.reading import strict
from handrail.packets.proof.rules import JsonName, Length, instant_text
from handrail.packets.proof.terms import Digest, Hexadecimal, Instant, Text

PREDICATE_TYPE: Final = "https://handrail.example/packet-approvals/v1"
SUBJECT_NAME: Final = "manifest"


@strict
class Approval:
    """One person's vote for one manifest: who posted its digest back, and when."""

    signer: Text
    approved_at: Instant


@strict
class Approvals:
    """The counted votes for ``manifest_digest``, ordered by signer."""

    manifest_digest: Digest
    votes: Annotated[tuple[Approval, ...], Length(0, signers.MAX_PEOPLE)]

    def payload(self) -> bytes:
        """The canonical bytes of the statement."""
        return canonical_bytes(statement(self))


@strict
class _Digests:
    sha256: Hexadecimal


@strict
class _Subject:
    name: Literal["manifest"]
    digest: _Digests


@strict
class _Predicate:
    approvals: Annotated[tuple[Approval, ...], Length(0, signers.MAX_PEOPLE)]


@strict
class _Statement:
    type: Annotated[terms.StatementType, JsonName("_type")]
    subject: Annotated[tuple[_Subject, ...], Length(1, 1)]
    predicate_type: Annotated[Literal["https://handrail.example/packet-approvals/v1"], JsonName("predicateType")]
    predicate: _Predicate


def statement(approvals: Approvals) -> dict[str, Any]:
    """The approvals as an in-toto Statement v1, plain JSON values."""
    return {
        "_type": terms.STATEMENT_TYPE,
        "subject": [{"name": SUBJECT_NAME, "digest": {"sha256": approvals.manifest_digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "approvals": [
                {"signer": vote.signer, "approved_at": instant_text(vote.approved_at)} for vote in approvals.votes
            ]
        },
    }


def from_payload(payload: bytes) -> Approvals:
    """Reads ``Approvals.payload``'s bytes back. Raises Invalid for anything but its one canonical form."""
    read = reading.read(_Statement, payload, what="approvals statement")
    approvals = Approvals("sha256:" + read.subject[0].digest.sha256, read.predicate.approvals)
    if approvals.payload() != payload:  # PF-31
        fault = Fault("", "the statement is not in its one canonical form")
        raise Invalid(f"The approvals statement is not valid: {fault}.", code="proof", faults=[fault])
    return approvals


def faults(manifest: Manifest, approvals: Approvals) -> Iterator[tuple[Code, str]]:
    """Why these approvals don't open this manifest; nothing when they do. Sealing and verifying both ask this."""
    if approvals.manifest_digest != manifest.digest():  # PF-32
        yield Code.OTHER_MANIFEST, "the approvals are of another manifest than the one in the package"
        return
    voters = [vote.signer for vote in approvals.votes]
    if voters != sorted(set(voters)):  # PF-33
        yield Code.MALFORMED_APPROVALS, "somebody is counted twice, or the approvals are not ordered by signer"
    for vote in approvals.votes:
        why = manifest.signers.why_excluded(vote.signer)
        if manifest.signers.find(vote.signer) is None:  # PF-34
            yield Code.NOT_A_SIGNER, f"{vote.signer} may not approve this revision ({why or 'not among its signers'})"
        if not manifest.created_at <= vote.approved_at < manifest.expires_at:  # PF-35
            yield Code.APPROVED_OUT_OF_TIME, f"{vote.signer} approved outside the time that the manifest allows"
    missing = signers.shortfall(manifest.signers, voters)
    if missing:  # PF-36
        yield Code.SHORT_OF_SIGNERS, f"approvals are missing: {'; '.join(missing)}"
