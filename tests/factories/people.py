"""Actors made without rows: a process turned into the person that an act needs."""

from __future__ import annotations

import dataclasses
from typing import Any

from handrail.access.actor import Actor, ActorKind
from handrail.access.decisions import Proof


def as_person(process: Actor, name: str = "person@example.com", **changes: Any) -> Actor:
    """``process``'s workspace and capabilities, as a person who has logged in; ``changes`` are the actor's fields."""
    facts = {"kind": ActorKind.PERSON, "name": name, "user_id": 1_000_001, "proof": Proof.SESSION}
    return dataclasses.replace(process, **{**facts, **changes})
