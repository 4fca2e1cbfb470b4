"""Holds: cleared, or what they found in a text masked, with a reason by the roles that the profile names. Either makes
a new revision."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid, NotFound
from handrail.packets import drift, moves, permissions
from handrail.packets.actions.assembling import Requested
from handrail.packets.assembly.texts import mask_digest
from handrail.packets.models import Clearance, HoldRow, Revision
from handrail.packets.moves import Assembler
from handrail.packets.rows import get_revision_row
from handrail.packets.states import RevisionReason

MOST_TARGETS = 200


def clear(*, ref: str, revision: int, code: str, target: str, reason: str, by: Actor) -> Requested:
    """Records the decision and requests the next revision, in which it counts; this one is superseded.

    Raises NotFound, Denied, Invalid without a reason, Conflict (see ``why_not_clear``), Stale.
    """
    return clear_all(ref=ref, revision=revision, code=code, targets=[target], reason=reason, by=by)


@transaction.atomic
def clear_all(*, ref: str, revision: int, code: str, targets: Sequence[str], reason: str, by: Actor) -> Requested:
    """Clears the holds of one code on ``targets`` in one act: one reason, one next revision, in which all of it counts;
    all of them or none.

    Raises NotFound, Denied, Invalid without a reason or target, Conflict (see ``why_not_clear``), Stale.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_CLEAR_HOLD)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    found = _named(row, code, targets)
    for hold in found:
        refuse(permissions.why_not_clear(by, row, hold))
    for hold in found:
        _write(row, hold, said, by)
    detail = [{"code": code, "target": hold.target} for hold in found]
    following = moves.begin(
        row.packet,
        drift.replacing(row),
        RevisionReason.CLEARANCE,
        assembler=Assembler.before(row),
        by=by,
        detail=detail,
    )
    return Requested(row.packet.ref, following.number, following.pk)


@transaction.atomic
def mask(*, ref: str, revision: int, code: str, targets: Sequence[str], reason: str, by: Actor) -> Requested:
    """Masks what the holds of one code on ``targets`` found in texts, in one act, and requests the next revision, in
    which a visible mark stands in each of these places; the originals stay inside.

    Raises NotFound, Denied, Invalid without a reason or target, Conflict (see ``why_not_mask``), Stale.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_CLEAR_HOLD)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    found = _named(row, code, targets)
    for hold in found:
        refuse(permissions.why_not_mask(by, row, hold))
    salt = bytes(row.packet.salt)
    for hold in found:
        role = next(role for role in hold.masks or () if role in by.roles)
        marks = [mask_digest(salt, code, hold.target, one) for one in hold.internal["facts"]]
        _keep(row, hold, role, said, by, masks=marks)
        moves.audit(EventName.PACKET_TEXT_MASKED, row, by, code=code, target=hold.target, role=role)
    detail = [{"code": code, "target": hold.target} for hold in found]
    following = moves.begin(
        row.packet, drift.replacing(row), RevisionReason.MASK, assembler=Assembler.before(row), by=by, detail=detail
    )
    return Requested(row.packet.ref, following.number, following.pk)


def _named(row: Revision, code: str, targets: Sequence[str]) -> list[HoldRow]:
    """The holds of one code on these targets, in this order. Raises Invalid, NotFound."""
    wanted = list(dict.fromkeys(targets))
    if not 0 < len(wanted) <= MOST_TARGETS:
        fault = Fault("targets", f"one to {MOST_TARGETS} targets of holds")
        raise Invalid("Say on which fields the holds are.", faults=[fault])
    found = {hold.target: hold for hold in HoldRow.objects.filter(revision=row, code=code, target__in=wanted)}
    for target in wanted:
        if target not in found:
            raise NotFound(f"Revision {row.number} has no hold {code} on {target}.")
    return [found[target] for target in wanted]


def _write(revision: Revision, hold: HoldRow, reason: str, by: Actor) -> None:
    role = next(role for role in hold.clears if role in by.roles)
    _keep(revision, hold, role, reason, by)
    moves.audit(EventName.PACKET_HOLD_CLEARED, revision, by, code=hold.code, target=hold.target, role=role)


def _keep(
    revision: Revision, hold: HoldRow, role: str, reason: str, by: Actor, *, masks: list[str] | None = None
) -> None:
    assert by.user_id is not None  # refused before
    Clearance.objects.create(
        workspace_id=revision.workspace_id,
        tenant_id=revision.tenant_id,
        at=now(),
        packet_id=revision.packet_id,
        revision=revision,
        code=hold.code,
        target=hold.target,
        digest=hold.digest,
        role=role,
        by=by.name,
        user_id=by.user_id,
        reason=reason,
        masks=masks,
    )
