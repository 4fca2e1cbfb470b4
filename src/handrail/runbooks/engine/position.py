"""Where a run stands, read off its ledger: the rows are the run's only memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from handrail.runbooks.states import EventKind


class Phase(StrEnum):
    """What is to be done next."""

    CLAIM = "claim"
    CHECK = "check"
    IN_FLIGHT = "in-flight"
    POLL = "poll"
    RETRY = "retry"
    RECONCILE = "reconcile"
    VERIFY = "verify"
    NEXT = "next"
    STOP = "stop"
    ENDED = "ended"


class ResultClass(StrEnum):
    """How an answer was classed by the runbook's table; UNKNOWN where no answer came that could be classed, NOT_SENT
    where nothing was sent that could be answered."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    RETRYABLE = "retryable"
    TERMINAL = "terminal"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    NOT_SENT = "not-sent"


@dataclass(frozen=True, slots=True)
class Row:
    sequence: int
    kind: EventKind
    step: str
    attempt: int | None
    idempotency_key: str
    at: datetime
    deadline_at: datetime | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
    """``attempts`` counts the calls of each step, ``spared`` those that failed with the service and use up no budget;
    ``answers`` holds each step's last declared answer; ``before`` what
    was read last, when prerequisites were checked or a step verified; ``history`` lists every attempt,
    ``evidence`` of the readings that were last written down."""

    phase: Phase
    last: Row
    step: str
    attempts: dict[str, int] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    waited_seconds: float = 0.0
    spared: dict[str, int] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()

    @property
    def repeats(self) -> int:
        """Calls beyond each step's first, but those spared: what the retry budget is spent on."""
        return sum(max(count - self.spared.get(step, 0), 1) - 1 for step, count in self.attempts.items())

    @property
    def is_open(self) -> bool:
        """Whether nobody can say if an action that was under way here took effect."""
        return self.phase in (Phase.IN_FLIGHT, Phase.RECONCILE)


_AFTER_RESULT = {
    ResultClass.SUCCEEDED: Phase.VERIFY,
    ResultClass.PENDING: Phase.POLL,
    ResultClass.RETRYABLE: Phase.RETRY,
    ResultClass.UNKNOWN: Phase.RECONCILE,
    ResultClass.NOT_SENT: Phase.RETRY,
}
_AFTER = {
    EventKind.RECEIVED: Phase.CLAIM,
    EventKind.CLAIMED: Phase.CHECK,
    EventKind.INTENT: Phase.IN_FLIGHT,
    EventKind.UNKNOWN: Phase.RECONCILE,
    EventKind.RECONCILED: Phase.VERIFY,
    EventKind.VERIFIED: Phase.NEXT,
    EventKind.COMPLETED: Phase.ENDED,
    EventKind.EXCEPTION: Phase.ENDED,
    EventKind.CANCELLED: Phase.ENDED,
}


def read(rows: Sequence[Row]) -> Position:
    """The position that ``rows`` (a whole ledger, in order) leave a run in. Raises ValueError for an impossible one."""
    if not rows:
        raise ValueError("a run's ledger begins with the row that received it")
    last = rows[-1]
    phase = _AFTER_RESULT.get(last.detail.get("class", "")) if last.kind is EventKind.RESULT else _AFTER.get(last.kind)
    if "stop" in last.detail:
        phase = Phase.STOP
    if phase is None:
        raise ValueError(f"no ledger ends with {last.kind} {last.detail.get('class', '')}".rstrip())
    attempts: dict[str, int] = {}
    answers: dict[str, dict[str, Any]] = {}
    before: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    spared: dict[str, int] = {}
    waited = 0.0
    for row in rows:
        if row.kind is EventKind.INTENT:
            attempts[row.step] = row.attempt or attempts.get(row.step, 0) + 1
            history.append({"step": row.step, "attempt": row.attempt, "at": row.at.isoformat()})
        elif row.kind is EventKind.RESULT and row.detail.get("class") == ResultClass.NOT_SENT:
            _take_back(attempts, row.step)
            history[-1] |= summary_of(row.detail)
        elif row.kind in (EventKind.RESULT, EventKind.UNKNOWN):
            answers[row.step] = row.detail.get("answer", answers.get(row.step, {}))
            waited += row.detail.get("wait_seconds", 0.0)
            spared[row.step] = spared.get(row.step, 0) + bool(row.detail.get("spared"))
            if history:
                history[-1] |= summary_of(row.detail)
        elif row.kind in (EventKind.CHECKED, EventKind.VERIFIED):
            before |= row.detail.get("readings", {})
            evidence = row.detail.get("evidence", [])
    return Position(phase, last, last.step, attempts, answers, before, waited, spared, tuple(history), tuple(evidence))


def _take_back(attempts: dict[str, int], step: str) -> None:
    """An attempt of which nothing was sent is none: the same one may be made again."""
    attempts[step] -= 1
    if not attempts[step]:
        del attempts[step]


def summary_of(detail: dict[str, Any]) -> dict[str, Any]:
    """What retry ledger and exception packet keep of a result: its class and why, not the answer."""
    return {key: value for key, value in detail.items() if key in _KEPT}


_KEPT = frozenset({"class", "why", "status", "failure", "retry_class", "wait_seconds", "spared"})
