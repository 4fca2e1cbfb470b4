"""Reasons that people give: needed, bounded, cleaned."""

from __future__ import annotations

from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.hostile import clean_text
from handrail.packets.permissions import Refusal

REASON_LIMIT = 500


def reason_of(given: str) -> str:
    """``given`` as it is kept. Raises Invalid when it is empty or over 500 characters."""
    if len(given) > REASON_LIMIT:
        raise Invalid("The reason is too long.", faults=[Fault("reason", f"at most {REASON_LIMIT} characters")])
    cleaned = clean_text(given, limit=REASON_LIMIT)
    if not cleaned:
        raise Invalid("Say why.", faults=[Fault("reason", "a reason is needed")])
    return cleaned


def refuse(refusal: Refusal | None) -> None:
    """Raises Conflict with the refusal's code."""
    if refusal is not None:
        raise Conflict(refusal.says, code=refusal.code)
