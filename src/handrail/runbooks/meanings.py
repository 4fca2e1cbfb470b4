"""What each kind of ledger row means to a reader: the one record that pages, timeline, CLI and checkpoints read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from handrail.runbooks.states import EventKind, RunState


@dataclass(frozen=True, slots=True)
class EventMeaning:
    """``title`` and ``message``: how a row of this kind reads; ``{step}``, ``{attempt}``, ``{result}`` are filled in.

    ``tone`` is idle, move, wait, good or stop; ``icon`` names its shape. ``stage``: how far a run has come with it,
    None where it says nothing about that. ``checkpoint``: which of a runbook's five labels it passes, if any.
    """

    title: str
    message: str
    tone: str
    icon: str
    stage: RunState | None = None
    checkpoint: str = ""


MEANINGS: Mapping[EventKind, EventMeaning] = MappingProxyType(
    {
        EventKind.RECEIVED: EventMeaning(
            title="Received",
            message="The task was accepted.",
            tone="idle",
            icon="inbox-arrow-down",
            stage=RunState.RECEIVED,
            checkpoint="received",
        ),
        EventKind.CLAIMED: EventMeaning(
            title="Claimed by a worker",
            message="From here on, no other run may act on this subject.",
            tone="move",
            icon="hand-raised",
            stage=RunState.CHECKING,
        ),
        EventKind.CHECKED: EventMeaning(
            title="Prerequisites hold",
            message="Read from the authoritative systems.",
            tone="good",
            icon="check-circle",
            stage=RunState.CHECKING,
            checkpoint="checked",
        ),
        EventKind.INTENT: EventMeaning(
            title="Intent committed: {step}, attempt {attempt}",
            message="Written before the call was made.",
            tone="move",
            icon="bolt",
            stage=RunState.INVOKING,
            checkpoint="invoked",
        ),
        # A result has the tone and icon of its class.
        EventKind.RESULT: EventMeaning(
            title="{result}: {step}, attempt {attempt}",
            message="",
            tone="idle",
            icon="question-mark-circle",
        ),
        EventKind.UNKNOWN: EventMeaning(
            title="{result}: {step}, attempt {attempt}",
            message="",
            tone="stop",
            icon="question-mark-circle",
        ),
        EventKind.RECONCILED: EventMeaning(
            title="Read before acting again: {step}",
            message="The effect is not there.",
            tone="wait",
            icon="magnifying-glass",
            stage=RunState.VERIFYING,
        ),
        EventKind.VERIFIED: EventMeaning(
            title="Verified: {step}",
            message="Read again from the authoritative systems.",
            tone="good",
            icon="eye",
            stage=RunState.VERIFYING,
            checkpoint="verified",
        ),
        EventKind.COMPLETED: EventMeaning(
            title="Completed",
            message="One completion record was written.",
            tone="good",
            icon="check-badge",
            stage=RunState.COMPLETED,
            checkpoint="completed",
        ),
        EventKind.EXCEPTION: EventMeaning(
            title="Stopped",
            message="",
            tone="stop",
            icon="exclamation-triangle",
        ),
        EventKind.CANCELLED: EventMeaning(
            title="Cancelled",
            message="Nothing had been invoked.",
            tone="idle",
            icon="minus-circle",
        ),
    }
)
