"""Like exception packets taken over or resolved together. Each is decided on its own, by the action that does it alone,
with an audit event of its own: what can't be done is named, and keeps none of the others from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.kernel.errors import Fault, HandrailError, Invalid
from handrail.runbooks import outcomes
from handrail.runbooks.actions import exceptions
from handrail.runbooks.actions.exceptions import note_of
from handrail.runbooks.models import ExceptionPacket

TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Together:
    """What came of one of several: done where ``code`` is empty; else why not."""

    ref: str
    code: str = ""
    message: str = ""


def take_together(*, refs: Sequence[str], by: Actor) -> list[Together]:
    """Takes each of ``refs`` over that nobody has, in this order. Raises Denied, and Invalid where they are none, more
    than TOGETHER, or not of one runbook and reason."""
    by.require(Capability.EXCEPTION_TAKE)
    return [_tried(ref, lambda ref=ref: exceptions.take(ref=ref, by=by)) for ref in _alike(refs, by)]  # type: ignore[misc]


def resolve_together(*, refs: Sequence[str], outcome: str, note: str, by: Actor, waiting: str = "") -> list[Together]:
    """Resolves each of ``refs`` that the actor has, with the same outcome, note and decision. Raises Invalid for an
    outcome or a note that none can be resolved with as well, and as above."""
    by.require(Capability.EXCEPTION_RESOLVE)
    like = _alike(refs, by)
    text = note_of(note, "Say what was done.", "a resolution needs a note")
    _refuse_unknown(outcome, like, by)

    def resolve(ref: str) -> None:
        exceptions.resolve(ref=ref, outcome=outcome, note=text, waiting=waiting, by=by)

    return [_tried(ref, lambda ref=ref: resolve(ref)) for ref in like]  # type: ignore[misc]


def _refuse_unknown(outcome: str, refs: Sequence[str], by: Actor) -> None:
    """Raises Invalid where none of ``refs`` can have this outcome: they may be of several versions of the runbook."""
    packets = scoped(by, ExceptionPacket.objects.filter(ref__in=refs)).select_related("run__definition")
    runs = {packet.run.definition_id: packet.run for packet in packets}
    codes = {code: None for run in runs.values() for code in outcomes.known(run)}
    if runs and outcome not in codes:
        fault = Fault("outcome", f"one of: {', '.join(codes)}")
        raise Invalid("Say what became of them.", faults=[fault], code="outcome")


def _alike(refs: Sequence[str], by: Actor) -> list[str]:
    """``refs``, each once. What the actor can't see is not looked at: the action answers it as missing."""
    asked = list(dict.fromkeys(refs))
    if not 1 <= len(asked) <= TOGETHER:
        raise Invalid("That can't be done together.", faults=[Fault("refs", f"1 to {TOGETHER} exception packets")])
    kinds = scoped(by, ExceptionPacket.objects.filter(ref__in=asked)).values_list("run__runbook", "reason").distinct()
    if len(kinds) > 1:
        fault = Fault("refs", "only exception packets of one runbook that stopped for the same reason")
        raise Invalid("That can't be done together.", faults=[fault])
    return asked


def _tried(ref: str, act: Callable[[], None]) -> Together:
    try:
        act()
    except HandrailError as error:
        why = "; ".join(fault.message for fault in error.faults) or error.message
        return Together(ref, error.code, why)
    return Together(ref)
