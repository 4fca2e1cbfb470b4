"""When a revision expires, whether it has, and how it is withdrawn then: the one place that compares the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from handrail.access.actor import Actor
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.kernel.clock import now
from handrail.packets import leases, moves
from handrail.packets.assembly.results import Assembled
from handrail.packets.models import Assembly, Revision
from handrail.packets.states import RevisionReason, RevisionState


def expires_at(profile: CompiledProfile, made: Assembled) -> datetime:
    """What the manifest and the row both say."""
    return made.at + timedelta(seconds=profile.expires_after_seconds)


def has_expired(assembly: Assembly) -> bool:
    return now() >= assembly.expires_at


def withdraw_expired(revision: Revision, *, by: Actor) -> None:
    """Withdraws a revision that has expired, whatever its votes. Raises Stale when somebody ended it first."""
    with transaction.atomic():
        moves.lock(revision.packet_id)
        revision.refresh_from_db(fields=["state"])
        if has_expired(revision.assembly):
            moves.end(revision, RevisionState.WITHDRAWN, RevisionReason.EXPIRED, by=by)


def is_left_to_delivery(revision: Revision) -> bool:
    """A revision that is at its lane, or may be: its delivery first asks whether it was consumed."""
    return revision.state == RevisionState.RELEASED and revision.due_at is not None


def expired(*, limit: int) -> list[tuple[int, int]]:
    """Id and workspace of the revisions to withdraw now, the oldest first, but for those left to their delivery."""
    return leases.expired(now(), limit=limit)
