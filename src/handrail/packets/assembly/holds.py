"""Clearing holds: who may, and the decision that the next assembly takes into account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from handrail.kernel.errors import Conflict, Invalid
from handrail.kernel.hostile import clean_text
from handrail.packets.assembly.results import Clearance, Hold

MIN_REASON = 10
MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: a stable code and a sentence for whoever asked."""

    code: str
    message: str


def why_not_clear(hold: Hold, roles: Collection[str]) -> Refusal | None:
    """Why somebody with ``roles`` can't clear ``hold``; None when they can. Serves the button and the action alike."""
    if hold.cleared is not None:
        return Refusal("already-cleared", f"This hold was cleared by {hold.cleared.by}.")
    if not hold.clears:
        return Refusal("nobody-clears", f"Nobody clears this hold. {hold.released_by}")
    if not set(hold.clears) & set(roles):
        return Refusal("not-yours-to-clear", f"This hold is cleared by {' or '.join(hold.clears)}.")
    return None


def clear(hold: Hold, *, roles: Collection[str], by: str, reason: str, at: datetime) -> Clearance:
    """The decision to let ``hold`` go, for the next assembly: a revision itself never changes.

    Raises Conflict with the refusal's code; Invalid for a reason under 10 or over 1 000 characters.
    """
    refusal = why_not_clear(hold, roles)
    if refusal is not None:
        raise Conflict(refusal.message, code=refusal.code)
    words = clean_text(reason, limit=MAX_REASON + 1, multiline=True)
    if not MIN_REASON <= len(words) <= MAX_REASON:
        raise Invalid(f"A reason has {MIN_REASON} to {MAX_REASON} characters.", code="reason")
    role = next(role for role in hold.clears if role in roles)
    return Clearance(hold.code, hold.target, hold.digest, role, by, words, at)
