"""The people a revision concerns: who may sign it now, whose its open holds are, and who approved it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.definitions.active import compiled_profile
from handrail.packets import permissions
from handrail.packets.models import HoldRow, Revision, Vote
from handrail.packets.rows import get_revision_row
from handrail.packets.states import DECIDABLE, RevisionState, VoteKind


@dataclass(frozen=True, slots=True)
class ConcernedPeople:
    """``signers``, ``owners`` and ``voters``: ids of users. ``signer_groups``: the roles that the manifest's signers
    come from; ``hold_owners``: the groups that own open holds."""

    ref: str
    number: int
    state: RevisionState
    expires_at: datetime | None
    signers: frozenset[int]
    owners: frozenset[int]
    voters: frozenset[int]
    signer_groups: tuple[str, ...]
    hold_owners: tuple[str, ...]


def concerned_by(actor: Actor, ref: str, number: int | None, members: Sequence[Actor]) -> ConcernedPeople:
    """Of ``members`` those that revision ``number`` (the newest if None) concerns. Raises NotFound, Denied."""
    row = get_revision_row(actor, ref, number, Capability.PACKET_VIEW)
    assembly = getattr(row, "assembly", None)
    holds = list(HoldRow.objects.filter(revision=row, cleared=None)) if row.state in DECIDABLE else []
    able = [one for one in members if one.covers(workspace_id=row.workspace_id, tenant_id=row.tenant_id)]
    votes = Vote.objects.filter(revision=row, kind=VoteKind.APPROVE).values_list("user_id", flat=True)
    return ConcernedPeople(
        ref=row.packet.ref,
        number=row.number,
        state=RevisionState(row.state),
        expires_at=assembly.expires_at if assembly is not None else None,
        signers=_ids(one for one in able if permissions.why_not_approve(one, row) is None),
        owners=_ids(one for one in able if any(_is_of(one, row, hold) for hold in holds)),
        voters=frozenset(user for user in votes if user is not None),
        signer_groups=tuple(sorted(compiled_profile(row.definition).signers.from_)),
        hold_owners=tuple(sorted({hold.owner for hold in holds})),
    )


def _ids(people: Iterable[Actor]) -> frozenset[int]:
    return frozenset(one.user_id for one in people if one.user_id is not None)


def _is_of(actor: Actor, revision: Revision, hold: HoldRow) -> bool:
    return permissions.why_not_clear(actor, revision, hold) is None
