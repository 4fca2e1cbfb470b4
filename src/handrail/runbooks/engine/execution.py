"""What every move of a run works with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handrail.access.actor import Actor
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.definitions.runbook.compiled import CompiledRunbook, CompiledStep
from handrail.kernel.clock import after
from handrail.runbooks.brakes import Held
from handrail.runbooks.engine import ledger
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.engine.outside import Readings, connector, read_all
from handrail.runbooks.engine.position import Position, Row
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind, RunState
from handrail.runbooks.timing import Timing

_MOVING = ("state", "updated_at", "due_at", "failures")


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before ``until``. ``held``: the run waits for a person, who will wake it."""

    until: datetime
    held: Held | None = None


@dataclass(slots=True)
class LeaseHolder:
    """What the worker that holds a run's lease knows: the ledger as it has seen it, how long it may still wait in its
    own process, the intent that it wrote itself and may act on, and the run's row when that was last surely written."""

    rows: list[Row]
    in_process_wait_seconds: float
    intent: int | None = None
    written: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeasedRun:
    """A run, its position, and the worker that holds its lease. Enough to end the run, not to advance it."""

    run: OperationRun
    position: Position
    by: Actor
    timing: Timing
    holder: LeaseHolder

    def append(self, *rows: NewRow, state: RunState, due_at: datetime | None = None) -> None:
        """Adds ``rows`` behind the last one. Without ``due_at`` the run is leased for the usual time."""
        new = ledger.append(
            self.run,
            *rows,
            after=self.position.last.sequence,
            worker=self.by.name,
            state=state,
            due_at=due_at or after(self.timing.lease_seconds),
        )
        self.holder.rows.extend(new)
        self.holder.intent = new[-1].sequence if new[-1].kind is EventKind.INTENT else None

    def renew_lease(self, seconds: float) -> None:
        """Keeps the run leased for at least the next ``seconds``. Raises Stale when another worker has it already."""
        needed = after(seconds + self.timing.lease_margin_seconds)
        if self.run.due_at is None or self.run.due_at < needed:
            ledger.renew_lease(self.run, until=max(needed, after(self.timing.lease_seconds)))
            self.remember()

    def remember(self) -> None:
        """Notes the run's row as it is, outside any transaction."""
        self.holder.written = {name: getattr(self.run, name) for name in _MOVING}

    def restore(self) -> None:
        """Resets run and ledger in memory to what the database has, after a transaction was rolled back."""
        for name, value in self.holder.written.items():
            setattr(self.run, name, value)
        self.holder.rows[:] = [row for row in self.holder.rows if row.sequence <= self.position.last.sequence]


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

    def read(self, names: Iterable[str]) -> Readings:
        """The named reads, made while the run stays leased. Raises Unreadable, Misconfigured, Stale."""
        return read_all(self.runbook, names, self.scope(), self.timing, renew_lease=self.renew_lease)

    def ask(self, name: str, operation: Operation) -> Answer:
        """A call of the connector ``name`` that changes nothing, likewise. Raises Misconfigured, Stale."""
        target = connector(name)
        self.renew_lease(target.deadline_seconds)
        return target.call(operation)
