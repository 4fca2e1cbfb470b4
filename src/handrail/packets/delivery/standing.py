"""Where a delivery stands, read from its ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handrail.connectors.lane import Trouble
from handrail.packets.ledger import Row
from handrail.packets.states import RESULTS, Entry

_CLOSED = frozenset({Entry.WITHDRAWN, Entry.NOTICED, Entry.NEVER_DELIVERED})


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
class Standing:
    """``intent``: the one without a result. ``attempts``: intents so far. ``receipt``, ``recall``: those rows.

    ``sent``: something may have left for the lane.
    """

    phase: Phase
    intent: Row | None
    attempts: int
    sent: bool
    receipt: Row | None
    recall: Row | None
    last: Row | None


def read(rows: Sequence[Row]) -> Standing:
    answered = {row.intent for row in rows if row.kind in RESULTS}
    intents = [row for row in rows if row.kind is Entry.INTENT]
    open_intent = next((row for row in intents if row.sequence not in answered), None)
    receipt = next((row for row in rows if row.kind is Entry.RECEIPT), None)
    recall = next((row for row in rows if row.kind is Entry.RECALL), None)
    phase = _phase(rows, open_intent, receipt, recall)
    unsent = [row for row in rows if row.kind is Entry.NOT_TAKEN and row.detail.get("trouble") == Trouble.NOT_SENT]
    return Standing(
        phase, open_intent, len(intents), len(intents) > len(unsent), receipt, recall, rows[-1] if rows else None
    )


def _phase(rows: Sequence[Row], intent: Row | None, receipt: Row | None, recall: Row | None) -> Phase:
    kinds = [row.kind for row in rows]
    if not rows or _CLOSED & set(kinds):
        return Phase.DONE
    if intent is not None:
        return Phase.IN_FLIGHT
    if receipt is None and Entry.UNKNOWN in kinds:
        after = kinds[len(kinds) - 1 - kinds[::-1].index(Entry.UNKNOWN) :]
        if Entry.ABSENT not in after:
            return Phase.ASK
    if recall is not None:
        return Phase.RECALL
    if Entry.CONSUMED in kinds:
        return Phase.DONE
    if receipt is not None:
        return Phase.POLL
    return Phase.REFUSED if Entry.REFUSED in kinds else Phase.SEND
