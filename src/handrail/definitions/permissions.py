"""What may be done with a definition, and why not: one answer for button, API and action."""

from __future__ import annotations

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal, missing_everywhere
from handrail.definitions.models import Definition
from handrail.definitions.states import DEFINITION, DefinitionState
from handrail.kernel.errors import Fault
from handrail.kernel.hostile import has_unseen

UNSEEN = "leave out control, format and direction characters"


def why_not_propose(text: str, version: int, there: Definition | None, active: Definition | None) -> str:
    """Why ``text`` can't be proposed as ``version``; empty where it can, or is the proposal that there is. ``there``:
    what has that version already; ``active``: the active version of the same name."""
    if there is not None:
        is_same = there.text == text and there.state in (DefinitionState.PROPOSED, DefinitionState.ACTIVE)
        used = f"Version {there.version} of {there.name} was used already ({there.state}). Raise the version."
        return "" if is_same else used
    if active is not None and active.version >= version:
        return f"Version {active.version} of {active.name} is active; propose a higher one."
    return ""


def unseen(**shown: str) -> list[Fault]:
    """What lists show of a definition, where it has characters that are not seen, such as direction overrides. Only a
    new text is refused for it: what was approved before stays as it is."""
    return [Fault(field, UNSEEN) for field, text in shown.items() if has_unseen(text)]


def why_not_approve(actor: Actor, definition: Definition, active: Definition | None) -> Refusal | None:
    """``active`` is the active version of the same kind and name, if there is one."""
    if refusal := _why_not_decide(actor, definition):
        return refusal
    if active is not None and active.version >= definition.version:
        return Refusal(
            "version-not-newer",
            f"Version {active.version} is active. Propose the text again under a higher version.",
        )
    return None


def why_not_reject(actor: Actor, definition: Definition) -> Refusal | None:
    return _why_not_decide(actor, definition)


def why_not_deprecate(actor: Actor, definition: Definition) -> Refusal | None:
    if refusal := missing_everywhere(actor, Capability.DEFINITION_DECIDE):
        return refusal
    if DEFINITION.allows(DefinitionState(definition.state), DefinitionState.DEPRECATED):
        return None
    return Refusal("not-active", f"Only an active definition can be deprecated; this one is {definition.state}.")


def why_not_request_return(actor: Actor, definition: Definition, active: Definition | None) -> Refusal | None:
    """``active`` is the active version of the same kind and name, if there is one."""
    if refusal := missing_everywhere(actor, Capability.DEFINITION_PROPOSE):
        return refusal
    if refusal := _why_not_back(definition, active):
        return refusal
    if definition.return_requested_by is not None:
        return Refusal(
            "return-requested", f"{definition.return_requested_by} has asked already. A governance owner decides."
        )
    return None


def why_not_bring_back(actor: Actor, definition: Definition, active: Definition | None) -> Refusal | None:
    if refusal := missing_everywhere(actor, Capability.DEFINITION_DECIDE):
        return refusal
    if refusal := _why_not_back(definition, active):
        return refusal
    if definition.return_requested_by is None:
        return Refusal("return-not-requested", "Nobody has asked for this version. Ask for it; another person decides.")
    if definition.return_requested_by == actor.name:
        return Refusal("own-request", "You asked for this yourself. Another governance owner must decide.")
    return None


def _why_not_back(definition: Definition, active: Definition | None) -> Refusal | None:
    if definition.state != DefinitionState.DEPRECATED:
        return Refusal("not-deprecated", f"Only a deprecated version can come back; this one is {definition.state}.")
    if active is not None:
        return Refusal("version-active", f"Version {active.version} is active. Deprecate it first.")
    return None


def _why_not_decide(actor: Actor, definition: Definition) -> Refusal | None:
    if refusal := missing_everywhere(actor, Capability.DEFINITION_DECIDE):
        return refusal
    if definition.state != DefinitionState.PROPOSED:
        return Refusal("already-decided", f"This was decided already: it is {definition.state}.")
    if definition.proposed_by == actor.name:
        return Refusal("own-proposal", "You proposed this yourself. Another governance owner must decide.")
    return None
