"""Approving, rejecting and withdrawing one exact revision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Stale
from handrail.packets import approvers, documents, moves, permissions
from handrail.packets import seen as sightings
from handrail.packets.actions.drift import refuse_if_drifted
from handrail.packets.models import Revision, Vote
from handrail.packets.rows import get_revision_row
from handrail.packets.states import RevisionReason, RevisionState, VoteKind


@dataclass(frozen=True, slots=True)
class Approved:
    """``missing``: what the threshold still needs, in words; empty when the revision is approved."""

    state: RevisionState
    missing: tuple[str, ...]


def approve(*, ref: str, revision: int, digest: str, by: Actor, seen: Collection[str] = ()) -> Approved:
    """One person's vote for exactly the manifest ``digest``; the last one needed approves the revision.

    All that leaves must have been seen by that person: marked before (``seeing.mark``), or named here by digest, which
    marks it. Every source is read again first. Raises NotFound, Denied; Drifted (a new revision is being assembled, all
    votes are void); Conflict ``digest-differs``, ``not-seen`` (a fault for each thing: its path and digest) or see
    ``why_not_approve``; Unavailable when a source can't be read; Stale.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_APPROVE)
    named = frozenset(seen)
    _check(row, digest, by, named)
    refuse_if_drifted(row, by=by)
    with transaction.atomic():
        moves.lock(row.packet_id)
        row.refresh_from_db(fields=["state"])
        _check(row, digest, by, named)
        sightings.keep(by, row, named)
        _write(row, VoteKind.APPROVE, by, digest=digest)
        moves.audit(EventName.PACKET_SIGNED, row, by, manifest=digest)
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


def _recount(row: Revision, by: Actor) -> tuple[str, ...]:
    manifest = documents.manifest_of(row.assembly)
    assert manifest is not None  # checked
    missing = approvers.count(row, manifest, manifest_digest=manifest.digest()).missing
    if not missing and row.state == RevisionState.IN_REVIEW:
        moves.move(row, RevisionState.APPROVED, approved_at=now())
        moves.audit(EventName.PACKET_APPROVED, row, by, manifest=manifest.digest())
    return missing


def _write(row: Revision, kind: VoteKind, by: Actor, *, digest: str = "", reason: str = "") -> None:
    try:
        with transaction.atomic():
            Vote.objects.create(
                workspace_id=row.workspace_id,
                tenant_id=row.tenant_id,
                at=now(),
                revision=row,
                kind=kind,
                user_id=by.user_id,
                name=by.name,
                manifest_digest=digest,
                reason=reason,
            )
    except IntegrityError as error:
        raise Stale from error
