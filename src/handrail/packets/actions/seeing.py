"""Marking what somebody has seen of a revision. Approving asks for all of it (``votes.approve``)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import refuse
from handrail.kernel.errors import Conflict, Fault
from handrail.packets import moves, permissions, seen
from handrail.packets.rows import get_revision_row


@dataclass(frozen=True, slots=True)
class Marked:
    """``seen`` of ``all`` things of the revision have been seen by the person now."""

    seen: int
    all: int


@transaction.atomic
def mark(*, ref: str, revision: int, digests: Collection[str], by: Actor) -> Marked:
    """Keeps that the person has seen the things with these digests. What they have marked before changes nothing.

    Raises NotFound, Denied; Conflict ``digest-differs`` for a digest that nothing of the revision has, or see
    ``why_not_mark_seen``.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_APPROVE, recent=False)
    moves.lock(row.packet_id)
    row.refresh_from_db(fields=["state"])
    refuse(permissions.why_not_mark_seen(by, row))
    wanted = seen.things(row.assembly)
    if strange := sorted(set(digests) - set(wanted.values())):
        raise Conflict(
            "This is not what the revision has now. Look again, then mark it.",
            code="digest-differs",
            faults=[Fault("digest", digest) for digest in strange],
        )
    seen.keep(by, row, digests)
    return Marked(len(wanted) - len(seen.unseen(by, row, ())), len(wanted))
