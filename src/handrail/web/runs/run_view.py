"""A run's ledger as a person reads it: stages, entries, attempts, and what was read beside what was required."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.kernel.clock import now
from handrail.runbooks.meanings import MEANINGS
from handrail.runbooks.queries.runs import LedgerRow, RunDetail
from handrail.runbooks.states import EventKind, RunState
from handrail.web.runs import timeline
from handrail.web.runs.readings import SourceReading, sources
from handrail.web.runs.timeline import Timeline
from handrail.web.shell import words

STAGES = (RunState.RECEIVED, RunState.CHECKING, RunState.INVOKING, RunState.VERIFYING, RunState.COMPLETED)
_NAME = re.compile(r"\b[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\b(?!\()")
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Stage:
    """``progress``: done, now, stopped or ahead."""

    state: RunState
    progress: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One ledger row as it reads, with the tone and icon of its shape. ``since``: time since the run was received."""

    row: LedgerRow
    title: str
    message: str
    tone: str
    icon: str
    facts: list[tuple[str, str]]
    since: str


@dataclass(frozen=True, slots=True)
class ProvenCondition:
    """A condition that held, and the readings that it speaks of. What does not hold stops the run instead."""

    condition: str
    readings: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class VerifiedStep:
    step: str
    at: datetime
    proofs: list[ProvenCondition]
    sources: list[SourceReading]


@dataclass(frozen=True, slots=True)
class RunView:
    detail: RunDetail
    stages: list[Stage]
    lines: list[LedgerLine]
    verified: list[VerifiedStep]
    checked: list[SourceReading]
    timeline: Timeline
    mark: str
    duration: str
    stop: dict[str, Any] | None

    @property
    def moving(self) -> bool:
        return not self.detail.summary.ended


def present(detail: RunDetail) -> RunView:
    summary, ledger = detail.summary, detail.ledger
    end = summary.finished_at or now()
    return RunView(
        detail=detail,
        stages=_stages(detail),
        lines=[_line(row, summary.created_at) for row in ledger],
        verified=list(_verified(detail)),
        checked=_checked(ledger),
        timeline=timeline.draw(ledger, start=summary.created_at, end=end, ended=summary.ended),
        mark=_mark(detail),
        duration=words.span((end - summary.created_at).total_seconds()),
        stop=next(
            (row.detail | {"message": row.message} for row in reversed(ledger) if row.kind is EventKind.EXCEPTION), None
        ),
    )


def _mark(detail: RunDetail) -> str:
    """Differs where the moving part of the page would."""
    paused, last = detail.summary.paused, detail.ledger[-1].sequence if detail.ledger else 0
    waits = "" if paused is None else f"-{paused.brake or 'version'}"
    if (gate := detail.summary.waits_for_connector) is not None:
        waits = f"-{gate.connector}-{gate.cause}"
    return f"{last}-{detail.summary.state}{waits}{'-stopping' if detail.stop_request else ''}"


def _stages(detail: RunDetail) -> list[Stage]:
    state = detail.summary.state
    stages = (MEANINGS[row.kind].stage for row in detail.ledger)
    reached = {RunState.RECEIVED, *(stage for stage in stages if stage is not None)}
    if any(row.kind is EventKind.RESULT and row.detail.get("class") == "succeeded" for row in detail.ledger):
        reached.add(RunState.VERIFYING)
    if state in STAGES:
        return [Stage(s, _progress(STAGES.index(s), STAGES.index(state), state)) for s in STAGES]
    last = max(STAGES.index(s) for s in reached)
    return [Stage(s, "done" if i < last else "stopped" if i == last else "ahead") for i, s in enumerate(STAGES)]


def _progress(index: int, current: int, state: RunState) -> str:
    if index < current or state is RunState.COMPLETED:
        return "done"
    return "now" if index == current else "ahead"


def _line(row: LedgerRow, start: datetime) -> LedgerLine:
    meaning = MEANINGS[row.kind]
    result = str(row.detail.get("class", "unknown"))
    title = meaning.title.format(step=row.step.replace("_", " "), attempt=row.attempt, result=words.humanise(result))
    message, tone, icon = meaning.message, meaning.tone, meaning.icon
    match row.kind:
        case EventKind.RESULT | EventKind.UNKNOWN:
            message = str(row.detail.get("why", ""))
            tone, icon = words.STATES.get(result, (tone, icon))
        case EventKind.EXCEPTION:
            message = row.message
        case EventKind.RECONCILED if row.detail.get("effect") == "present":
            message, tone = "The effect is there; it is verified next.", "good"
        case EventKind.RECONCILED if row.detail.get("effect") == "job-found":
            message, tone = "The job runner knows the job that was started with this key.", "good"
    return LedgerLine(row, title, message, tone, icon, list(_facts(row)), words.span((row.at - start).total_seconds()))


_FACTS = {
    "status": "HTTP status",
    "failure": "Transport",
    "retry_class": "Retry class",
    "connector": "Connector",
    "effect": "Effect",
    "then": "Then",
    "reason": "Reason",
    "cause": "Cause",
    "taken_over": "Leases without progress before",
}


def _facts(row: LedgerRow) -> Iterator[tuple[str, str]]:
    if row.checkpoint:
        yield "Checkpoint", row.checkpoint
    for key, label in _FACTS.items():
        if row.detail.get(key) not in (None, ""):
            yield label, words.value_text(row.detail[key])
    for key, label in (("seconds", "Duration"), ("wait_seconds", "Waits")):
        if row.detail.get(key):
            yield label, words.span(float(row.detail[key]))
    for key, value in (row.detail.get("answer") or {}).items():
        yield f"answer.{key}", words.value_text(value)


def _checked(ledger: Iterable[LedgerRow]) -> list[SourceReading]:
    rows = [row.detail for row in ledger if row.kind is EventKind.CHECKED]
    return [source for detail in rows for source in sources(detail.get("evidence", []), detail.get("readings", {}))]


def _verified(detail: RunDetail) -> Iterator[VerifiedStep]:
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
                ProvenCondition(f"{name} unchanged", [("before", _read(name, before)), ("after", _read(name, read))])
                for name in row.detail.get("unchanged", [])
            ]
            yield VerifiedStep(row.step, row.at, proofs, sources(row.detail.get("evidence", []), read))


def _proof(condition: str, scope: Mapping[str, Any]) -> ProvenCondition:
    names = dict.fromkeys(_NAME.findall(_STRING.sub("", condition)))
    found = ((name, _found(name, scope)) for name in names)
    return ProvenCondition(condition, [(name, text) for name, text in found if text is not None])


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
