"""Compares a revision with its sources as they are now, before anybody decides about it."""

from __future__ import annotations

from django.db import transaction

from handrail.access.actor import Actor
from handrail.audit.events import EventName
from handrail.kernel.errors import Stale
from handrail.packets import drift, moves, standing
from handrail.packets.errors import Drifted
from handrail.packets.models import Revision
from handrail.packets.moves import Assembler
from handrail.packets.states import DECIDABLE


def refuse_if_drifted(revision: Revision, *, by: Actor) -> None:
    """Raises Drifted when a source or definition changed, after asking for a new revision, which starts without votes.

    A change of a source that changes nothing that leaves, and raises no hold, is only recorded: the votes stay. Raises
    Unavailable when a source can't be read, NotFound when no version of the profile is active any more.
    """
    moved = drift.moved_since(revision, revision.assembly)
    found = moved.drift
    if not found:
        return
    if standing.still_stands(revision, moved):
        names = sorted({one.source for one in found})
        with transaction.atomic():
            moves.audit(EventName.PACKET_STILL_STANDS, revision, by, sources=names)
        return
    definition = drift.replacing(revision)
    with transaction.atomic():
        moves.lock(revision.packet_id)
        revision.refresh_from_db(fields=["state"])
        if revision.state not in DECIDABLE:
            raise Stale
        moves.begin(
            revision.packet,
            definition,
            found[0].reason,
            assembler=Assembler.before(revision),
            by=by,
            detail=[one.document() for one in found],
        )
    raise Drifted(
        "Something that this revision is based on has changed. A new revision is being assembled; all votes are void.",
        faults=[one.fault() for one in found],
    )
