"""Calling the target: intent first, then the call, then its result; and what to do when the result is missing."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile
from typing import Any

from handrail.connectors.outcome import RETRYABLE_STATUSES, Answer
from handrail.definitions.runbook.compiled import CompiledStep
from handrail.kernel.errors import Invalid
from handrail.runbooks.engine.decision import Answered, Ask, Commit, Invocation, NewRow, Next, Settle, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import again, finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import (
    attended_since,
    go_on,
    intent,
    is_exhausted,
    read_budget_ends_at,
    resumed_since,
)
from handrail.runbooks.engine.position import ResultClass
from handrail.runbooks.states import EventKind, ExceptionCause, RunState
from handrail.runbooks.timing import NOT_SENT_LIMIT

_SUCCESSFUL = range(200, 300)


def in_flight(execution: Execution) -> Next:
    """An intent without a result. Only the worker that has just written it may make the call; for any other its outcome
    is unknown."""
    return _call(execution) if execution.own_intent else _overdue(execution)


def _call(execution: Execution) -> Next:
    step, last = execution.step, execution.position.last
    assert last.deadline_at is not None
    scope = execution.scope()
    try:
        operation = execution.runbook.operation(step.call, scope, idempotency_key=last.idempotency_key)
    except Invalid as error:
        return unsendable(execution, Stop(ExceptionCause.DEFINITION, "call-not-renderable", error.message))
    until = last.deadline_at - timedelta(seconds=execution.timing.result_margin_seconds)
    return Invocation(step.connector, operation, until, then=settle, too_late=_not_sent)


def unsendable(execution: Execution, why: Stop) -> Commit:
    """This worker's own intent, whose call can't be made at all: that nothing was sent is written before the run stops,
    so that its packet says so, and fences nothing."""
    return _stopping(execution, why, {"class": ResultClass.NOT_SENT, "why": "nothing was sent: it can't be called"})


def _not_sent(execution: Execution) -> Next:
    """This worker's own intent, too late: its commit stalled, or the machine slept. Others may have recorded the
    outcome as unknown meanwhile, and then this is void. Else it is known that nothing was sent, and the same attempt is
    made again: at once the first time, later each time after, and a bounded number of times."""
    why = "nothing was sent: the intent's time was over before the call could be made"
    times = _not_sent_in_a_row(execution)
    detail: dict[str, Any] = {"class": ResultClass.NOT_SENT, "why": why}
    if times + 1 >= NOT_SENT_LIMIT:
        message = (
            f"{times + 1} times in a row the time for the call was over before it could be made. Nothing was sent."
        )
        return _stopping(execution, Stop(ExceptionCause.DEFINITION, "not-sent", message), detail)
    if times:
        detail["wait_seconds"] = execution.timing.after_unexpected_error(times)
    return Commit((_result(execution, detail),), RunState.INVOKING)


def _not_sent_in_a_row(execution: Execution) -> int:
    """How many attempts right before this one were not sent."""
    earlier = reversed([row for row in execution.rows[:-1] if row.kind is not EventKind.INTENT])
    return sum(1 for _ in takewhile(lambda row: row.detail.get("class") == ResultClass.NOT_SENT, earlier))


def _overdue(execution: Execution) -> Next:
    """Somebody else's intent: left alone until its deadline, then written down as unknown. One that was only written
    behind its deadline, because its commit waited, is known to have been of no use to its writer either. Where its
    statement was in time and its commit was not, only the writer knows, who says so first if it lives."""
    last = execution.position.last
    assert last.deadline_at is not None
    if last.at >= last.deadline_at:
        return _not_sent(execution)
    if execution.at < last.deadline_at:
        return Wait(last.deadline_at)
    return Settle(execution.timing.result_margin_seconds / 2, then=_gone)


def _gone(execution: Execution) -> Next:
    last = execution.position.last
    unknown = NewRow(
        EventKind.UNKNOWN,
        step=last.step,
        attempt=last.attempt,
        detail={"class": ResultClass.UNKNOWN, "why": "the worker that called is gone; no result was recorded"},
    )
    return Commit((unknown,), RunState.INVOKING)


def poll(execution: Execution) -> Next:
    """Asks how an accepted action stands, until it is decided or the poll's window is over."""
    step = execution.step
    assert step.poll is not None
    scope = execution.scope(answer=execution.position.answers.get(step.name, {}))
    try:
        operation = execution.runbook.operation(step.poll.spec, scope)
    except Invalid as error:
        return finish.stop(
            execution, Stop(ExceptionCause.DEFINITION, "poll-not-renderable", error.message), scope=scope
        )
    return Ask(step.connector, operation, then=_polled)


