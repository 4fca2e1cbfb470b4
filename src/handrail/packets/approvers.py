"""Who may sign a revision, and whose votes count now: read from the memberships each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.models import Membership
from handrail.access.queries import member_actor
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.hostile import clean_text
from handrail.packets import proving
from handrail.packets.models import Revision, Vote
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.signers import shortfall
from handrail.packets.proof.votes import PasskeyVote
from handrail.packets.states import VoteKind

NAME_LIMIT = 120
ASSEMBLER, HOLD_EDITOR = "assembler", "hold-editor"


@dataclass(frozen=True, slots=True)
class Counted:
    """One approval. ``why_not``: why it does not count any more, empty when it does. ``passkey``: what was signed."""

    user_id: int
    signer: str
    name: str
    at: datetime
    why_not: str
    proof: ApprovalProof
    passkey: PasskeyVote | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """``missing``: in words, what the threshold still needs; empty when it is reached."""

    votes: tuple[Counted, ...]
    missing: tuple[str, ...]

    @property
    def valid(self) -> tuple[Counted, ...]:
        return tuple(vote for vote in self.votes if not vote.why_not)


def signer_id(user_id: int) -> str:
    """How the manifest names a person."""
    return f"usr-{user_id}"


def signer_set(
    profile: CompiledProfile, *, workspace_id: int, tenant_id: int, excluded: Mapping[int, str]
) -> dict[str, Any]:
    """The signer set of a manifest made now: who holds a role that the profile names, and who may not sign and why."""
    roles = profile.signers.from_
    eligible = [
        {"id": signer_id(user), "name": name, "roles": sorted(set(roles) & actor.roles)}
        for user, name, actor in _members(workspace_id, tenant_id)
        if user not in excluded and set(roles) & actor.roles
    ]
    people = {
        "threshold": profile.signers.threshold,
        "quotas": [{"role": role, "least": least} for role, least in sorted(roles.items()) if least],
        "eligible": sorted(eligible, key=lambda one: str(one["id"])),
        "excluded": [{"id": signer_id(user), "why": why} for user, why in sorted(excluded.items())],
    }
    asked = proving.asked(profile.signers)
    return people if asked is None else {**people, "proofs": asked}


def count(revision: Revision, manifest: Manifest, *, manifest_digest: str) -> Count:
    """The approvals of exactly this digest, and what they lack by the memberships as they are now.

    A vote does not count once its voter lost the membership, the tenant, or a role named in the signer set, nor once
    the key that signed it was removed, or where it proves less than the manifest asks for.
    """
    present = {user: actor for user, _, actor in _members(revision.workspace_id, revision.tenant_id)}
    rows = Vote.objects.filter(revision=revision, kind=VoteKind.APPROVE, manifest_digest=manifest_digest)
    cast = list(rows.select_related("proof_row").order_by("at", "pk"))
    votes = tuple(_counted(row, manifest, present.get(row.user_id or 0)) for row in cast)
    valid = [vote.signer for vote in votes if not vote.why_not]
    return Count(votes, shortfall(manifest.signers, valid))


def _counted(row: Vote, manifest: Manifest, actor: Actor | None) -> Counted:
    assert row.user_id is not None  # the database holds it
    signer = manifest.signers.find(signer_id(row.user_id))
    why = ""
    if signer is None:
        why = "is not among its signers"
    elif actor is None:
        why = "is no longer entitled"
    elif lost := sorted(set(signer.roles) - actor.roles):
        why = f"does not hold {', '.join(lost)} any more"
    else:
        why = proving.why_not_counted(row, manifest)
    name, proof = signer.name if signer else row.name, proving.proof_of(row)
    return Counted(row.user_id, signer_id(row.user_id), name, row.at, why, proof, proving.passkey_of(row))


def _members(workspace_id: int, tenant_id: int) -> list[tuple[int, str, Actor]]:
    """Everybody who may sign for this tenant now: user id, name as shown, actor."""
    rows = Membership.objects.filter(workspace_id=workspace_id, is_active=True, user__is_active=True)
    entitled = rows.filter(Q(all_tenants=True) | Q(tenantentitlement__tenant_id=tenant_id)).distinct()
    found = []
    for membership in entitled.select_related("user").prefetch_related("tenantentitlement_set").order_by("user_id"):
        actor = member_actor(membership)
        if actor.may(Capability.PACKET_APPROVE) and actor.covers(workspace_id=workspace_id, tenant_id=tenant_id):
            user = membership.user
            name = clean_text(user.get_full_name() or user.email, limit=NAME_LIMIT)
            found.append((user.pk, name, actor))
    return found
