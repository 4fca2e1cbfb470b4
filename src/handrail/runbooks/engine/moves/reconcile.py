"""After an unknown outcome: read first, then go on, repeat with the same key, or stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from handrail.connectors.jobs import LookUp
from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.definitions.requests.forms import StartForm
from handrail.definitions.runbook.compiled import ConditionError
from handrail.runbooks.engine.decision import Answered, Ask, Commit, NewRow, Next, Reads, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import again, finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import asked_since, intent, is_exhausted, read_budget_ends_at
from handrail.runbooks.engine.moves.invoke import settle
from handrail.runbooks.engine.moves.verify import unmet
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.states import EventKind, ExceptionCause, RunState

_OK = 200
_NOT_FOUND = 404


def reconcile(execution: Execution) -> Next:
    """Unknown outcome: looks first. The job runner is asked by key, anything else by what the step verifies.

    Present → on with it. Absent, or not to be seen without the lost answer, and deduplicated → the same key again.
    Else → stop.
    """
    step = execution.step
    if isinstance(step.call, StartForm):
        return Ask(step.connector, LookUp(idempotency_key=execution.idempotency_key(step.name)), then=_looked_up)
    if step.proof_needs_answer:
        return _not_seen(execution)
    assert step.verify is not None  # a step without verification needs its answer
    return Reads(tuple(step.verify.reads), then=_looked)


def _looked_up(execution: Execution, found: Answered) -> Next:
    """How the job that was started with this step's key stands, if the runner knows one."""
    answer, step = found.answer, execution.step
    if answer.failure is None and answer.status == _NOT_FOUND:
        return _not_seen(execution)
    if answer.failure is not None or answer.status in RETRYABLE_STATUSES:
        message, asked = "The job runner could not be asked.", answer.retry_after_seconds
        return _look_again(execution, Unreadable(step.name, message, retryable=True, retry_after_seconds=asked))
    if answer.may_pass:
        message = "The job runner refuses the credentials that their file holds (status 401)."
        return _look_again(execution, Unreadable(step.name, message, retryable=True, refused=True))
    if answer.status != _OK:
        return _unknown(execution, f"The job runner refused to answer: status {answer.status}.")
    return _found(execution, answer)


def _found(execution: Execution, answer: Answer) -> Next:
    """The runner knows the job. That it was looked for stands before what became of it, in one commit."""
    row = NewRow(EventKind.RECONCILED, step=execution.step.name, detail={"effect": "job-found"})
    settled = settle(execution, Answered(answer, 0.0))
    assert isinstance(settled, Commit)  # a result is always written
    return replace(settled, rows=(row, *settled.rows))


def _looked(execution: Execution, readings: Readings | Unreadable) -> Next:
    """Whether the authoritative state shows the effect."""
    if isinstance(readings, Unreadable):
        # What the call was to make may not be there yet, or not as declared: then its effect is not to be seen.
        return _not_seen(execution) if readings.absent else _look_again(execution, readings)
    step = execution.step
    try:
        missing = unmet(execution, step, readings.values)
    except ConditionError as error:
        return _unknown(execution, f"What would prove it could not be evaluated. {error.message}")
    if missing:
        return _not_seen(execution)
    row = NewRow(EventKind.RECONCILED, step=step.name, detail={"effect": "present"})
    return Commit((row,), RunState.VERIFYING)


def _look_again(execution: Execution, error: Unreadable) -> Next:
    timing = execution.timing
    interval = timing.refused_interval_seconds if error.refused else timing.reconcile_interval_seconds
    until = execution.after(max(interval, error.retry_after_seconds or 0.0))
    window_ends_at = asked_since(execution, execution.position.last.at) + timedelta(
        seconds=timing.reconcile_window_seconds
    )
    if error.refused:
        window_ends_at = max(window_ends_at, read_budget_ends_at(execution, execution.position.last.at))
    if error.retryable and until < window_ends_at:
        return Wait(until)
    return _unknown(execution, error.message)


def _not_seen(execution: Execution) -> Next:
    step = execution.step
    if step.deduplicates and not is_exhausted(execution, step, None):
        seen = NewRow(EventKind.RECONCILED, step=step.name, detail={"effect": "not-seen", "then": "same key again"})
        made = execution.position.attempts[step.name]

        def repeat(now: Execution, decided_again: dict[str, Any]) -> Next:
            return intent(now, step, seen, repeat_of=made, decided_again=decided_again)

        return again.decide(execution, step, since=execution.position.last.at, then=repeat, rows=(seen,))
    if step.deduplicates:
        return _unknown(execution, "The authoritative state doesn't show it, and the retries are used up.")
    message = "The authoritative state doesn't show it, and the target does not deduplicate, so it is not repeated."
    return _unknown(execution, message)


def _unknown(execution: Execution, message: str) -> Next:
    row = NewRow(EventKind.RECONCILED, step=execution.step.name, detail={"effect": "not-seen"})
    lost = "It is unknown whether the action took effect" if execution.step.mutating else "An answer was lost"
    whole = f"{lost}. {message}"
    why = Stop(ExceptionCause.UNKNOWN_OUTCOME, "outcome-unknown", whole, rows=(row,))
    return finish.stop(execution, why, scope=execution.scope())
