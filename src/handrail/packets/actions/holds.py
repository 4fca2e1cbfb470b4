"""Holds: cleared with a reason by the roles that the profile names. Clearing one makes a new revision."""

from __future__ import annotations

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import NotFound
from handrail.packets import drift, moves, permissions
from handrail.packets.actions.assembling import Requested
from handrail.packets.models import Clearance, HoldRow, Revision
from handrail.packets.moves import Assembler
from handrail.packets.rows import get_revision_row
from handrail.packets.states import RevisionReason


@transaction.atomic
def clear(*, ref: str, revision: int, code: str, target: str, reason: str, by: Actor) -> Requested:
    """Records the decision and requests the next revision, in which it counts; this one is superseded.

    Raises NotFound, Denied, Invalid without a reason, Conflict (see ``why_not_clear``), Stale.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_CLEAR_HOLD)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    hold = HoldRow.objects.filter(revision=row, code=code, target=target).first()
    if hold is None:
        raise NotFound(f"Revision {row.number} has no hold {code} on {target}.")
    refuse(permissions.why_not_clear(by, row, hold))
    _write(row, hold, said, by)
    definition = drift.replacing(row)
    detail = [{"code": code, "target": target}]
    following = moves.begin(
        row.packet, definition, RevisionReason.CLEARANCE, assembler=Assembler.before(row), by=by, detail=detail
    )
    return Requested(row.packet.ref, following.number, following.pk)


def _write(revision: Revision, hold: HoldRow, reason: str, by: Actor) -> None:
    assert by.user_id is not None  # refused before
    role = next(role for role in hold.clears if role in by.roles)
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
    )
    moves.audit(EventName.PACKET_HOLD_CLEARED, revision, by, code=hold.code, target=hold.target, role=role)
