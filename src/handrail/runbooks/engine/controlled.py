"""What people may do to a run between two calls: let it wait, or end it. Asked before each move and each intent."""

from __future__ import annotations

from django.db import transaction

from handrail.definitions import wiring
from handrail.definitions.runbook.compiled import CompiledStep
from handrail.kernel.clock import after
from handrail.runbooks import brakes
from handrail.runbooks.brakes import Held, Stopped
from handrail.runbooks.engine import endings, ledger
from handrail.runbooks.engine.endings import Stop
from handrail.runbooks.engine.execution import Execution, LeasedRun, Wait
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.states import ExceptionCause

# Before these nothing is under way outside, so the run waits; in any other what is under way is read and verified.
_WAITING = frozenset({Phase.CLAIM, Phase.CHECK, Phase.RETRY})


class Interrupted(Exception):
    """The next intent must not be committed now."""

    def __init__(self, verdict: Stopped | Held) -> None:
        self.verdict = verdict


def before_move(execution: Execution) -> None:
    """Raises Interrupted where a person has ordered the run to stop, or nothing of it may begin or be repeated now."""
    phase = execution.position.phase
    if phase is Phase.IN_FLIGHT:
        return
    controls = brakes.read(execution.run)
    if controls.stop is not None:
        raise Interrupted(controls.stop)
    if phase in _WAITING:
        step = execution.position.step if phase is Phase.RETRY else None
        _refuse(controls.holding(execution.run, wiring.connectors_needed(execution.runbook, step)))


def before_intent(execution: Execution, step: CompiledStep) -> None:
    """The same for the intent to call ``step``."""
    controls = brakes.read(execution.run)
    needed = wiring.connectors_needed(execution.runbook, step.name)
    _refuse(controls.stop or controls.holding(execution.run, needed))


def settle(execution: Execution, verdict: Stopped | Held) -> Wait | None:
    """Ends the run as a person ordered, or has it wait. Raises Stale."""
    if isinstance(verdict, Held):
        return Wait(after(brakes.RECHECK_SECONDS), verdict)
    unknown = "It is unknown whether the action took effect. " if execution.position.phase is Phase.RECONCILE else ""
    message = f"{unknown}{verdict.by} stopped this run: {verdict.reason}"
    why = Stop(ExceptionCause.STOPPED, "stopped-by-person", message)
    endings.stop(execution, why, scope=execution.scope())
    return None


def release(leased: LeasedRun, waiting: Wait) -> bool:
    """Gives the run back until it may go on, and notes what it waits for; False when that has ended meanwhile.
    Raises Stale."""
    with transaction.atomic():
        if waiting.held is not None and not brakes.note_paused(leased.run, waiting.held):
            return False
        ledger.release_lease(leased.run, until=waiting.until)
    return True


def _refuse(verdict: Stopped | Held | None) -> None:
    if verdict is not None:
        raise Interrupted(verdict)
