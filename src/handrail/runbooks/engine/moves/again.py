"""Deciding again before each call after the first: definition, wiring, reads, prerequisites, what must not change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from handrail.definitions import wiring
from handrail.definitions.runbook.compiled import CompiledStep
from handrail.runbooks.brakes import Held
from handrail.runbooks.engine import redecision
from handrail.runbooks.engine.decision import CurrentState, Look, NewRow, Next, Reads
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import check, finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import hold, intent, read_wait
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.states import ExceptionCause


def next_step(execution: Execution) -> Next:
    """From a finished step to the next one's intent, if everything still allows it."""
    following = execution.step_after(execution.position.step)
    assert following is not None  # the last step's proof ends the run in one commit
    since = execution.position.last.at
    return decide(
        execution,
        following,
        since=since,
        then=lambda now, decided_again: intent(now, following, repeat_of=0, decided_again=decided_again),
    )


def decide(
    execution: Execution,
    step: CompiledStep,
    *,
    since: datetime,
    then: Callable[[Execution, dict[str, Any]], Next],
    rows: tuple[NewRow, ...] = (),
) -> Next:
    """Decides again whether ``step`` may be called, and goes on to ``then`` and what the intent says of it; or stops.

    ``since``: from when on reads that fail in passing are waited for. ``rows`` are written before a stop.
    """

    def looked(now: Execution, readings: Readings, current_state: CurrentState) -> Next:
        if current_state.orphaned:
            return hold(now, Held(None))
        why = _why_not(now, step, readings, current_state)
        if why is None:
            return then(now, _decided_again(now, readings))
        whole = Stop(why.cause, why.reason, why.message, why.evidence, rows=rows)
        return finish.stop(now, whole, scope=now.scope(**readings.values))

    def read(now: Execution, readings: Readings | Unreadable) -> Next:
        if isinstance(readings, Unreadable):
            return read_wait(now, readings, since=since) or finish.stop(
                now, check.unreadable(readings, rows=rows), scope=now.scope()
            )
        return Look(lambda later, current_state: looked(later, readings, current_state))

    if unusable := wiring.faults(execution.runbook, from_step=step.name):
        message = "; ".join(map(str, unusable))
        why = Stop(ExceptionCause.DEFINITION, "connector-unusable", message, rows=rows)
        return finish.stop(execution, why, scope=execution.scope())
    return Reads(tuple(execution.runbook.initial_reads), then=read)


def _why_not(execution: Execution, step: CompiledStep, readings: Readings, current_state: CurrentState) -> Stop | None:
    if current_state.unheld:
        return check.not_held()
    if not current_state.active:
        return check.version_not_active(execution.run)
    runbook, changed = execution.runbook, redecision.changed(execution.runbook, execution.rows)
    due = redecision.prerequisites(runbook, changed)
    start = redecision.at_start(execution.rows)
    scope = execution.scope(**redecision.decided_by(start, readings.values, changed))
    always = execution.scope(**readings.values)
    if refused := check.first_refused(due, scope, evidence=readings.evidence, always=always):
        return refused
    if name := redecision.altered(execution.runbook, step, start, readings.values, changed):
        message = f"{name} changed while the run was under way; nothing in this runbook may change it."
        reason = f"changed-{name.replace('.', '-').replace('_', '-')}"
        return Stop(ExceptionCause.VERIFICATION, reason, message, readings.evidence)
    return None


def _decided_again(execution: Execution, readings: Readings) -> dict[str, Any]:
    """What was decided again, and with which readings. ``before`` stays what it was before the step."""
    changed = redecision.changed(execution.runbook, execution.rows)
    decided = [one.reason for one in redecision.prerequisites(execution.runbook, changed)]
    return {"prerequisites": decided, "evidence": readings.evidence}
