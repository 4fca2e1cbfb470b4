"""Calling the target: intent first, then the call, then its result; and what to do when the result is missing."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import transaction

from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.definitions.compiled import Step
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.runbooks.engine import endings, verifying
from handrail.runbooks.engine.carriage import Carriage, Wait
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.intent import commit_intent
from handrail.runbooks.engine.journal import NewRow
from handrail.runbooks.engine.outside import connector
from handrail.runbooks.engine.position import ResultClass
from handrail.runbooks.engine.timing import RETRY_AFTER_CEILING_SECONDS, WRITE_DOWN
from handrail.runbooks.states import Cause, Entry, RunState

_SUCCESSFUL = range(200, 300)


def call(carriage: Carriage) -> Wait | None:
    """Makes the call whose intent this worker has just committed, and writes its result down.

    A hand that was held up (a machine that slept) may come too late: when the intent's time is over, others may have
    written the outcome down as unknown and acted on that. Then nothing is sent.
    """
    step, last = carriage.step, carriage.position.last
    assert last.deadline_at is not None
    scope = carriage.scope()
    try:
        operation = carriage.runbook.operation(step.call, scope, idempotency_key=last.idempotency_key)
    except Invalid as error:
        endings.stop(carriage, Stop(Cause.DEFINITION, "call-not-renderable", error.message), scope=scope)
        return None
    target = connector(step.connector)
    left = (last.deadline_at - WRITE_DOWN - now()).total_seconds()
    if left <= 0:
        return overdue(carriage)
    started = time.monotonic()
    answer = target.call(operation, deadline_seconds=min(target.deadline_seconds, left))
    return settle(carriage, step, answer, seconds=time.monotonic() - started)


def overdue(carriage: Carriage) -> Wait | None:
    """An intent without a result: left alone until its deadline, then written down as unknown."""
    last = carriage.position.last
    assert last.deadline_at is not None
    if now() < last.deadline_at:
        return Wait(last.deadline_at)
    unknown = NewRow(
        Entry.UNKNOWN,
        step=last.step,
        attempt=last.attempt,
        detail={"class": ResultClass.UNKNOWN, "why": "the worker that called is gone; no result was written down"},
    )
    carriage.append(unknown, state=RunState.INVOKING)
    return None


def poll(carriage: Carriage) -> Wait | None:
    """Asks how an accepted action stands, until it is decided or the poll's window is over."""
    step, last = carriage.step, carriage.position.last
    assert step.poll is not None
    scope = carriage.scope(answer=carriage.position.answers.get(step.name, {}))
    started = time.monotonic()
    try:
        operation = carriage.runbook.operation(step.poll.spec, scope)
    except Invalid as error:
        endings.stop(carriage, Stop(Cause.DEFINITION, "poll-not-renderable", error.message), scope=scope)
        return None
    answer = carriage.ask(step.connector, operation)
    window_ends_at = last.at + timedelta(seconds=step.poll.within_seconds)
    kind, detail = _class_of_poll(carriage, step, answer)
    undecided = kind is ResultClass.PENDING
    if undecided and now() < window_ends_at:
        return Wait(min(now() + timedelta(seconds=step.poll.every_seconds), window_ends_at))
    if undecided:
        says = f"The action was accepted but not decided within {step.poll.within_seconds:g} s."
        row = _result(step, carriage, {"class": ResultClass.AMBIGUOUS, "why": "poll window over"})
        endings.stop(carriage, Stop(Cause.AMBIGUOUS, "poll-window-over", says, rows=(row,)), scope=scope)
        return None
    detail["seconds"] = round(time.monotonic() - started, 3)
    return _conclude(carriage, step, answer, kind, detail)


def retry(carriage: Carriage) -> Wait | None:
    """Commits the next intent once the wait that the last result imposed is over."""
    last, step = carriage.position.last, carriage.step
    due_at = last.at + timedelta(seconds=last.detail["wait_seconds"])
    if now() < due_at:
        return Wait(due_at)
    with transaction.atomic():
        commit_intent(carriage, step, repeat_of=carriage.position.attempts[step.name])
    return None


