"""Result tables compiled and checked: rows that can't match, can't be reached, or would repeat an unsafe effect."""

from __future__ import annotations

from typing import get_args

from handrail.connectors.outcome import Failure
from handrail.definitions.language.conditions import Condition
from handrail.definitions.language.names import Variables
from handrail.definitions.requests.checking import Context
from handrail.definitions.runbook.classify import CompiledRow
from handrail.definitions.runbook.format import OUTCOMES, Outcome, StepSpec
from handrail.definitions.runbook.format import RowSpec as WrittenRow
from handrail.definitions.source.faults import Path
from handrail.definitions.source.scalars import FailureName

_BEFORE_SENDING = frozenset(failure.value for failure in Failure if not failure.sent)
_ANSWERED = frozenset(failure.value for failure in Failure if failure.answered) & frozenset(get_args(FailureName))


def compile_rows(step: StepSpec, path: Path, known: Variables, context: Context) -> tuple[CompiledRow, ...]:
    """The rows in the order of trying; what is wrong with them goes into ``context``."""
    rows: list[CompiledRow] = []
    for outcome in OUTCOMES:
        for index, written in enumerate(getattr(step.result, outcome)):
            at = (*path, "result", outcome, index)
            _check_row(step, outcome, written, at, context)
            when = context.condition(written.when, (*at, "when"), known) if written.when else None
            row = _row(outcome, index, written, when)
            earlier = next((other for other in rows if other.covers(row)), None)
            if earlier is not None:
                context.add(at, f"this row is never reached: {earlier.label} matches all that it would")
            rows.append(row)
    _check_classes(step, rows, path, context)
    return tuple(rows)


def _row(outcome: Outcome, index: int, written: WrittenRow, when: Condition | None) -> CompiledRow:
    return CompiledRow(
        outcome, index, frozenset(written.status or ()), frozenset(written.failure or ()), when, written.as_
    )


def _check_row(step: StepSpec, outcome: Outcome, row: WrittenRow, at: Path, context: Context) -> None:
    if row.status is None and row.failure is None and row.when is None:
        context.add(at, "a row names at least one of: status, failure, when")
    for field, values in (("status", row.status), ("failure", row.failure)):
        if values is not None and len(set(values)) < len(values):
            context.add((*at, field), "the same value is listed twice")
    if row.as_ is not None and outcome != "retryable":
        context.add((*at, "as"), "only retryable rows have a class")
    if outcome in ("succeeded", "pending") and row.failure is not None:
        context.add((*at, "failure"), f"a failed call can't be {outcome}")
    if row.status is not None and row.failure is not None and not set(row.failure) <= _ANSWERED:
        context.add((*at, "status"), f"only these failures come with a status: {', '.join(sorted(_ANSWERED))}")
    if outcome == "pending" and step.poll is None:
        context.add(at, "pending answers need poll: how often to ask again, and for how long")
    if outcome == "retryable":
        _check_retryable(step, row, at, context)


def _check_retryable(step: StepSpec, row: WrittenRow, at: Path, context: Context) -> None:
    if step.retry is None:
        context.add(at, "retryable answers need retry: how many attempts, and how long to wait")
    if step.effect == "reading" or step.deduplicates:
        return
    if row.failure is None or not set(row.failure) <= _BEFORE_SENDING:
        context.add(
            at,
            "the target does not deduplicate, so only what certainly was not sent may be repeated: "
            f"failure: [{', '.join(sorted(_BEFORE_SENDING))}]",
        )


def _check_classes(step: StepSpec, rows: list[CompiledRow], path: Path, context: Context) -> None:
    if step.retry is None:
        return
    named = {row.retry_class for row in rows if row.retry_class}
    for name in step.retry.classes:
        if name not in named:
            context.add_key((*path, "retry", "classes", name), f"no retryable row says as: {name}")
    if not any(row.outcome == "retryable" for row in rows):
        context.add((*path, "retry"), "no retryable row uses this")
