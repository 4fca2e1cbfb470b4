"""Calling the target: intent first, then the call, then its result; and what to do when the result is missing."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import transaction

from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.definitions.runbook.compiled import CompiledStep
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.runbooks.engine import controlled, endings, verifying
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.execution import Execution, Wait
from handrail.runbooks.engine.intent import commit_intent
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.outside import connector
from handrail.runbooks.engine.position import ResultClass
from handrail.runbooks.states import EventKind, ExceptionCause, RunState

_SUCCESSFUL = range(200, 300)


def call(execution: Execution) -> Wait | None:
    """Makes the call whose intent this worker has just committed, and records its result.

    A worker that was held up (a machine that slept) may come too late: when the intent's time is over, others may have
    recorded the outcome as unknown and acted on that. Then nothing is sent.
    """
    step, last = execution.step, execution.position.last
    assert last.deadline_at is not None
    scope = execution.scope()
    try:
        operation = execution.runbook.operation(step.call, scope, idempotency_key=last.idempotency_key)
    except Invalid as error:
        endings.stop(execution, Stop(ExceptionCause.DEFINITION, "call-not-renderable", error.message), scope=scope)
        return None
    target = connector(step.connector)
    left = (last.deadline_at - now()).total_seconds() - execution.timing.result_margin_seconds
    if left <= 0:
        return overdue(execution)
    started = time.monotonic()
    answer = target.call(operation, deadline_seconds=min(target.deadline_seconds, left))
    return settle(execution, step, answer, seconds=time.monotonic() - started)


def overdue(execution: Execution) -> Wait | None:
    """An intent without a result: left alone until its deadline, then written down as unknown."""
    last = execution.position.last
    assert last.deadline_at is not None
    if now() < last.deadline_at:
        return Wait(last.deadline_at)
    unknown = NewRow(
        EventKind.UNKNOWN,
        step=last.step,
        attempt=last.attempt,
        detail={"class": ResultClass.UNKNOWN, "why": "the worker that called is gone; no result was recorded"},
    )
    execution.append(unknown, state=RunState.INVOKING)
    return None


def poll(execution: Execution) -> Wait | None:
    """Asks how an accepted action stands, until it is decided or the poll's window is over."""
    step, last = execution.step, execution.position.last
    assert step.poll is not None
    scope = execution.scope(answer=execution.position.answers.get(step.name, {}))
    started = time.monotonic()
    try:
        operation = execution.runbook.operation(step.poll.spec, scope)
    except Invalid as error:
        endings.stop(execution, Stop(ExceptionCause.DEFINITION, "poll-not-renderable", error.message), scope=scope)
        return None
    answer = execution.ask(step.connector, operation)
    window_ends_at = last.at + timedelta(seconds=step.poll.within_seconds)
    kind, detail = _class_of_poll(execution, step, answer)
    undecided = kind is ResultClass.PENDING
    if undecided and now() < window_ends_at:
        return Wait(min(now() + timedelta(seconds=step.poll.every_seconds), window_ends_at))
    if undecided:
        message = f"The action was accepted but not decided within {step.poll.within_seconds:g} s."
        row = _result(step, execution, {"class": ResultClass.AMBIGUOUS, "why": "poll window over"})
        endings.stop(execution, Stop(ExceptionCause.AMBIGUOUS, "poll-window-over", message, rows=(row,)), scope=scope)
        return None
    detail["seconds"] = round(time.monotonic() - started, 3)
    return _conclude(execution, step, answer, kind, detail)


def retry(execution: Execution) -> Wait | None:
    """Commits the next intent once the wait that the last result imposed is over."""
    last, step = execution.position.last, execution.step
    due_at = last.at + timedelta(seconds=last.detail["wait_seconds"])
    if now() < due_at:
        return Wait(due_at)
    with transaction.atomic():
        commit_intent(execution, step, repeat_of=execution.position.attempts[step.name])
    return None


def settle(execution: Execution, step: CompiledStep, answer: Answer, *, seconds: float) -> Wait | None:
    """Records the classified result, and stops the run where its class requires that."""
    kind, detail = _class_of(execution, step, answer)
    detail["seconds"] = round(seconds, 3)
    return _conclude(execution, step, answer, kind, detail)