def _polled(execution: Execution, asked: Answered) -> Next:
    step = execution.step
    assert step.poll is not None
    kind, detail = _class_of_poll(execution, step, asked.answer)
    since = resumed_since(execution, execution.position.last.at)
    if asked.answer.failure is not None or asked.answer.status in RETRYABLE_STATUSES:
        since = attended_since(execution, since)  # it says nothing: that is asked for as long as workers could ask
    ends_at = since + timedelta(seconds=step.poll.within_seconds)
    if asked.answer.may_pass:  # says nothing about the action: its file has as long as for any other read
        ends_at = max(ends_at, read_budget_ends_at(execution, execution.position.last.at))
    undecided = kind is ResultClass.PENDING
    if undecided and execution.at < ends_at:
        least = execution.timing.refused_interval_seconds if asked.answer.may_pass else step.poll.every_seconds
        pause = max(least, asked.answer.retry_after_seconds or 0.0)
        return Wait(min(execution.after(pause), ends_at))
    if undecided:
        message = f"The action was accepted but not decided within {step.poll.within_seconds:g} s."
        if asked.answer.may_pass:
            message += " Lastly the target refused Handrail's credentials (status 401)."
        known = execution.position.answers.get(step.name, {})
        result = {"class": ResultClass.AMBIGUOUS, "why": "poll window over", "answer": known}
        return _stopping(execution, Stop(ExceptionCause.AMBIGUOUS, "poll-window-over", message), result)
    return _conclude(execution, asked, kind, detail)


def retry(execution: Execution) -> Next:
    """Commits the next intent once the wait that the last result imposed is over."""
    last, step = execution.position.last, execution.step
    due_at = last.at + timedelta(seconds=last.detail.get("wait_seconds", 0.0))
    if execution.at < due_at:
        return Wait(due_at)
    made = execution.position.attempts.get(step.name, 0)
    return again.decide(
        execution,
        step,
        since=due_at,
        then=lambda now, decided_again: intent(now, step, repeat_of=made, decided_again=decided_again),
    )


def stop(execution: Execution) -> Next:
    """Ends the run for the result that was written last."""
    recorded = finish.recorded(execution)
    assert recorded is not None
    answer = execution.position.answers.get(execution.step.name, {})
    return finish.stop(execution, recorded, scope=execution.scope(answer=answer))


def settle(execution: Execution, called: Answered) -> Next:
    """Records the classified result, and stops the run where its class requires that."""
    kind, detail = _class_of(execution, execution.step, called.answer)
    if called.answer.may_pass and kind is not ResultClass.RETRYABLE:
        kind, detail = _refused_credentials(execution, kind, detail)
    return _conclude(execution, called, kind, detail)


def _refused_credentials(
    execution: Execution, kind: ResultClass, detail: dict[str, Any]
) -> tuple[ResultClass, dict[str, Any]]:
    """The target refused to know us, so nothing happened, and the file may hold others by the next attempt: within the
    step's own limit everything is decided again. After it the answer is what the table says."""
    detail = detail | {"credentials": "refused"}
    if is_exhausted(execution, execution.step, None):
        return kind, detail
    why = "status 401: the credentials were refused; their file may be about to change"
    return ResultClass.RETRYABLE, detail | {"class": ResultClass.RETRYABLE, "why": why}


