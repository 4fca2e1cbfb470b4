"""What people may do to a run between two calls: let it wait, or end it. Asked before each move and each intent."""

from __future__ import annotations

from collections.abc import Callable

from handrail.definitions import wiring
from handrail.runbooks.brakes import Controls, Held, Stopped
from handrail.runbooks.engine.decision import Commit, Next, Wait
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.moves import finish
from handrail.runbooks.engine.moves.finish import Stop
from handrail.runbooks.engine.moves.following import hold
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.states import ExceptionCause

MEMBER_WAITS_SECONDS = 3650 * 86_400.0
# Before these nothing is under way outside, so the run waits; in any other what is under way is read and verified.
_WAITING = frozenset({Phase.CLAIM, Phase.CHECK, Phase.RETRY, Phase.NEXT})


def before_move(execution: Execution, read: Callable[[], Controls]) -> Next | None:
    """What a person has ordered instead of the next move: that the run stops, or waits. None for the move itself.
    ``read`` says what applies to the run; it is asked only where that matters."""
    phase = execution.position.phase
    if phase in (Phase.IN_FLIGHT, Phase.STOP):
        return None
    controls = read()
    if controls.stop is not None:
        return _settle(execution, controls.stop)
    if phase not in _WAITING:
        return None
    if execution.run.wave_id is not None and execution.run.wave_round is None:
        return Wait(execution.after(MEMBER_WAITS_SECONDS))  # its wave makes it due, when it lets it begin
    held = controls.holding(execution.run, wiring.connectors_needed(execution.runbook, _next_called(execution)))
    return _settle(execution, held) if held else None


def _next_called(execution: Execution) -> str | None:
    """The step that would be called next; None before the first call."""
    phase, step = execution.position.phase, execution.position.step
    if phase is Phase.NEXT:
        following = execution.step_after(step)
        return following.name if following else step
    return step if phase is Phase.RETRY else None


def before_commit(execution: Execution, decided: Commit, controls: Controls) -> Next | None:
    """The same instead of an intent that was ``decided``, by what is known to apply; None for it, and for whatever is
    not an intent. What came after that is seen by the statement that writes the intent."""
    if not decided.is_intent:
        return None
    needed = wiring.connectors_needed(execution.runbook, decided.rows[-1].step)
    verdict = controls.stop or controls.holding(execution.run, needed)
    return _settle(execution, verdict) if verdict else None


def _settle(execution: Execution, verdict: Stopped | Held) -> Next:
    if isinstance(verdict, Held):
        return hold(execution, verdict)
    unknown = "It is unknown whether the action took effect. " if execution.position.phase is Phase.RECONCILE else ""
    message = f"{unknown}{verdict.by} stopped this run: {verdict.reason}"
    return finish.stop(execution, Stop(ExceptionCause.STOPPED, "stopped-by-person", message), scope=execution.scope())
