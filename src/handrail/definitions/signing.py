"""How decisions that make a definition active are proved: by a click, or by the person's own signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.access import signatures
from handrail.access.actor import Actor
from handrail.access.signatures import BegunCeremony, Occasion, SignatureAnswer, SignedSubject
from handrail.definitions.models import DecisionProof, Definition
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.clock import now

STATEMENT = "https://handrail.example/definition-vote/v1"
APPROVE, RETURN = "approve", "return"


@dataclass(frozen=True, slots=True)
class DecisionProofView:
    """``key``: the reference of the passkey, empty for a click. ``statement`` and the rest, in base64: what was signed
    and the signature, as anybody can check it."""

    act: str
    by: str
    at: datetime
    proof: str
    key: str
    statement: str
    public_key: str
    algorithm: str
    authenticator_data: str
    client_data: str
    signature: str
    enrolment: dict[str, Any] | None


def wanted() -> ApprovalProof:
    """What approving a definition takes in this installation."""
    return signatures.settings.get().definitions


def why_not_sign(actor: Actor) -> str:
    """Why the actor can't sign a decision with a passkey now; empty where they can, or none is asked for."""
    return (signatures.why_not_sign(actor) or "") if wanted() is ApprovalProof.PASSKEY else ""


def begin(row: Definition, act: str, *, session: str, actor: Actor) -> BegunCeremony:
    """Raises Conflict and Misconfigured as ``signatures.begin``."""

    def statement(occasion: Occasion) -> bytes:
        return canonical_bytes(
            {
                "type": STATEMENT,
                "workspace": row.workspace.slug,
                "kind": str(row.kind),
                "name": row.name,
                "version": row.version,
                "digest": row.digest,
                "act": act,
                "signer": f"usr-{actor.user_id}",
                "nonce": occasion.nonce,
                "issued_at": occasion.issued_at.isoformat(),
                "expires_at": occasion.expires_at.isoformat(),
            }
        )

    return signatures.begin(actor=actor, session=session, subject=_subject(row, act), statement=statement)


def prove(row: Definition, act: str, *, actor: Actor, session: str, answer: SignatureAnswer | None) -> None:
    """Writes how ``act`` is proved, in its transaction. Raises Conflict: ``passkey-needed``, ``second-factor-needed``,
    or as ``signatures.complete``."""
    clicked = signatures.proof_of_click(actor)
    given = ApprovalProof.PASSKEY if answer is not None else clicked
    signatures.refuse_weaker(given, wanted(), what="Approving a definition")
    signed = None
    if answer is not None:
        signed = signatures.complete(actor=actor, session=session, subject=_subject(row, act), answer=answer)
    if actor.user_id is None:
        return
    DecisionProof.objects.create(
        workspace_id=row.workspace_id,
        definition=row,
        act=act,
        at=signed.at if signed else now(),
        by=actor.name,
        user_id=actor.user_id,
        **signatures.columns(signed, clicked=clicked),
    )


def list_proofs(row: Definition) -> tuple[DecisionProofView, ...]:
    """How each decision about the definition was proved, the oldest first."""
    found = DecisionProof.objects.filter(definition=row).order_by("at", "pk")
    return tuple(
        DecisionProofView(
            one.act,
            one.by,
            one.at,
            one.proof,
            one.key_ref,
            one.statement,
            one.public_key,
            one.algorithm,
            one.authenticator_data,
            one.client_data,
            one.signature,
            one.enrolment,
        )
        for one in found
    )


def _subject(row: Definition, act: str) -> SignedSubject:
    return SignedSubject("definition", f"{row.pk}/{row.digest}", act)
