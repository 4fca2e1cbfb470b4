"""A run's ledger told to a person: stages, entries, attempts, and what was read beside what was required."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.kernel.clock import now
from handrail.runbooks.queries import LedgerRow, RunDetail
from handrail.runbooks.states import EventKind, RunState
from handrail.web.runs import timeline
from handrail.web.runs.readings import Source, sources
from handrail.web.runs.timeline import Timeline
from handrail.web.shell import words

STAGES = (RunState.RECEIVED, RunState.CHECKING, RunState.INVOKING, RunState.VERIFYING, RunState.COMPLETED)
_REACHED_BY = {
    EventKind.RECEIVED: RunState.RECEIVED,
    EventKind.CLAIMED: RunState.CHECKING,
    EventKind.CHECKED: RunState.CHECKING,
    EventKind.INTENT: RunState.INVOKING,
    EventKind.VERIFIED: RunState.VERIFYING,
    EventKind.RECONCILED: RunState.VERIFYING,
    EventKind.COMPLETED: RunState.COMPLETED,
}
_NAME = re.compile(r"\b[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\b(?!\()")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Stage:
    """``standing``: done, now, stopped or ahead."""

    state: RunState
    standing: str


@dataclass(frozen=True, slots=True)
class Line:
    """One ledger row as it reads. ``tone`` and ``icon`` are its shape; ``state`` a badge where it carries a class."""

    row: LedgerRow
    title: str
    says: str
    tone: str
    icon: str
    facts: list[tuple[str, str]]
    since: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A condition that held, and the readings that it speaks of. What does not hold stops the run instead."""

    condition: str
    readings: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Verified:
    step: str
    at: datetime
    proofs: list[Proof]
    sources: list[Source]


@dataclass(frozen=True, slots=True)
class RunPage:
    detail: RunDetail
    stages: list[Stage]
    lines: list[Line]
    verified: list[Verified]
    checked: list[Source]
    timeline: Timeline
    mark: str
    took: str
    stop: dict[str, Any] | None

    @property
    def moving(self) -> bool:
        return not self.detail.summary.ended


def present(detail: RunDetail) -> RunPage:
    summary, ledger = detail.summary, detail.ledger
    end = summary.finished_at or now()
    return RunPage(
        detail=detail,
        stages=_stages(detail),
        lines=[_line(row, summary.created_at) for row in ledger],
        verified=list(_verified(detail)),
        checked=_checked(ledger),
        timeline=timeline.draw(ledger, start=summary.created_at, end=end, ended=summary.ended),
        mark=f"{ledger[-1].sequence if ledger else 0}-{summary.state}",
        took=words.span((end - summary.created_at).total_seconds()),
        stop=next((row.detail for row in reversed(ledger) if row.kind is EventKind.EXCEPTION), None),
    )


def _stages(detail: RunDetail) -> list[Stage]:
    state = detail.summary.state
    reached = {_REACHED_BY[row.kind] for row in detail.ledger if row.kind in _REACHED_BY} | {RunState.RECEIVED}
    if any(row.kind is EventKind.RESULT and row.detail.get("class") == "succeeded" for row in detail.ledger):
        reached.add(RunState.VERIFYING)
    if state in STAGES:
        return [Stage(s, _standing(STAGES.index(s), STAGES.index(state), state)) for s in STAGES]
    last = max(STAGES.index(s) for s in reached)
    return [Stage(s, "done" if i < last else "stopped" if i == last else "ahead") for i, s in enumerate(STAGES)]


def _standing(index: int, current: int, state: RunState) -> str:
    if index < current or state is RunState.COMPLETED:
        return "done"
    return "now" if index == current else "ahead"


def _line(row: LedgerRow, start: datetime) -> Line:
    title, says, tone, icon = _told(row)
    since = words.span((row.at - start).total_seconds())
    return Line(row, title, says, tone, icon, list(_facts(row)), since)