def _conclude(
    execution: Execution, step: CompiledStep, answer: Answer, kind: ResultClass, detail: dict[str, Any]
) -> Wait | None:
    if kind is ResultClass.SUCCEEDED:
        _succeeded(execution, step, detail)
        return None
    if kind in (ResultClass.PENDING, ResultClass.UNKNOWN):
        execution.append(_result(step, execution, detail), state=RunState.INVOKING)
        return None
    if kind is ResultClass.RETRYABLE and not is_exhausted(execution, step, detail.get("retry_class")):
        detail["wait_seconds"] = _wait_seconds(execution, step, answer, detail.get("retry_class"))
        if detail["wait_seconds"] <= execution.timing.retry_after_ceiling_seconds:
            execution.append(_result(step, execution, detail), state=RunState.INVOKING)
            return None
    endings.stop(execution, _why(kind, step, detail, execution), scope=execution.scope(answer=detail["answer"]))
    return None


def _succeeded(execution: Execution, step: CompiledStep, detail: dict[str, Any]) -> None:
    result = _result(step, execution, detail)
    if step.verify is not None:
        execution.append(result, state=RunState.VERIFYING)
        return
    try:
        verifying.go_on(execution, step, result, answer=detail["answer"], values={})
    except controlled.Interrupted:  # the answer must not be lost while the next step waits
        execution.append(result, state=RunState.VERIFYING)


def _class_of(execution: Execution, step: CompiledStep, answer: Answer) -> tuple[ResultClass, dict[str, Any]]:
    classified = execution.runbook.classify(step, execution.scope(), answer)
    kind = ResultClass(classified.kind)
    if kind is ResultClass.AMBIGUOUS and answer.failure is not None and not answer.failure.answered:
        kind = ResultClass.UNKNOWN
    detail: dict[str, Any] = {
        "class": kind,
        "why": classified.why,
        "status": answer.status,
        "failure": answer.failure,
        "answer": classified.answer or {},
    }
    if classified.retry_class:
        detail["retry_class"] = classified.retry_class
    return kind, detail


def _class_of_poll(execution: Execution, step: CompiledStep, answer: Answer) -> tuple[ResultClass, dict[str, Any]]:
    """Follows the table where it decides. A status about the question, not the action, decides nothing: a passing one
    is asked again, any other leaves the outcome of the action open."""
    kind, detail = _class_of(execution, step, answer)
    if kind in (ResultClass.SUCCEEDED, ResultClass.PENDING):
        return kind, detail
    if answer.failure is not None or answer.status in RETRYABLE_STATUSES:
        return ResultClass.PENDING, detail
    if answer.status not in _SUCCESSFUL:
        kind = ResultClass.AMBIGUOUS
        detail |= {"class": kind, "why": f"polling: status {answer.status}"}
    return kind, detail


def _result(step: CompiledStep, execution: Execution, detail: dict[str, Any]) -> NewRow:
    return NewRow(
        EventKind.RESULT, step=step.name, attempt=execution.position.attempts[step.name], detail={"answer": {}} | detail
    )


def is_exhausted(execution: Execution, step: CompiledStep, retry_class: str | None) -> bool:
    """Whether the step's own limit or the run's budget of repeats is used up."""
    allowed = step.policy(retry_class).attempts
    return execution.position.attempts[step.name] >= allowed or execution.position.repeats >= execution.run.retry_limit


def _wait_seconds(execution: Execution, step: CompiledStep, answer: Answer, retry_class: str | None) -> float:
    own = step.policy(retry_class).delay_seconds(execution.position.attempts[step.name])
    return max(own, answer.retry_after_seconds or 0.0)


def _why(kind: ResultClass, step: CompiledStep, detail: dict[str, Any], execution: Execution) -> Stop:
    row = (_result(step, execution, detail),)
    if kind is ResultClass.RETRYABLE:
        made = execution.position.attempts[step.name]
        ceiling = execution.timing.retry_after_ceiling_seconds
        too_long = detail.get("wait_seconds", 0) > ceiling
        message = (
            f"The target asks to wait longer than {ceiling:g} s."
            if too_long
            else f"The action failed {made} times in a row with results that may pass; the limit is reached."
        )
        return Stop(ExceptionCause.RETRIES_EXHAUSTED, "retries-exhausted", message, rows=row)
    if kind is ResultClass.TERMINAL:
        return Stop(ExceptionCause.TERMINAL, "terminal-result", "The target refused the action permanently.", rows=row)
    message = "The runbook does not recognise the answer, so the run stops."
    return Stop(ExceptionCause.AMBIGUOUS, "ambiguous-result", message, rows=row)
