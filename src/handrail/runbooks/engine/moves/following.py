"""What follows: the intent to call, or the next step, or the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from handrail.audit.events import EventName
from handrail.definitions.runbook.compiled import CompiledStep
from handrail.runbooks import brakes
from handrail.runbooks.brakes import Held
from handrail.runbooks.engine.decision import Commit, NewEvent, NewRow, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import finish
from handrail.runbooks.engine.outside import Unreadable, connector
from handrail.runbooks.states import EventKind, RunState


def intent(
    execution: Execution,
    step: CompiledStep,
    *before: NewRow,
    repeat_of: int,
    events: tuple[NewEvent, ...] = (),
    claims: bool = False,
    decided_again: dict[str, Any] | None = None,
) -> Commit:
    """The intent to call ``step``, behind the rows ``before``. It is committed before the call: after a crash it shows
    that something may have happened.

    ``repeat_of`` is the number of attempts already made in this step; ``decided_again``: see ``again``. The row's
    deadline is the call's own, with a margin to record the result: a row that has no result after that was left by a
    worker that is gone. Raises Misconfigured.
    """
    deadline = execution.after(connector(step.connector).deadline_seconds + execution.timing.intent_margin_seconds)
    row = NewRow(
        EventKind.INTENT,
        step=step.name,
        attempt=repeat_of + 1,
        idempotency_key=execution.idempotency_key(step.name),
        deadline_at=deadline,
        detail={"connector": step.connector, "effect": "mutating" if step.mutating else "reading"}
        | ({"decided_again": decided_again} if decided_again else {}),
    )
    invoked = NewEvent(EventName.RUN_INVOKED, context={"step": step.name, "attempt": repeat_of + 1})
    return Commit((*before, row), RunState.INVOKING, events=(*events, invoked), due_at=deadline, claims=claims)


def hold(execution: Execution, held: Held) -> Wait:
    """Until a person lets the run go on."""
    return Wait(execution.after(brakes.RECHECK_SECONDS), held)


def asked_since(execution: Execution, since: datetime) -> datetime:
    """``resumed_since``, but later by as much as nothing was asked."""
    return attended_since(execution, resumed_since(execution, since))


def resumed_since(execution: Execution, since: datetime) -> datetime:
    """``since``, or when a person let the run go on, or a service in trouble was asked again, if that was later."""
    resumed_at = execution.resumed_at
    return resumed_at if resumed_at and since < resumed_at <= execution.at else since


def attended_since(execution: Execution, since: datetime) -> datetime:
    """``since``, but later by as much as no worker had the run, or it waited for limits of connectors: asking has gone
    on for no longer than from then."""
    unasked = execution.unattended_seconds + execution.limited_seconds
    return max(since, min(since + timedelta(seconds=unasked), execution.at))


def read_wait(execution: Execution, error: Unreadable, *, since: datetime) -> Wait | None:
    """Until when to wait for a read that failed in passing; None once the budget is over, counted from ``since``
    without the time in which nobody asked."""
    timing, ends_at = execution.timing, read_budget_ends_at(execution, since)
    if not error.retryable or execution.at >= ends_at:
        return None
    interval = timing.refused_interval_seconds if error.refused else timing.read_interval_seconds
    pause = max(interval, error.retry_after_seconds or 0.0)
    return Wait(min(execution.after(pause), ends_at))


def read_budget_ends_at(execution: Execution, since: datetime) -> datetime:
    """Until when reads that fail in passing are asked again, counted from ``since`` without the time in which nobody
    asked."""
    written = execution.runbook.spec.read_budget
    seconds = execution.timing.read_budget_seconds if written is None else written
    return asked_since(execution, since) + timedelta(seconds=seconds)


def go_on(
    execution: Execution, step: CompiledStep, *rows: NewRow, answer: dict[str, Any], values: dict[str, dict[str, Any]]
) -> Commit:
    """From a finished step to the run's completion; or, with its proof written, to where the next one is decided."""
    if execution.step_after(step.name) is None:
        steps = {**execution.position.answers, step.name: answer}
        return finish.complete(execution, *rows, scope=execution.scope(**values, answer=answer, steps=steps))
    return Commit(rows, RunState.VERIFYING)


def is_exhausted(execution: Execution, step: CompiledStep, retry_class: str | None) -> bool:
    """Whether the step's own limit or the run's budget of repeats is used up. Attempts that were spared don't count."""
    position = execution.position
    made = position.attempts[step.name] - position.spared.get(step.name, 0)
    return made >= step.policy(retry_class).attempts or position.repeats >= execution.run.retry_limit