def _told(row: LedgerRow) -> tuple[str, str, str, str]:
    """Title, sentence, tone and icon of a ledger row."""
    step = row.step.replace("_", " ")
    detail = row.detail
    match row.kind:
        case EventKind.RESULT | EventKind.UNKNOWN:
            result = str(detail.get("class", "unknown"))
            tone, icon = words.STATES.get(result, ("idle", "question-mark-circle"))
            return f"{words.humanise(result)}: {step}, attempt {row.attempt}", str(detail.get("why", "")), tone, icon
        case EventKind.EXCEPTION:
            return "Stopped", str(detail.get("says", "")), "stop", "exclamation-triangle"
        case EventKind.INTENT:
            return (
                f"Intent committed: {step}, attempt {row.attempt}",
                "Written before the call was made.",
                "move",
                "bolt",
            )
        case EventKind.VERIFIED:
            return f"Verified: {step}", "Read again from the authoritative systems.", "good", "eye"
        case EventKind.RECONCILED:
            seen = detail.get("effect") == "present"
            says = "The effect is there: verified next." if seen else "The effect is not there."
            return f"Looked before acting again: {step}", says, "good" if seen else "wait", "magnifying-glass"
        case _:
            title, says, tone, icon = _PLAIN[row.kind]
            return title, says, tone, icon


_PLAIN = {
    EventKind.RECEIVED: ("Received", "The task was taken on.", "idle", "inbox-arrow-down"),
    EventKind.CLAIMED: ("Taken up by a worker", "No other run may now touch this subject.", "move", "hand-raised"),
    EventKind.CHECKED: ("Prerequisites hold", "Read from the authoritative systems.", "good", "check-circle"),
    EventKind.COMPLETED: ("Completed", "One completion record was written.", "good", "check-badge"),
    EventKind.CANCELLED: ("Cancelled", "Before anything was invoked.", "idle", "minus-circle"),
}
_FACTS = {
    "status": "HTTP status",
    "failure": "Transport",
    "retry_class": "Retry class",
    "connector": "Connector",
    "effect": "Effect",
    "then": "Then",
    "reason": "Reason",
    "cause": "Cause",
}


def _facts(row: LedgerRow) -> Iterator[tuple[str, str]]:
    if row.checkpoint:
        yield "Checkpoint", row.checkpoint
    for key, label in _FACTS.items():
        if row.detail.get(key) not in (None, ""):
            yield label, words.value_text(row.detail[key])
    for key, label in (("seconds", "Took"), ("wait_seconds", "Waits")):
        if row.detail.get(key):
            yield label, words.span(float(row.detail[key]))
    for key, value in (row.detail.get("answer") or {}).items():
        yield f"answer.{key}", words.value_text(value)


def _checked(ledger: Iterable[LedgerRow]) -> list[Source]:
    rows = [row.detail for row in ledger if row.kind is EventKind.CHECKED]
    return [source for told in rows for source in sources(told.get("evidence", []), told.get("readings", {}))]


def _verified(detail: RunDetail) -> Iterator[Verified]:
    before: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    for row in detail.ledger:
        if row.kind is EventKind.CHECKED:
            before |= row.detail.get("readings", {})
        elif row.kind is EventKind.RESULT:
            answer = row.detail.get("answer") or {}
        elif row.kind is EventKind.VERIFIED:
            read: dict[str, Any] = row.detail.get("readings", {})
            scope = {"task": detail.fields, "before": before, "answer": answer, **before, **read}
            conditions = [*row.detail.get("required", []), *row.detail.get("guards", [])]
            proofs = [_proof(str(condition), scope) for condition in conditions]
            proofs += [
                Proof(f"{name} unchanged", [("before", _read(name, before)), ("after", _read(name, read))])
                for name in row.detail.get("unchanged", [])
            ]
            yield Verified(row.step, row.at, proofs, sources(row.detail.get("evidence", []), read))


def _proof(condition: str, scope: Mapping[str, Any]) -> Proof:
    names = dict.fromkeys(_NAME.findall(_STRING.sub("", condition)))
    found = ((name, _found(name, scope)) for name in names)
    return Proof(condition, [(name, text) for name, text in found if text is not None])


def _read(name: str, scope: Mapping[str, Any]) -> str:
    return _found(name, scope) or "absent"


def _found(name: str, scope: Mapping[str, Any]) -> str | None:
    """The value of a dotted name; a trailing method name is left off. None when the scope has no such name."""
    value: Any = scope
    for part in name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return words.value_text(value)
