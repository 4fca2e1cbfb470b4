"""People for tests: actors made without rows, and members' own tokens."""

from __future__ import annotations

import dataclasses
from typing import Any

from handrail.access import proofs, tokens
from handrail.access.actor import Actor, ActorKind
from handrail.access.decisions import Proof
from handrail.access.models import Membership
from handrail.access.queries import member_actor


def as_person(process: Actor, name: str = "person@example.com", **changes: Any) -> Actor:
    """``process``'s workspace and capabilities, as a person who has logged in; ``changes`` are the actor's fields."""
    facts: dict[str, Any] = {"kind": ActorKind.PERSON, "name": name, "user_id": 1_000_001, "proof": Proof.SESSION}
    facts["proven"] = proofs.just_now()
    return dataclasses.replace(process, **{**facts, **changes})


def secret_of(email: str, workspace_id: int, *scopes: str) -> str:
    """A token of a member's own with ``scopes``, or with every act that their roles include."""
    membership = Membership.objects.get(workspace_id=workspace_id, user__email=email)
    owner = member_actor(membership, Proof.SESSION, proofs.just_now())
    return tokens.issue(name="test", days=1, scopes=scopes or owner.capabilities or ["read"], by=owner).secret
