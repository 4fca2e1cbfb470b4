"""What a move of a run comes to: wait, commit, or first ask outside. Moves decide; ``advance`` acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from handrail.audit.events import EventName, EventOutcome
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.runbooks.brakes import Held
from handrail.runbooks.engine.outside import Readings, Unreadable
from handrail.runbooks.limits.gate import ConnectorWait
from handrail.runbooks.states import EventKind, RunState

if TYPE_CHECKING:
    from handrail.runbooks.engine.execution import Execution


@dataclass(frozen=True, slots=True)
class NewRow:
    """A ledger row to be written. Time, worker and place in the ledger are added as it is."""

    kind: EventKind
    step: str = ""
    attempt: int | None = None
    idempotency_key: str = ""
    deadline_at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An audit event about the run, to be written with the rows."""

    event: EventName
    outcome: EventOutcome = EventOutcome.DONE
    context: Mapping[str, str | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run leaves behind beside its last row: the columns of its retry-ledger entry, and of its completion record
    or its exception packet. A cancelled run leaves none of them."""

    retries: dict[str, Any] | None = None
    completion: dict[str, Any] | None = None
    packet: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before ``until``. ``held``: the run waits for a person, who will wake it. ``connector``: it waits
    for a connector, at a limit or behind an open circuit breaker."""

    until: datetime
    held: Held | None = None
    connector: ConnectorWait | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """The next rows of the ledger, and the state that they bring the run to: one statement writes all of it or nothing.

    ``due_at``: until when the run stays leased; None for the usual time. ``claims``: the run takes its subject's next
    turn, and all of it is void if another run took that one since this one looked.
    """

    rows: tuple[NewRow, ...]
    state: RunState
    events: tuple[NewEvent, ...] = ()
    ending: Ending | None = None
    due_at: datetime | None = None
    claims: bool = False

    @property
    def is_intent(self) -> bool:
        """Whether a call follows it."""
        return self.rows[-1].kind is EventKind.INTENT

    def later(self, seconds: float) -> Commit:
        """The same intent, with as much time as it had ``seconds`` ago."""
        *before, intent = self.rows
        assert intent.deadline_at is not None
        deadline = intent.deadline_at + timedelta(seconds=seconds)
        return replace(self, rows=(*before, replace(intent, deadline_at=deadline)), due_at=deadline)


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of authoritative state to be made first. ``then`` decides by that, and by what time it is then."""

    names: tuple[str, ...]
    then: Callable[[Execution, Readings | Unreadable], Next]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What could be read after a stop: values by read. ``unread``: the reads that failed."""

    values: dict[str, dict[str, Any]]
    unread: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All reads that can be made, in bounded time, for a stop to tell what is outside."""

    then: Callable[[Execution, Surveyed], Next]


@dataclass(frozen=True, slots=True)
class CurrentState:
    """Whether the run's definition is active, or may become that again since no other one is (``orphaned``), and
    whether an unresolved stop fences its subject, or the person has its exception packet no more (``unheld``)."""

    active: bool
    orphaned: bool
    fenced: bool
    unheld: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """How the run stands at this moment, to be asked of the database right before an intent."""

    then: Callable[[Execution, CurrentState], Next]


@dataclass(frozen=True, slots=True)
class Settle:
    """Time for another worker to write the row that this one is about to write: of both, only the first counts."""

    seconds: float
    then: Callable[[Execution], Next]


@dataclass(frozen=True, slots=True)
class Answered:
    """``seconds``: how long the call took. ``shut``: it failed, and calls through this connector wait because of it."""

    answer: Answer
    seconds: float
    shut: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that changes nothing, to be made first."""

    connector: str
    operation: Operation
    then: Callable[[Execution, Answered], Next]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The call whose intent this worker has just committed. It must end by ``until``; where that can't be, nothing is
    sent, and ``too_late`` decides."""

    connector: str
    operation: Operation
    until: datetime
    then: Callable[[Execution, Answered], Next]
    too_late: Callable[[Execution], Next]


Decision = Wait | Commit
Need = Reads | Survey | Look | Settle | Ask | Invocation
Next = Wait | Commit | Need