def settle(carriage: Carriage, step: Step, answer: Answer, *, seconds: float) -> Wait | None:
    """Writes the classed result down, and stops the run where the class says so."""
    kind, detail = _class_of(carriage, step, answer)
    detail["seconds"] = round(seconds, 3)
    return _conclude(carriage, step, answer, kind, detail)


def _conclude(carriage: Carriage, step: Step, answer: Answer, kind: ResultClass, detail: dict[str, Any]) -> Wait | None:
    if kind is ResultClass.SUCCEEDED:
        _succeeded(carriage, step, detail)
        return None
    if kind in (ResultClass.PENDING, ResultClass.UNKNOWN):
        carriage.append(_result(step, carriage, detail), state=RunState.INVOKING)
        return None
    if kind is ResultClass.RETRYABLE and not spent(carriage, step, detail.get("retry_class")):
        detail["wait_seconds"] = _wait_seconds(carriage, step, answer, detail.get("retry_class"))
        if detail["wait_seconds"] <= RETRY_AFTER_CEILING_SECONDS:
            carriage.append(_result(step, carriage, detail), state=RunState.INVOKING)
            return None
    endings.stop(carriage, _why(kind, step, detail, carriage), scope=carriage.scope(answer=detail["answer"]))
    return None


def _succeeded(carriage: Carriage, step: Step, detail: dict[str, Any]) -> None:
    result = _result(step, carriage, detail)
    if step.verify is not None:
        carriage.append(result, state=RunState.VERIFYING)
        return
    verifying.go_on(carriage, step, result, answer=detail["answer"], values={})


def _class_of(carriage: Carriage, step: Step, answer: Answer) -> tuple[ResultClass, dict[str, Any]]:
    classified = carriage.runbook.classify(step, carriage.scope(), answer)
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


def _class_of_poll(carriage: Carriage, step: Step, answer: Answer) -> tuple[ResultClass, dict[str, Any]]:
    """As the table says, where it decides. A status that tells of the question, not of the action, decides nothing:
    one that may pass is asked again, any other leaves open how the action stands."""
    kind, detail = _class_of(carriage, step, answer)
    if kind in (ResultClass.SUCCEEDED, ResultClass.PENDING):
        return kind, detail
    if answer.failure is not None or answer.status in RETRYABLE_STATUSES:
        return ResultClass.PENDING, detail
    if answer.status not in _SUCCESSFUL:
        kind = ResultClass.AMBIGUOUS
        detail |= {"class": kind, "why": f"asking how it stands: status {answer.status}"}
    return kind, detail


def _result(step: Step, carriage: Carriage, detail: dict[str, Any]) -> NewRow:
    return NewRow(
        Entry.RESULT, step=step.name, attempt=carriage.position.attempts[step.name], detail={"answer": {}} | detail
    )


def spent(carriage: Carriage, step: Step, retry_class: str | None) -> bool:
    """Whether the step's own limit or the run's budget of repeats is used up."""
    allowed = step.policy(retry_class).attempts
    return carriage.position.attempts[step.name] >= allowed or carriage.position.repeats >= carriage.run.retry_limit


def _wait_seconds(carriage: Carriage, step: Step, answer: Answer, retry_class: str | None) -> float:
    own = step.policy(retry_class).delay_seconds(carriage.position.attempts[step.name])
    return max(own, answer.retry_after_seconds or 0.0)


def _why(kind: ResultClass, step: Step, detail: dict[str, Any], carriage: Carriage) -> Stop:
    row = (_result(step, carriage, detail),)
    if kind is ResultClass.RETRYABLE:
        made = carriage.position.attempts[step.name]
        too_long = detail.get("wait_seconds", 0) > RETRY_AFTER_CEILING_SECONDS
        says = (
            f"The target asks to wait longer than {RETRY_AFTER_CEILING_SECONDS:g} s."
            if too_long
            else f"The action failed {made} times in a row with results that may pass; the limit is reached."
        )
        return Stop(Cause.RETRIES_EXHAUSTED, "retries-exhausted", says, rows=row)
    if kind is ResultClass.TERMINAL:
        return Stop(Cause.TERMINAL, "terminal-result", "The target refused the action for good.", rows=row)
    says = "The target's answer is none that the runbook knows, so nobody may act on it."
    return Stop(Cause.AMBIGUOUS, "ambiguous-result", says, rows=row)
