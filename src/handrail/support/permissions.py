"""Who may ask for support, and which handoffs are possible here, apart from each other: one answer for every face."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import CLOSED
from handrail.access.refusals import Refusal, missing_capability
from handrail.connectors.desk import Desk
from handrail.support.states import HandoffMode


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """One handoff mode as a form offers it. ``effect`` is what submitting will write; ``refusal``: why not here."""

    mode: HandoffMode
    label: str
    effect: str
    refusal: Refusal | None


_LABELS = {
    HandoffMode.INTERNAL_ONLY: "Internal only",
    HandoffMode.CREATE: "Create external ticket",
    HandoffMode.LINK: "Link existing ticket",
}
HANDRAIL_ONLY = "Handrail only"
HANDRAIL_AND_DESK = "Handrail + external support desk"
NO_DESK = "No external support desk is configured, so a request can only be kept internal."


def submission_effect(mode: HandoffMode) -> str:
    """What submitting with ``mode`` writes. Linking writes nothing in the desk: it notes a ticket that exists."""
    return HANDRAIL_AND_DESK if mode is HandoffMode.CREATE else HANDRAIL_ONLY


def why_not_request(actor: Actor, *, closed: bool = False) -> Refusal | None:
    """Why ``actor`` may not ask for support in a context of their scope, whose tenant may be ``closed``."""
    if refusal := missing_capability(actor, Capability.SUPPORT_REQUEST):
        return refusal
    return Refusal("tenant-closed", CLOSED) if closed else None


def why_not_mode(mode: HandoffMode, desk: Desk | None) -> Refusal | None:
    """Why a request can't be handed over by ``mode`` in this installation."""
    if mode is HandoffMode.INTERNAL_ONLY or desk is not None:
        return None
    return Refusal("desk-unconfigured", NO_DESK)


def mode_choices(desk: Desk | None) -> tuple[ModeChoice, ...]:
    """Every mode in the order of a form, the default first."""
    return tuple(
        ModeChoice(mode, _LABELS[mode], submission_effect(mode), why_not_mode(mode, desk)) for mode in HandoffMode
    )
