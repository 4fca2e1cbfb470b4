"""Where a delivery stands, read from its ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handrail.connectors.lane import Trouble
from handrail.packets.ledger import Row
from handrail.packets.states import RESULTS, Entry

_CLOSED = frozenset({Entry.WITHDRAWN, Entry.NOTICED, Entry.NEVER_DELIVERED})
_RESOLVED = frozenset({Entry.ABSENT, Entry.GIVEN_UP})


class Phase(StrEnum):
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
    """``intent``: the one without a result. ``attempts``: intents so far. ``receipt``, ``consumed``, ``recall``: those
    rows. ``unknown``: the last one whose answer was lost. ``sent``: something may have left for the lane.
    """

    phase: Phase
    intent: Row | None
    attempts: int
    sent: bool
    unknown: Row | None
    receipt: Row | None
    consumed: Row | None
    recall: Row | None
    last: Row | None


def fold(rows: Sequence[Row]) -> DeliveryStatus:
    answered = {row.intent for row in rows if row.kind in RESULTS}
    intents = [row for row in rows if row.kind is Entry.INTENT]
    unsent = [row for row in rows if row.kind is Entry.NOT_TAKEN and row.detail.get("trouble") == Trouble.NOT_SENT]
    open_intent = next((row for row in intents if row.sequence not in answered), None)
    receipt, recall = _first(rows, Entry.RECEIPT), _first(rows, Entry.RECALL)
    return DeliveryStatus(
        phase=_phase(rows, open_intent, receipt, recall),
        intent=open_intent,
        attempts=len(intents),
        sent=len(intents) > len(unsent),
        unknown=_first(rows[::-1], Entry.UNKNOWN),
        receipt=receipt,
        consumed=_first(rows, Entry.CONSUMED),
        recall=recall,
        last=rows[-1] if rows else None,
    )


def _first(rows: Sequence[Row], kind: Entry) -> Row | None:
    return next((row for row in rows if row.kind is kind), None)


def _phase(rows: Sequence[Row], intent: Row | None, receipt: Row | None, recall: Row | None) -> Phase:
    kinds = {row.kind for row in rows}
    if not rows or _CLOSED & kinds or (recall and Entry.GIVEN_UP in _after(rows, Entry.RECALL)):
        return Phase.DONE
    if intent is not None:
        return Phase.IN_FLIGHT
    if recall is not None:
        return Phase.RECALL
    if receipt is None and Entry.UNKNOWN in kinds and not _RESOLVED & _after(rows, Entry.UNKNOWN):
        return Phase.ASK
    if {Entry.CONSUMED, Entry.GIVEN_UP} & kinds:
        return Phase.DONE
    if receipt is not None:
        return Phase.POLL
    return Phase.REFUSED if Entry.REFUSED in kinds else Phase.SEND


def _after(rows: Sequence[Row], kind: Entry) -> set[Entry]:
    """The kinds of the rows behind the last one of ``kind``."""
    last = max(number for number, row in enumerate(rows) if row.kind is kind)
    return {row.kind for row in rows[last + 1 :]}
