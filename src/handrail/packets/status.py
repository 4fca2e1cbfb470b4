"""The one fold of a delivery ledger: what its rows say about a delivery, for its worker and for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handrail.connectors.lane import ErrorKind
from handrail.packets.ledger import DeliveryRow
from handrail.packets.states import ASIDE, RESULTS, DeliveryEventKind, DeliveryState

_RESOLVED = frozenset({DeliveryEventKind.ABSENT, DeliveryEventKind.GIVEN_UP})


# What a recall ends with.
_CLOSED = {
    DeliveryEventKind.WITHDRAWN: DeliveryState.WITHDRAWN,
    DeliveryEventKind.NOTICED: DeliveryState.NOTICED,
    DeliveryEventKind.NEVER_DELIVERED: DeliveryState.NEVER_DELIVERED,
}


class DeliveryPhase(StrEnum):
    """What is to be done next."""

    SEND = "send"
    IN_FLIGHT = "in-flight"
    ASK = "ask"
    POLL = "poll"
    RECALL = "recall"
    REFUSED = "refused"
    DONE = "done"


# What people see while a worker has this to do; of what has ended, how.
_STATES = {
    DeliveryPhase.SEND: DeliveryState.SENDING,
    DeliveryPhase.IN_FLIGHT: DeliveryState.SENDING,
    DeliveryPhase.ASK: DeliveryState.UNKNOWN,
    DeliveryPhase.POLL: DeliveryState.DELIVERED,
    DeliveryPhase.RECALL: DeliveryState.RECALLING,
    DeliveryPhase.REFUSED: DeliveryState.REFUSED,
}


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """``phase`` is for the worker, ``state`` for people. ``intent``: the one without a result. ``attempts``: intents so
    far. ``receipt``, ``consumed``, ``recall``: those rows. ``unknown``: the last one whose answer was lost. ``sent``:
    something may have left for the lane. ``last``: the last row; ``step``: the last one that does not stand aside.
    ``statement``: the signed recall.
    """

    phase: DeliveryPhase
    state: DeliveryState
    intent: DeliveryRow | None
    attempts: int
    sent: bool
    unknown: DeliveryRow | None
    receipt: DeliveryRow | None
    consumed: DeliveryRow | None
    recall: DeliveryRow | None
    last: DeliveryRow | None
    step: DeliveryRow | None
    statement: DeliveryRow | None


def fold(ledger: Sequence[DeliveryRow]) -> DeliveryStatus:
    rows = [row for row in ledger if row.kind not in ASIDE]
    answered = {row.intent for row in rows if row.kind in RESULTS}
    intents = [row for row in rows if row.kind is DeliveryEventKind.INTENT]
    unsent = [
        row
        for row in rows
        if row.kind is DeliveryEventKind.NOT_TAKEN and row.detail.get("trouble") == ErrorKind.NOT_SENT
    ]
    open_intent = next((row for row in intents if row.sequence not in answered), None)
    receipt, recall = _first(rows, DeliveryEventKind.RECEIPT), _first(rows, DeliveryEventKind.RECALL)
    phase = _phase(rows, open_intent, receipt, recall)
    return DeliveryStatus(
        phase=phase,
        state=_state(phase, [row.kind for row in rows], recalled=recall is not None),
        intent=open_intent,
        attempts=len(intents),
        sent=len(intents) > len(unsent),
        unknown=_first(rows[::-1], DeliveryEventKind.UNKNOWN),
        receipt=receipt,
        consumed=_first(rows, DeliveryEventKind.CONSUMED),
        recall=recall,
        last=ledger[-1] if ledger else None,
        step=rows[-1] if rows else None,
        statement=_first(ledger, DeliveryEventKind.RECALL_SIGNED),
    )


def _state(phase: DeliveryPhase, kinds: Sequence[DeliveryEventKind], *, recalled: bool) -> DeliveryState:
    """Made from the phase, so that people never see another state than the one that the worker goes by."""
    if phase is DeliveryPhase.IN_FLIGHT and recalled:
        return DeliveryState.RECALLING
    if phase is not DeliveryPhase.DONE:
        return _STATES[phase]
    closed = next((state for kind, state in _CLOSED.items() if kind in kinds), None)
    if closed is not None:
        return closed
    if DeliveryEventKind.GIVEN_UP in kinds:
        return DeliveryState.GIVEN_UP
    return DeliveryState.CONSUMED if DeliveryEventKind.CONSUMED in kinds else DeliveryState.NEVER_DELIVERED


def _first(rows: Sequence[DeliveryRow], kind: DeliveryEventKind) -> DeliveryRow | None:
    return next((row for row in rows if row.kind is kind), None)


def _phase(
    rows: Sequence[DeliveryRow], intent: DeliveryRow | None, receipt: DeliveryRow | None, recall: DeliveryRow | None
) -> DeliveryPhase:
    kinds = {row.kind for row in rows}
    recall_given_up = recall is not None and DeliveryEventKind.GIVEN_UP in _after(rows, DeliveryEventKind.RECALL)
    if not rows or _CLOSED.keys() & kinds or recall_given_up:
        return DeliveryPhase.DONE
    if intent is not None:
        return DeliveryPhase.IN_FLIGHT
    if recall is not None:
        return DeliveryPhase.RECALL
    if (
        receipt is None
        and DeliveryEventKind.UNKNOWN in kinds
        and not _RESOLVED & _after(rows, DeliveryEventKind.UNKNOWN)
    ):
        return DeliveryPhase.ASK
    if {DeliveryEventKind.CONSUMED, DeliveryEventKind.GIVEN_UP} & kinds:
        return DeliveryPhase.DONE
    if receipt is not None:
        return DeliveryPhase.POLL
    return DeliveryPhase.REFUSED if DeliveryEventKind.REFUSED in kinds else DeliveryPhase.SEND


def _after(rows: Sequence[DeliveryRow], kind: DeliveryEventKind) -> set[DeliveryEventKind]:
    """The kinds of the rows behind the last one of ``kind``."""
    last = max(number for number, row in enumerate(rows) if row.kind is kind)
    return {row.kind for row in rows[last + 1 :]}
