"""The job's word is never enough: the authoritative state is read again, and compared with what must be and was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from handrail.definitions.runbook.compiled import CompiledCheck, CompiledStep, ConditionError
from handrail.runbooks.engine import redecision
from handrail.runbooks.engine.decision import NewRow, Next, Reads, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import again, finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import attended_since, go_on, read_budget_ends_at, resumed_since
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.states import EventKind, ExceptionCause


def verify(execution: Execution) -> Next:
    """Reads until what must hold does, within the propagation window; then the guards; then on, or stop."""
    if execution.step.verify is None:
        return again.next_step(execution)
    return Reads(tuple(execution.step.verify.reads), then=_compared)


def _compared(execution: Execution, readings: Readings | Unreadable) -> Next:
    step = execution.step
    assert step.verify is not None
    since = resumed_since(execution, execution.position.last.at)
    window = timedelta(seconds=step.verify.within_seconds)
    ends_at = since + window
    in_window = execution.at < ends_at
    if isinstance(readings, Unreadable):
        # Refused credentials say nothing about the effect: their file has as long as for any other read.
        refused_until = read_budget_ends_at(execution, since)
        if readings.refused and readings.retryable and execution.at < refused_until:
            return Wait(min(execution.after(execution.timing.refused_interval_seconds), refused_until))
        # The effect had its time however long nobody looked; a source that fails in passing is asked for as long.
        asked_until = attended_since(execution, since) + window if readings.retryable else ends_at
        if (readings.retryable or readings.absent) and execution.at < asked_until:
            return _later(execution, step, asked_until, asked=readings.retry_after_seconds)
        why = Stop(ExceptionCause.VERIFICATION, "verification-unreadable", readings.message)
        return finish.stop(execution, why, scope=execution.scope())
    try:
        missing = unmet(execution, step, readings.values)
        broken = None if missing else _broken(execution, step, readings.values)
    except ConditionError as error:
        if in_window:  # a value that is not there yet
            return _later(execution, step, ends_at)
        message = f"A condition of the verification could not be evaluated, so it does not hold. {error.message}"
        return _fail(execution, readings, Stop(ExceptionCause.DEFINITION, "condition-error", message))
    if missing and in_window:
        return _later(execution, step, ends_at)
    if missing:
        return _fail(execution, readings, _refusal(missing))
    if broken:
        return _fail(execution, readings, broken)
    verified = NewRow(
        EventKind.VERIFIED,
        step=step.name,
        detail={
            "required": [c.condition.source for c in step.verify.conditions],
            "unchanged": list(step.verify.unchanged),
            "guards": [c.condition.source for c in step.verify.guards],
            "readings": readings.values,
            "evidence": readings.evidence,
        },
    )
    answer = execution.position.answers.get(step.name, {})
    return go_on(execution, step, verified, answer=answer, values=readings.values)


def unmet(execution: Execution, step: CompiledStep, values: dict[str, dict[str, Any]]) -> CompiledCheck | None:
    """The first required condition that ``values`` do not meet. Raises ConditionError."""
    assert step.verify is not None
    scope = execution.scope(**values, answer=execution.position.answers.get(step.name, {}))
    return next((check for check in step.verify.conditions if not check.condition.holds(scope)), None)


def _broken(execution: Execution, step: CompiledStep, values: dict[str, dict[str, Any]]) -> Stop | None:
    """The first guard that the change broke. Raises ConditionError."""
    assert step.verify is not None
    scope = execution.scope(**values, answer=execution.position.answers.get(step.name, {}))
    start, others = redecision.at_start(execution.rows), redecision.changed(execution.runbook, execution.rows)
    altered = redecision.altered(execution.runbook, step, start, values, others)
    for name in (*step.verify.changed(scope), *((altered,) if altered else ())):
        message = f"{name} changed while the run was under way; nothing in this runbook may change it."
        return Stop(ExceptionCause.VERIFICATION, f"changed-{name.replace('.', '-').replace('_', '-')}", message)
    broken = next((check for check in step.verify.guards if not check.condition.holds(scope)), None)
    return _refusal(broken) if broken else None


def _refusal(check: CompiledCheck) -> Stop:
    cause = ExceptionCause.BOUNDARY if check.kind == "boundary" else ExceptionCause.VERIFICATION
    return Stop(cause, check.reason, check.message or f"The condition «{check.condition.source}» does not hold.")


def _fail(execution: Execution, readings: Readings, why: Stop) -> Next:
    scope = execution.scope(**readings.values)
    whole = Stop(why.cause, why.reason, why.message, evidence=readings.evidence, readings=readings.values)
    return finish.stop(execution, whole, scope=scope)


def _later(execution: Execution, step: CompiledStep, ends_at: datetime, *, asked: float | None = None) -> Wait:
    """Until the next reading. ``asked``: the pause in seconds that a source asked for."""
    assert step.verify is not None
    return Wait(min(execution.after(max(step.verify.every_seconds, asked or 0.0)), ends_at))
