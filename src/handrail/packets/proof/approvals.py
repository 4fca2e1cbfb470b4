"""The approvals: a second in-toto Statement whose subject is the manifest's digest (docs/adr/0020)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Fault, Invalid
from handrail.packets.proof import reading, signers, terms
from handrail.packets.proof import votes as signed_votes
from handrail.packets.proof.findings import Code
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.reading import BrokenRule, strict
from handrail.packets.proof.rules import JsonName, Length
from handrail.packets.proof.terms import Digest, Hexadecimal, Instant, Text
from handrail.packets.proof.votes import PasskeyVote

# By the form of the statement: the second says of each vote how it was proved, and carries signed votes (PF-44).
PREDICATE_TYPES: Final = {
    1: "https://handrail.example/packet-approvals/v1",
    2: "https://handrail.example/packet-approvals/v2",
}
SUBJECT_NAME: Final = "manifest"


@strict
class Approval:
    """One person's vote for one manifest: when they gave it, and how they showed that it is theirs.

    ``proof`` None: of the first form, which doesn't say. ``passkey``: the statement that their passkey signed.
    """

    signer: Text
    approved_at: Instant
    proof: ApprovalProof | None = None
    passkey: PasskeyVote | None = None

    def holds_together(self) -> None:
        if (self.proof is ApprovalProof.PASSKEY) != (self.passkey is not None):  # PF-44
            raise ValueError("a signed vote belongs to a vote by passkey, and to no other")


@strict
class Approvals:
    """The counted votes for ``manifest_digest``, ordered by signer; all of one form."""

    manifest_digest: Digest
    votes: Annotated[tuple[Approval, ...], Length(0, signers.MAX_PEOPLE)]

    def holds_together(self) -> None:
        if len({vote.proof is None for vote in self.votes}) > 1:  # PF-44
            raise ValueError("of some votes it says how they were proved, and of others not")

    @property
    def form(self) -> int:
        return 2 if any(vote.proof is not None for vote in self.votes) else 1

    def payload(self) -> bytes:
        """The canonical bytes of the statement."""
        return canonical_bytes(statement(self))


_PredicateType = Literal["https://handrail.example/packet-approvals/v1", "https://handrail.example/packet-approvals/v2"]


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
    predicate_type: Annotated[_PredicateType, JsonName("predicateType")]
    predicate: _Predicate


def statement(approvals: Approvals) -> dict[str, Any]:
    """The approvals as an in-toto Statement v1, plain JSON values."""
    return {
        "_type": terms.STATEMENT_TYPE,
        "subject": [{"name": SUBJECT_NAME, "digest": {"sha256": approvals.manifest_digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPES[approvals.form],
        "predicate": {
            "approvals": [
                {name: value for name, value in reading.plain(vote).items() if value is not None}
                for vote in approvals.votes
            ]
        },
    }


def from_payload(payload: bytes) -> Approvals:
    """Reads ``Approvals.payload``'s bytes back. Raises Invalid for anything but its one canonical form."""
    read = reading.read(_Statement, payload, what="approvals statement")
    try:
        approvals = Approvals("sha256:" + read.subject[0].digest.sha256, read.predicate.approvals)
    except BrokenRule as error:
        raise Invalid(f"The approvals statement is not valid: {error}.", code="proof", faults=error.faults) from None
    if approvals.payload() != payload:  # PF-31, PF-44
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
        yield from _proof_faults(manifest, vote)
    yield from _used_twice(approvals)
    missing = signers.shortfall(manifest.signers, voters)
    if missing:  # PF-36
        yield Code.SHORT_OF_SIGNERS, f"approvals are missing: {'; '.join(missing)}"


def proof_words(manifest: Manifest, vote: Approval) -> str:
    """How a vote was proved, in words, for cover sheets and receivers."""
    if vote.passkey is not None:
        confirmed = vote.passkey.enrolment.confirmed_by
        return f"signed with passkey {vote.passkey.key.digest}" + (f", confirmed by {confirmed}" if confirmed else "")
    said = {ApprovalProof.SECOND_FACTOR: "by a click after a second factor"}.get(
        vote.proof or ApprovalProof.CLICK, "by a click"
    )
    wanted = manifest.signers.required(vote.signer)
    return said if not _is_weak(manifest, vote) else f"{said}, as practice: in production it takes a {wanted}"


def is_practice(manifest: Manifest, approvals: Approvals) -> bool:
    """Whether a vote counts only because the sender's installation is for practice."""
    proofs = manifest.signers.proofs
    return proofs is not None and proofs.practice and any(_is_weak(manifest, vote) for vote in approvals.votes)


def _is_weak(manifest: Manifest, vote: Approval) -> bool:
    return not (vote.proof or ApprovalProof.CLICK).satisfies(manifest.signers.required(vote.signer))


def _proof_faults(manifest: Manifest, vote: Approval) -> Iterator[tuple[Code, str]]:
    proofs = manifest.signers.proofs
    if _is_weak(manifest, vote) and not (proofs and proofs.practice):  # PF-45
        wanted, given = manifest.signers.required(vote.signer), vote.proof or ApprovalProof.CLICK
        yield Code.APPROVAL_TOO_WEAK, f"{vote.signer} approved by {given}, and the manifest asks for {wanted}"
    if vote.passkey is None:
        return
    yield from signed_votes.faults(manifest, vote.signer, vote.passkey)
    if not vote.passkey.statement.issued_at <= vote.approved_at < vote.passkey.statement.expires_at:  # PF-47
        yield Code.SIGNED_VOTE_EXPIRED, f"{vote.signer} approved outside the time that the signed vote allows"


def _used_twice(approvals: Approvals) -> Iterator[tuple[Code, str]]:
    signed = [vote.passkey for vote in approvals.votes if vote.passkey is not None]
    if len({one.statement.nonce for one in signed}) < len(signed):  # PF-47
        yield Code.SIGNED_VOTE_REPLAYED, "two votes carry the same signed statement"
    if len({one.key.digest for one in signed}) < len(signed):  # PF-49
        yield Code.SIGNER_KEY_SHARED, "two people signed with the same key"