def _conclude(execution: Execution, called: Answered, kind: ResultClass, detail: dict[str, Any]) -> Commit:
    step = execution.step
    detail["seconds"] = round(called.seconds, 3)
    if kind is ResultClass.SUCCEEDED:
        return _succeeded(execution, step, detail)
    if called.shut and kind in (ResultClass.RETRYABLE, ResultClass.UNKNOWN):
        return _spared(execution, step, kind, detail)
    if kind in (ResultClass.PENDING, ResultClass.UNKNOWN):
        return Commit((_result(execution, detail),), RunState.INVOKING)
    if kind is ResultClass.RETRYABLE and not is_exhausted(execution, step, detail.get("retry_class")):
        detail["wait_seconds"] = _wait_seconds(execution, step, called.answer, detail.get("retry_class"))
        if detail["wait_seconds"] <= execution.timing.retry_after_ceiling_seconds:
            return Commit((_result(execution, detail),), RunState.INVOKING)
    return _stopping(execution, _why(kind, step, detail, execution), detail)


def _spared(execution: Execution, step: CompiledStep, kind: ResultClass, detail: dict[str, Any]) -> Commit:
    """A call that failed with the service, which all calls wait for by now: it uses up no attempt."""
    detail["spared"] = True
    if kind is ResultClass.RETRYABLE:
        own = step.policy(detail.get("retry_class")).delay_seconds(execution.position.attempts[step.name])
        detail["wait_seconds"] = min(own, execution.timing.retry_after_ceiling_seconds)
    return Commit((_result(execution, detail),), RunState.INVOKING)


def _stopping(execution: Execution, why: Stop, detail: dict[str, Any]) -> Commit:
    """Writes the result that stops the run before anything else is asked: whatever comes then, it is not lost."""
    return Commit((_result(execution, detail | {"stop": why.recorded()}),), RunState.INVOKING)


def _succeeded(execution: Execution, step: CompiledStep, detail: dict[str, Any]) -> Commit:
    result = _result(execution, detail)
    if step.verify is not None:
        return Commit((result,), RunState.VERIFYING)
    return go_on(execution, step, result, answer=detail["answer"], values={})


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
    if answer.failure is not None or answer.status in RETRYABLE_STATUSES or answer.may_pass:
        return ResultClass.PENDING, detail
    if answer.status not in _SUCCESSFUL:
        kind = ResultClass.AMBIGUOUS
        detail |= {"class": kind, "why": f"polling: status {answer.status}"}
    return kind, detail


def _result(execution: Execution, detail: dict[str, Any]) -> NewRow:
    step = execution.position.step
    attempt = execution.position.attempts[step]
    return NewRow(EventKind.RESULT, step=step, attempt=attempt, detail={"answer": {}} | detail)


def _wait_seconds(execution: Execution, step: CompiledStep, answer: Answer, retry_class: str | None) -> float:
    own = step.policy(retry_class).delay_seconds(execution.position.attempts[step.name])
    least = execution.timing.refused_interval_seconds if answer.may_pass else 0.0
    return max(own, answer.retry_after_seconds or 0.0, least)


def _why(kind: ResultClass, step: CompiledStep, detail: dict[str, Any], execution: Execution) -> Stop:
    if kind is ResultClass.RETRYABLE:
        made = execution.position.attempts[step.name]
        ceiling = execution.timing.retry_after_ceiling_seconds
        too_long = detail.get("wait_seconds", 0) > ceiling
        message = (
            f"The target asks to wait longer than {ceiling:g} s."
            if too_long
            else f"The action failed {made} times in a row with results that may pass; the limit is reached."
        )
        return Stop(ExceptionCause.RETRIES_EXHAUSTED, "retries-exhausted", message)
    if kind is ResultClass.TERMINAL and detail.get("credentials"):
        message = "The target refuses the credentials that their file holds (status 401)."
        return Stop(ExceptionCause.TERMINAL, "terminal-result", message)
    if kind is ResultClass.TERMINAL:
        return Stop(ExceptionCause.TERMINAL, "terminal-result", "The target refused the action permanently.")
    message = "The runbook does not recognise the answer, so the run stops."
    return Stop(ExceptionCause.AMBIGUOUS, "ambiguous-result", message)
