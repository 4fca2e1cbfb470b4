"""After an unknown outcome: read first, then go on, repeat with the same key, or stop."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from handrail.connectors.jobs import LookUp
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.definitions.requests.forms import StartForm
from handrail.definitions.runbook.compiled import CompiledStep, ConditionError
from handrail.kernel.clock import after
from handrail.runbooks.engine import endings, verifying
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.execution import Execution, Wait
from handrail.runbooks.engine.intent import commit_intent
from handrail.runbooks.engine.invoking import is_exhausted, settle
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.outside import Unreadable
from handrail.runbooks.states import EventKind, ExceptionCause, RunState

_OK = 200
_NOT_FOUND = 404


def reconcile(execution: Execution) -> Wait | None:
    """Unknown outcome: looks first. The job runner is asked by key, anything else by what the step verifies.

    Present → on with it. Absent, or not to be seen without the lost answer, and deduplicated → the same key again.
    Else → stop.
    """
    step = execution.step
    try:
        if isinstance(step.call, StartForm):
            found = _look_up(execution, step)
            if found is not None:
                return settle(execution, step, found, seconds=0.0)
        elif not step.proof_needs_answer and _effect_present(execution, step):
            row = NewRow(EventKind.RECONCILED, step=step.name, detail={"effect": "present"})
            execution.append(row, state=RunState.VERIFYING)
            return None
    except Unreadable as error:
        return _look_again(execution, error)
    except ConditionError as error:
        _unknown(execution, f"What would prove it could not be evaluated. {error.message}")
        return None
    _not_seen(execution, step)
    return None


def _look_up(execution: Execution, step: CompiledStep) -> Answer | None:
    """How the job that was started with this step's key stands; None when the runner knows none. Raises Unreadable."""
    found = execution.ask(step.connector, LookUp(idempotency_key=execution.idempotency_key(step.name)))
    if found.failure is None and found.status == _NOT_FOUND:
        return None
    if found.failure is not None or found.status in RETRYABLE_STATUSES:
        raise Unreadable(step.name, "The job runner could not be asked.", retryable=True)
    if found.status != _OK:
        message = f"The job runner refused to answer: status {found.status}."
        raise Unreadable(step.name, message, retryable=False)
    return found


def _effect_present(execution: Execution, step: CompiledStep) -> bool:
    """Whether the authoritative state shows the effect. Raises Unreadable, ConditionError."""
    assert step.verify is not None  # a step without verification needs its answer
    readings = execution.read(step.verify.reads)
    return verifying.unmet(execution, step, readings.values) is None


def _look_again(execution: Execution, error: Unreadable) -> Wait | None:
    timing = execution.timing
    until = after(timing.reconcile_interval_seconds)
    window_ends_at = execution.position.last.at + timedelta(seconds=timing.reconcile_window_seconds)
    if error.retryable and until < window_ends_at:
        return Wait(until)
    _unknown(execution, error.message)
    return None


def _not_seen(execution: Execution, step: CompiledStep) -> None:
    made = execution.position.attempts[step.name]
    if step.deduplicates and not is_exhausted(execution, step, None):
        row = NewRow(EventKind.RECONCILED, step=step.name, detail={"effect": "not-seen", "then": "same key again"})
        with transaction.atomic():
            commit_intent(execution, step, row, repeat_of=made)
    elif step.deduplicates:
        _unknown(execution, "The authoritative state doesn't show it, and the retries are used up.")
    else:
        _unknown(
            execution,
            "The authoritative state doesn't show it, and the target does not deduplicate, so it is not repeated.",
        )


def _unknown(execution: Execution, message: str) -> None:
    row = NewRow(EventKind.RECONCILED, step=execution.step.name, detail={"effect": "not-seen"})
    lost = "It is unknown whether the action took effect" if execution.step.mutating else "An answer was lost"
    whole = f"{lost}. {message}"
    why = Stop(ExceptionCause.UNKNOWN_OUTCOME, "outcome-unknown", whole, rows=(row,))
    endings.stop(execution, why, scope=execution.scope())
