"""Why somebody may not do something now, and the reasons that people give: the same for every slice."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access.actor import WHOLE_WORKSPACE, Actor
from handrail.access.capabilities import Capability
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.hostile import clean_text

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a stable code, and a sentence that says what to do instead."""

    code: str
    message: str


def missing_capability(actor: Actor, capability: Capability) -> Refusal | None:
    """The refusal for an actor without ``capability``, which names the roles that have it."""
    if actor.may(capability):
        return None
    return Refusal("denied", actor.needs(capability))


def missing_everywhere(actor: Actor, capability: Capability) -> Refusal | None:
    """Like ``missing_capability``, for what concerns the whole workspace: also for an actor of some tenants only."""
    if refusal := missing_capability(actor, capability):
        return refusal
    return None if actor.may_everywhere(capability) else Refusal("denied", WHOLE_WORKSPACE)


def refuse(refusal: Refusal | None) -> None:
    """Raises Conflict with the refusal's code, if there is one."""
    if refusal is not None:
        raise Conflict(refusal.message, code=refusal.code)


def reason_of(given: str) -> str:
    """``given`` as it is kept. Raises Invalid when it is empty or over 500 characters."""
    if len(given) > REASON_LIMIT:
        raise Invalid("The reason is too long.", faults=[Fault("reason", f"at most {REASON_LIMIT} characters")])
    cleaned = clean_text(given, limit=REASON_LIMIT)
    if not cleaned:
        raise Invalid("Say why.", faults=[Fault("reason", "a reason is needed")])
    return cleaned
