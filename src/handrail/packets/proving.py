"""How approvals are proved: what a manifest asks for, what a vote shows, and whether its key still counts."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access import signatures
from handrail.access.actor import Actor
from handrail.access.signatures import Occasion, Signed
from handrail.definitions.profile.format import SignersSpec
from handrail.kernel.assertions import Algorithm, ApprovalProof
from handrail.kernel.errors import Conflict
from handrail.kernel.hostile import clean_text
from handrail.packets.models import Revision, Vote, VoteProof
from handrail.packets.proof import votes as signed_votes
from handrail.packets.proof.findings import Code
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.votes import APPROVE, KeyEnrolment, PasskeyVote, VoteStatement

_NAME_LIMIT = 254


def asked(signers: SignersSpec) -> dict[str, Any] | None:
    """What a manifest made now says of proofs; None where the profile asks for clicks alone."""
    roles = [
        {"role": role, "proof": proof.value}
        for role, proof in signers.proofs.items()
        if proof is not ApprovalProof.CLICK
    ]
    if not roles:
        return None
    site = signatures.site()
    practice = signatures.settings.get().practice
    return {"roles": roles, "practice": practice, "rp_id": site.id, "origins": list(site.origins)}


def required(manifest: Manifest, signer: str) -> ApprovalProof:
    """What this signer's approval must prove here and now: a click where both manifest and installation are for
    practice."""
    return ApprovalProof.CLICK if _is_practice(manifest) else manifest.signers.required(signer)


@dataclass(frozen=True, slots=True)
class ApprovalWay:
    """How the actor approves a revision here: what is asked of them, and what its profile asks for, which is more where
    the installation is for practice. ``why_not_sign``: why they can't sign with a passkey now, empty where they can."""

    asked: ApprovalProof
    profile: ApprovalProof
    why_not_sign: str

    @property
    def practice(self) -> bool:
        return self.asked is not self.profile

    @property
    def signs(self) -> bool:
        return self.asked is ApprovalProof.PASSKEY


def way(actor: Actor, manifest: Manifest) -> ApprovalWay:
    signer = f"usr-{actor.user_id}"
    wanted = required(manifest, signer)
    why_not = signatures.why_not_sign(actor) if wanted is ApprovalProof.PASSKEY else None
    return ApprovalWay(wanted, manifest.signers.required(signer), why_not or "")


def vote_statement(manifest: Manifest, signer: str, occasion: Occasion) -> bytes:
    """The statement that ``signer`` signs to approve ``manifest``."""
    made = VoteStatement(
        packet=manifest.packet,
        revision=manifest.revision,
        manifest_digest=manifest.digest(),
        lane=manifest.lane,
        vote=APPROVE,
        signer=signer,
        nonce=occasion.nonce,
        issued_at=occasion.issued_at,
        expires_at=occasion.expires_at,
    )
    return made.payload()


def refuse_shared(revision: Revision, signed: Signed) -> None:
    """Raises Conflict where somebody else has signed the revision with the same key, as receivers refuse it."""
    same = VoteProof.objects.filter(revision_id=revision.pk, public_key=b64encode(signed.key.spki).decode())
    if same.exclude(user_id=signed.person_key.user_id).exists():
        raise Conflict(
            "Somebody else has signed this revision with the same key. A key is one person's: have it removed.",
            code=Code.SIGNER_KEY_SHARED.value,
        )


def proof_of(vote: Vote) -> ApprovalProof:
    row = _row(vote)
    return ApprovalProof(row.proof) if row is not None else ApprovalProof.CLICK


def passkey_of(vote: Vote) -> PasskeyVote | None:
    """The signed vote of a vote by passkey, as it leaves in the approvals."""
    row = _row(vote)
    if row is None or row.proof != ApprovalProof.PASSKEY:
        return None
    return PasskeyVote(
        statement=signed_votes.from_text(row.statement),
        authenticator_data=row.authenticator_data,
        client_data=row.client_data,
        signature=row.signature,
        public_key=row.public_key,
        algorithm=Algorithm(row.algorithm),
        enrolment=_enrolment(row.enrolment or {}),
    )


def why_not_counted(vote: Vote, manifest: Manifest) -> str:
    """Why a vote does not count by how it was proved; empty where it does."""
    assert vote.user_id is not None  # the database holds it
    row, given = _row(vote), proof_of(vote)
    wanted = required(manifest, f"usr-{vote.user_id}")
    if not given.satisfies(wanted):
        return f"was approved by {given}, and {wanted} is asked for"
    if row is None or given is not ApprovalProof.PASSKEY:
        return ""
    return signatures.why_not_counted(vote.user_id, vote.workspace_id, row.key_ref)


def _is_practice(manifest: Manifest) -> bool:
    proofs = manifest.signers.proofs
    return proofs is not None and proofs.practice and signatures.settings.get().practice


def _row(vote: Vote) -> VoteProof | None:
    return getattr(vote, "proof_row", None)


def _enrolment(kept: dict[str, Any]) -> KeyEnrolment:
    confirmed_at, confirmed_by = kept["confirmed_at"], kept["confirmed_by"]
    return KeyEnrolment(
        key=kept["key"],
        enrolled_at=datetime.fromisoformat(kept["enrolled_at"]),
        enrolled_by=clean_text(kept["enrolled_by"], limit=_NAME_LIMIT),
        confirmed_at=datetime.fromisoformat(confirmed_at) if confirmed_at else None,
        confirmed_by=clean_text(confirmed_by, limit=_NAME_LIMIT) if confirmed_by else None,
    )
