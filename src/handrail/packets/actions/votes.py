"""Approving, rejecting and withdrawing one exact revision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import IntegrityError, transaction

from handrail.access import signatures
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.access.signatures import BegunCeremony, SignatureAnswer, Signed, SignedSubject
from handrail.audit.events import EventName
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Stale
from handrail.packets import approvers, documents, moves, permissions, proving
from handrail.packets import seen as sightings
from handrail.packets.actions.drift import refuse_if_drifted
from handrail.packets.models import Revision, Vote, VoteProof
from handrail.packets.proof.manifest import Manifest
from handrail.packets.rows import get_revision_row
from handrail.packets.states import RevisionReason, RevisionState, VoteKind

_NOT_ASKED = "passkey-not-asked"


@dataclass(frozen=True, slots=True)
class Approved:
    """``missing``: what the threshold still needs, in words; empty when the revision is approved."""

    state: RevisionState
    missing: tuple[str, ...]


def begin(*, ref: str, revision: int, digest: str, session: str, by: Actor) -> BegunCeremony:
    """What the person's passkey is to sign, in the session with this reference, to approve the manifest ``digest``.

    Raises NotFound, Denied; Conflict as ``approve`` does, ``passkey-not-asked`` where the profile asks for none,
    ``site-changed`` where the manifest names another address than these pages', and as ``signatures.begin``.
    """
    # What will show that it is them is the signature itself.
    row = get_revision_row(signatures.proven(by), ref, revision, Capability.PACKET_APPROVE)
    _check(row, digest, by, ())
    manifest = _manifest(row)
    _refuse_not_asked(manifest)
    return signatures.begin(
        actor=by,
        session=session,
        subject=_subject(row),
        statement=partial(proving.vote_statement, manifest, _signer(by)),
    )


def approve(
    *,
    ref: str,
    revision: int,
    digest: str,
    by: Actor,
    seen: Collection[str] = (),
    answer: SignatureAnswer | None = None,
    session: str = "",
) -> Approved:
    """One person's vote for exactly the manifest ``digest``; the last one needed approves the revision.

    ``answer``: their passkey's signature, as ``begin`` asked for it in ``session``. All that leaves must have been seen
    by that person: marked before (``seeing.mark``), or named here by digest, which marks it. Every source is read again
    first. Raises NotFound, Denied; Drifted (a new revision is being assembled, all votes are void); Conflict
    ``digest-differs``, ``not-seen`` (a fault for each thing: its path and digest), ``passkey-needed``,
    ``second-factor-needed``, ``signer-key-shared``, see ``why_not_approve``, or as ``signatures.complete``; Unavailable
    when a source can't be read; Stale.
    """
    by = signatures.proven(by) if answer is not None else by
    row = get_revision_row(by, ref, revision, Capability.PACKET_APPROVE)
    named = frozenset(seen)
    _check(row, digest, by, named)
    _refuse_unproved(row, by, answer)
    refuse_if_drifted(row, by=by)
    with transaction.atomic():
        moves.lock(row.packet_id)
        row.refresh_from_db(fields=["state"])
        _check(row, digest, by, named)
        _refuse_unproved(row, by, answer)
        sightings.keep(by, row, named)
        signed = None
        if answer is not None:
            signed = signatures.complete(actor=by, session=session, subject=_subject(row), answer=answer)
            proving.refuse_shared(row, signed)
        vote = _write(row, VoteKind.APPROVE, by, digest=digest, at=signed.at if signed else None)
        proof = _write_proof(vote, by, signed)
        moves.audit(EventName.PACKET_SIGNED, row, by, manifest=digest, proof=proof.proof, key=proof.key_ref)
        missing = _recount(row, by)
    return Approved(RevisionState(row.state), missing)


@transaction.atomic
def reject(*, ref: str, revision: int, reason: str, by: Actor) -> None:
    """Ends a revision for good. Raises NotFound, Denied, Invalid without a reason, Conflict, Stale."""
    row = get_revision_row(by, ref, revision, Capability.PACKET_APPROVE)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    refuse(permissions.why_not_reject(by, row))
    _write(row, VoteKind.REJECT, by, reason=said)
    moves.end(row, RevisionState.REJECTED, RevisionReason.REJECTED, by=by, reason=said)


@transaction.atomic
def withdraw(*, ref: str, revision: int, reason: str, by: Actor) -> None:
    """Takes a revision back, from the lane too where it is there. Raises as ``reject`` does."""
    row = get_revision_row(by, ref, revision, Capability.PACKET_WITHDRAW)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    refuse(permissions.why_not_withdraw(by, row))
    _write(row, VoteKind.WITHDRAW, by, reason=said)
    moves.end(row, RevisionState.WITHDRAWN, RevisionReason.WITHDRAWN, by=by, reason=said)


def _check(row: Revision, digest: str, by: Actor, seen: Collection[str]) -> None:
    refuse(permissions.why_not_approve(by, row))
    if digest != row.assembly.manifest_digest:
        raise Conflict("This is not the manifest that you were shown. Look again, then decide.", code="digest-differs")
    if missing := sightings.unseen(by, row, seen):
        raise Conflict(
            f"You have not seen all that leaves with this revision. Look at: {', '.join(missing)}.",
            code="not-seen",
            faults=[Fault(path, one) for path, one in missing.items()],
        )


def _refuse_unproved(row: Revision, by: Actor, answer: SignatureAnswer | None) -> None:
    manifest = _manifest(row)
    if answer is not None:
        _refuse_not_asked(manifest)
    given = ApprovalProof.PASSKEY if answer is not None else signatures.proof_of_click(by)
    signatures.refuse_weaker(given, proving.required(manifest, _signer(by)), what="Your approval of this revision")


def _refuse_not_asked(manifest: Manifest) -> None:
    """A signature must be one that the receiver can hold against the manifest."""
    proofs, site = manifest.signers.proofs, signatures.site()
    if proofs is None:
        raise Conflict("The profile of this revision asks for no passkey. Approve it by a click.", code=_NOT_ASKED)
    if (proofs.rp_id, sorted(proofs.origins)) != (site.id, sorted(site.origins)):
        raise Conflict(
            "The address of these pages has changed since this revision was assembled. Assemble it again.",
            code="site-changed",
        )


def _manifest(row: Revision) -> Manifest:
    manifest = documents.manifest_of(row.assembly)
    assert manifest is not None  # checked
    return manifest


def _signer(by: Actor) -> str:
    return approvers.signer_id(signatures.person_of(by))


def _subject(row: Revision) -> SignedSubject:
    return SignedSubject("packet-revision", f"{row.packet.ref}/{row.number}/{row.assembly.manifest_digest}", "approve")


def _write_proof(vote: Vote, by: Actor, signed: Signed | None) -> VoteProof:
    return VoteProof.objects.create(
        workspace_id=vote.workspace_id,
        tenant_id=vote.tenant_id,
        at=vote.at,
        vote=vote,
        revision_id=vote.revision_id,
        user_id=signatures.person_of(by),
        **signatures.columns(signed, clicked=signatures.proof_of_click(by)),
    )


def _recount(row: Revision, by: Actor) -> tuple[str, ...]:
    manifest = _manifest(row)
    missing = approvers.count(row, manifest, manifest_digest=manifest.digest()).missing
    if not missing and row.state == RevisionState.IN_REVIEW:
        moves.move(row, RevisionState.APPROVED, approved_at=now())
        moves.audit(EventName.PACKET_APPROVED, row, by, manifest=manifest.digest())
    return missing


def _write(
    row: Revision, kind: VoteKind, by: Actor, *, digest: str = "", reason: str = "", at: datetime | None = None
) -> Vote:
    try:
        with transaction.atomic():
            return Vote.objects.create(
                workspace_id=row.workspace_id,
                tenant_id=row.tenant_id,
                at=at or now(),
                revision=row,
                kind=kind,
                user_id=by.user_id,
                name=by.name,
                manifest_digest=digest,
                reason=reason,
            )
    except IntegrityError as error:
        raise Stale from error
