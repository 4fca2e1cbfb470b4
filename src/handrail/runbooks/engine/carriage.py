"""What every move of a run works with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handrail.access.actor import Actor
from handrail.definitions.compiled import CompiledRunbook, Step
from handrail.kernel.clock import now
from handrail.runbooks.engine import journal
from handrail.runbooks.engine.journal import NewRow
from handrail.runbooks.engine.position import Position, Row
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import Entry, RunState


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before ``until``."""

    until: datetime


@dataclass(slots=True)
class Hand:
    """One hand on a run: the ledger as it has seen it, and the intent that it wrote itself and may act on."""

    rows: list[Row]
    intent: int | None = None


@dataclass(frozen=True, slots=True)
class Carriage:
    """A run, the definition pinned to it, where it stands, and who carries it."""

    run: OperationRun
    runbook: CompiledRunbook
    position: Position
    by: Actor
    takeover: timedelta
    hand: Hand

    @property
    def step(self) -> Step:
        """The step under way."""
        return self.runbook.step(self.position.step)

    def step_after(self, name: str) -> Step | None:
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
            "task": self.run.task,
            "steps": self.position.answers,
            **self.position.before,
            "before": self.position.before,
            **more,
        }

    def append(self, *rows: NewRow, state: RunState, due_at: datetime | None = None) -> None:
        """Adds ``rows`` behind the last one. Without ``due_at`` another worker takes over after the usual time."""
        new = journal.append(
            self.run,
            *rows,
            after=self.position.last.sequence,
            worker=self.by.name,
            state=state,
            due_at=due_at or now() + self.takeover,
        )
        self.hand.rows.extend(new)
        self.hand.intent = new[-1].sequence if new[-1].kind is Entry.INTENT else None
