"""What a token may do of what its member may do: only read, or the acts that it names."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability

READ = "read"
# Of tokens from before there were scopes; none is made with it any more.
EVERYTHING = "everything"
READING = frozenset(one for one in Capability if one.endswith(":view"))


def unknown(scopes: Collection[str]) -> set[str]:
    """Those of ``scopes`` that a new token can't have."""
    return set(scopes) - {READ} - set(Capability)


def narrowed(actor: Actor, *, token: str, scopes: Collection[str]) -> Actor:
    """``actor`` as far as a token's ``scopes`` go. A word that means nothing here, such as the name of a capability
    that is gone, allows nothing."""
    allowed = frozenset(Capability) if EVERYTHING in scopes else frozenset(one for one in Capability if one in scopes)
    if READ in scopes:
        allowed |= READING
    return dataclasses.replace(
        actor,
        capabilities=actor.capabilities & allowed,
        withheld=actor.capabilities - allowed,
        token=token,
        origin={**actor.origin, "token": token},
    )
