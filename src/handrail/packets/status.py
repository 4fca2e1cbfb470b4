"""The one fold of a delivery ledger: what its rows say about a delivery, for its worker and for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handrail.connectors.lane import ErrorKind
from handrail.packets.ledger import DeliveryRow
from handrail.packets.states import RESULTS, DeliveryEventKind

_CLOSED = frozenset({DeliveryEventKind.WITHDRAWN, DeliveryEventKind.NOTICED, DeliveryEventKind.NEVER_DELIVERED})
_RESOLVED = frozenset({DeliveryEventKind.ABSENT, DeliveryEventKind.GIVEN_UP})


class DeliveryState(StrEnum):
    """How far a delivery is, as people see it. ``unknown``: an answer was lost, and the lane has not been asked yet."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DELIVERED = "delivered"
    CONSUMED = "consumed"
    RECALLING = "recalling"
    GIVEN_UP = "given-up"
    NEVER_DELIVERED = "never-delivered"
    NOTICED = "noticed"
    WITHDRAWN = "withdrawn"


# The furthest first: the first of these kinds that a ledger holds decides.
_STATES = {
    DeliveryEventKind.WITHDRAWN: DeliveryState.WITHDRAWN,
    DeliveryEventKind.NOTICED: DeliveryState.NOTICED,
    DeliveryEventKind.NEVER_DELIVERED: DeliveryState.NEVER_DELIVERED,
    DeliveryEventKind.GIVEN_UP: DeliveryState.GIVEN_UP,
    DeliveryEventKind.RECALL: DeliveryState.RECALLING,
    DeliveryEventKind.CONSUMED: DeliveryState.CONSUMED,
    DeliveryEventKind.RECEIPT: DeliveryState.DELIVERED,
    DeliveryEventKind.REFUSED: DeliveryState.REFUSED,
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


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """``phase`` is for the worker, ``state`` for people. ``intent``: the one without a result. ``attempts``: intents so
    far. ``receipt``, ``consumed``, ``recall``: those rows. ``unknown``: the last one whose answer was lost. ``sent``:
    something may have left for the lane.
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


def fold(rows: Sequence[DeliveryRow]) -> DeliveryStatus:
    answered = {row.intent for row in rows if row.kind in RESULTS}
    intents = [row for row in rows if row.kind is DeliveryEventKind.INTENT]
    unsent = [
        row
        for row in rows
        if row.kind is DeliveryEventKind.NOT_TAKEN and row.detail.get("trouble") == ErrorKind.NOT_SENT
    ]
    open_intent = next((row for row in intents if row.sequence not in answered), None)
    receipt, recall = _first(rows, DeliveryEventKind.RECEIPT), _first(rows, DeliveryEventKind.RECALL)
    return DeliveryStatus(
        phase=_phase(rows, open_intent, receipt, recall),
        state=_state([row.kind for row in rows]),
        intent=open_intent,
        attempts=len(intents),
        sent=len(intents) > len(unsent),
        unknown=_first(rows[::-1], DeliveryEventKind.UNKNOWN),
        receipt=receipt,
        consumed=_first(rows, DeliveryEventKind.CONSUMED),
        recall=recall,
        last=rows[-1] if rows else None,
    )


def _state(kinds: Sequence[DeliveryEventKind]) -> DeliveryState:
    known = next((state for kind, state in _STATES.items() if kind in kinds), None)
    if known is not None:
        return known
    return DeliveryState.UNKNOWN if kinds and kinds[-1] is DeliveryEventKind.UNKNOWN else DeliveryState.SENDING


def _first(rows: Sequence[DeliveryRow], kind: DeliveryEventKind) -> DeliveryRow | None:
    return next((row for row in rows if row.kind is kind), None)


def _phase(
    rows: Sequence[DeliveryRow], intent: DeliveryRow | None, receipt: DeliveryRow | None, recall: DeliveryRow | None
) -> DeliveryPhase:
    kinds = {row.kind for row in rows}
    if not rows or _CLOSED & kinds or (recall and DeliveryEventKind.GIVEN_UP in _after(rows, DeliveryEventKind.RECALL)):
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
