"""Result tables: what came of a call, by the definition's own rows. What no row names is ambiguous."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from handrail.connectors.outcome import Answer
from handrail.definitions.language.conditions import Condition, ConditionError
from handrail.definitions.requests.extraction import Extraction
from handrail.definitions.runbook.format import Outcome
from handrail.kernel.errors import Invalid

ClassificationKind = Literal["succeeded", "pending", "retryable", "terminal", "ambiguous"]


@dataclass(frozen=True, slots=True)
class CompiledRow:
    """One compiled row; ``index`` counts from 0 within its outcome. Empty sets mean that nothing is asked of it."""

    outcome: Outcome
    index: int
    statuses: frozenset[int]
    failures: frozenset[str]
    when: Condition | None
    retry_class: str | None

    @property
    def label(self) -> str:
        return f"{self.outcome}[{self.index}]"

    def fits(self, answer: Answer) -> bool:
        """Without ``when``. A row that names no failure never fits an answer that failed."""
        if answer.failure is not None and answer.failure.value not in self.failures:
            return False
        if answer.failure is None and self.failures:
            return False
        return not self.statuses or answer.status in self.statuses

    def covers(self, later: CompiledRow) -> bool:
        """Whether nothing that fits ``later`` can get past this row."""
        same_failure = (
            self.failures >= later.failures if self.failures and later.failures else self.failures == later.failures
        )
        same_status = not self.statuses or (bool(later.statuses) and self.statuses >= later.statuses)
        same_when = self.when is None or (later.when is not None and self.when.source == later.when.source)
        return same_failure and same_status and same_when


@dataclass(frozen=True, slots=True)
class Classification:
    """``row`` is the index within its outcome; ``why`` is for people, without outside text.

    ``answer`` holds the declared values of the answer; None where they could not all be extracted or none are declared.
    """

    kind: ClassificationKind
    retry_class: str | None
    row: int | None
    why: str
    answer: dict[str, JsonValue] | None = None


def classify(
    rows: tuple[CompiledRow, ...], answers: Extraction | None, scope: Mapping[str, Any], answer: Answer
) -> Classification:
    """The first row that fits. A condition that can't be decided, or an unusable success, is ambiguous."""
    values, problem = _extracted(answers, answer)
    seen = {**scope, "http": {"status": answer.status or 0}}
    if values is not None:
        seen["answer"] = values
    for row in rows:
        if not row.fits(answer):
            continue
        if row.when is not None:
            if problem is not None and any(name.startswith("answer.") for name in row.when.names):
                return _ambiguous(f"{row.label} can't be decided: {problem}", values)
            try:
                if not row.when.holds(seen):
                    continue
            except ConditionError as error:
                return _ambiguous(f"{row.label}: {error.message}", values)
        if problem is not None and row.outcome in ("succeeded", "pending"):
            return _ambiguous(f"{row.label} fits, but {problem}", values)
        return Classification(row.outcome, row.retry_class, row.index, f"{row.label}: {described(answer)}", values)
    return _ambiguous(f"no row of the result table names it: {described(answer)}", values)


def described(answer: Answer) -> str:
    """``status 503`` or ``timeout-after-send``."""
    parts = [f"status {answer.status}"] if answer.status is not None else []
    return ", ".join(parts + ([answer.failure.value] if answer.failure else []))


def _ambiguous(why: str, values: dict[str, JsonValue] | None) -> Classification:
    return Classification("ambiguous", None, None, why, values)


def _extracted(answers: Extraction | None, answer: Answer) -> tuple[dict[str, JsonValue] | None, str | None]:
    if answers is None:
        return None, None
    try:
        return answers.apply("answer", answer.body), None
    except Invalid as error:
        return None, error.message
