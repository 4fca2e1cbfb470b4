"""The job's word is never enough: the authoritative state is read again, and compared with what must be and was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from handrail.definitions.runbook.compiled import CompiledCheck, CompiledStep, ConditionError
from handrail.kernel.clock import now
from handrail.runbooks.engine import endings
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.execution import Execution, Wait
from handrail.runbooks.engine.intent import commit_intent
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.states import EventKind, ExceptionCause


def verify(execution: Execution) -> Wait | None:
    """Reads until what must hold does, within the propagation window; then the guards; then on, or stop."""
    step = execution.step
    if step.verify is None:  # it goes on with its result, in one transaction, unless a person kept it from that
        go_on(execution, step, answer=execution.position.answers.get(step.name, {}), values={})
        return None
    last = execution.position.last
    window_ends_at = last.at + timedelta(seconds=step.verify.within_seconds)
    try:
        readings = execution.read(step.verify.reads)
    except Unreadable as error:
        if error.retryable and now() < window_ends_at:
            return _again(step, window_ends_at)
        why = Stop(ExceptionCause.VERIFICATION, "verification-unreadable", error.message)
        endings.stop(execution, why, scope=execution.scope())
        return None
    try:
        missing = unmet(execution, step, readings.values)
        broken = None if missing else _broken(execution, step, readings.values)
    except ConditionError as error:
        message = f"A condition of the verification could not be evaluated, so it does not hold. {error.message}"
        _fail(execution, readings, Stop(ExceptionCause.DEFINITION, "condition-error", message))
        return None
    if missing and now() < window_ends_at:
        return _again(step, window_ends_at)
    if missing or broken:
        _fail(execution, readings, _refusal(missing) if missing else broken)
        return None
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
    go_on(execution, step, verified, answer=execution.position.answers.get(step.name, {}), values=readings.values)
    return None


def go_on(
    execution: Execution, step: CompiledStep, *rows: NewRow, answer: dict[str, Any], values: dict[str, dict[str, Any]]
) -> None:
    """From a finished step to the next one's intent, or to the run's completion."""
    following = execution.step_after(step.name)
    if following is None:
        steps = {**execution.position.answers, step.name: answer}
        endings.complete(execution, *rows, scope=execution.scope(**values, answer=answer, steps=steps))
        return
    with transaction.atomic():
        commit_intent(execution, following, *rows, repeat_of=0)


def unmet(execution: Execution, step: CompiledStep, values: dict[str, dict[str, Any]]) -> CompiledCheck | None:
    """The first required condition that ``values`` do not meet. Raises ConditionError."""
    assert step.verify is not None
    scope = execution.scope(**values, answer=execution.position.answers.get(step.name, {}))
    return next((check for check in step.verify.conditions if not check.condition.holds(scope)), None)


def _broken(execution: Execution, step: CompiledStep, values: dict[str, dict[str, Any]]) -> Stop | None:
    """The first guard that the change broke. Raises ConditionError."""
    assert step.verify is not None
    scope = execution.scope(**values, answer=execution.position.answers.get(step.name, {}))
    for name in step.verify.changed(scope):
        message = f"{name} changed while the run was under way; nothing in this runbook may change it."
        return Stop(ExceptionCause.VERIFICATION, f"changed-{name.replace('.', '-').replace('_', '-')}", message)
    broken = next((check for check in step.verify.guards if not check.condition.holds(scope)), None)
    return _refusal(broken) if broken else None


def _refusal(check: CompiledCheck) -> Stop:
    cause = ExceptionCause.BOUNDARY if check.kind == "boundary" else ExceptionCause.VERIFICATION
    return Stop(cause, check.reason, check.message or f"The condition «{check.condition.source}» does not hold.")


def _fail(execution: Execution, readings: Readings, why: Stop | None) -> None:
    assert why is not None
    scope = execution.scope(**readings.values)
    endings.stop(execution, Stop(why.cause, why.reason, why.message, evidence=readings.evidence), scope=scope)


def _again(step: CompiledStep, window_ends_at: datetime) -> Wait:
    assert step.verify is not None
    return Wait(min(now() + timedelta(seconds=step.verify.every_seconds), window_ends_at))
