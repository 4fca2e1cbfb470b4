"""What every move of a run decides by. Nothing here changes: after each commit there is a new one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handrail.access.actor import Actor
from handrail.definitions.runbook.compiled import CompiledRunbook, CompiledStep
from handrail.runbooks.engine.position import Position, Row
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RunState
from handrail.runbooks.timing import Timing


@dataclass(frozen=True, slots=True)
class Subject:
    """``busy``: another run of the same tenant and subject is under way. ``turn``: the last one that a run took.
    ``fenced``: one stopped behind a call that may have acted, and its exception packet is unresolved. ``unheld``: the
    run is a follow-up of an exception packet that the person who started it has no more."""

    busy: bool
    turn: int
    fenced: bool = False
    unheld: bool = False


@dataclass(frozen=True, slots=True)
class LeasedRun:
    """A run as the worker that holds its lease knows it. Enough to end the run, not to advance it.

    ``run``: for what never changes of it; ``state``, ``rows`` and ``position`` are what changes. ``at``: the time by
    the database's clock. ``resumed_at``: when the run's last wait for a person, or for a service in trouble, ended;
    ``unattended_seconds``: for how long it was due since its last row, and no worker had it; ``limited_seconds``: how
    long it has waited since then for limits of connectors. ``own_intent``: the last row is an intent that this worker
    wrote itself and may act on.
    """

    run: OperationRun
    state: RunState
    rows: tuple[Row, ...]
    position: Position
    subject: Subject
    own_intent: bool
    by: Actor
    timing: Timing
    at: datetime
    resumed_at: datetime | None
    unattended_seconds: float
    limited_seconds: float

    def after(self, seconds: float) -> datetime:
        """The instant ``seconds`` from now."""
        return self.at + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Execution(LeasedRun):
    """A run with the definition pinned to it."""

    runbook: CompiledRunbook

    @property
    def step(self) -> CompiledStep:
        """The step under way."""
        return self.runbook.step(self.position.step)

    def step_after(self, name: str) -> CompiledStep | None:
        """The step behind ``name``; None behind the last."""
        steps = self.runbook.steps
        following = steps[[step.name for step in steps].index(name) + 1 :]
        return following[0] if following else None

    def idempotency_key(self, step: str) -> str:
        """Stable for the step over all attempts, processes and restarts."""
        return f"{self.run.ref}:{step}"

    def scope(self, **more: Any) -> dict[str, Any]:
        """The values that placeholders and conditions may name at this point."""
        return {
            "runbook": self.runbook.identity,
            "task": self.run.task,
            "steps": self.position.answers,
            **self.position.before,
            "before": self.position.before,
            **more,
        }
