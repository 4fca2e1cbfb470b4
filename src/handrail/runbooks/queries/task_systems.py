"""The task system of the actor's workspace: how its list could be read, and which messages it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.snapshot import snapshot
from handrail.kernel.errors import Fault, Invalid
from handrail.runbooks import task_system
from handrail.runbooks.models import OperationRun, Report, TaskPull, TaskUpdate

PAGE = 50
NOT_KEPT = "not-kept"


@dataclass(frozen=True, slots=True)
class LastPull:
    """``whole_at``: when the whole list was last read. ``code`` and ``message``: why the last pull could not go on;
    empty where it did. ``pages`` and ``tasks``: how much it read."""

    system: str
    at: datetime
    whole_at: datetime | None
    pages: int
    tasks: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskSystemState:
    """``system``: its section in handrail.toml; empty where the workspace has none. ``last_pull``: None before the
    first."""

    system: str
    connector: str
    last_pull: LastPull | None
    outcomes_not_kept: int
    messages_not_kept: int


@dataclass(frozen=True, slots=True)
class MessageState:
    """A further message about a task. ``ref`` is its key there. ``delivered_at``: when the task system showed it.
    ``failure``: why the last try failed. ``ended``: there will be no further try."""

    ref: str
    task: str
    kind: str
    run: str | None
    at: datetime
    attempts: int
    delivered_at: datetime | None
    failure: str
    ended: bool

    @property
    def standing(self) -> str:
        """How it stands, in words."""
        if self.delivered_at is not None:
            return "kept"
        return self.failure or "not written yet"


def last_pull(actor: Actor) -> LastPull | None:
    """How the last pull of the workspace's task system went; None before the first. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    system = task_system.of(actor.workspace_id)
    if system is None:
        return None
    row = TaskPull.objects.filter(workspace_id=actor.workspace_id, system=system.label).first()
    if row is None:
        return None
    return LastPull(row.system, row.at, row.whole_at, row.pages, row.tasks, row.code, row.message)


def stopped_pull(actor: Actor) -> LastPull | None:
    """The last pull, where it could not go on to the end of the list; for people entitled to all tenants, as tasks
    behind it may be anybody's. Raises Denied."""
    if actor.tenant_ids is not None:
        return None
    found = last_pull(actor)
    return found if found is not None and found.code else None


@snapshot()
def get_task_system(actor: Actor) -> TaskSystemState:
    """How the workspace's task system stands; of what it does not keep, what the actor may see. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    system = task_system.of(actor.workspace_id)
    outcomes = scoped(actor, Report.objects.filter(delivered_at=None, failure_code=NOT_KEPT)).count()
    messages = scoped(actor, TaskUpdate.objects.filter(delivered_at=None, failure_code=NOT_KEPT)).count()
    if system is None:
        return TaskSystemState("", "", None, outcomes, messages)
    return TaskSystemState(system.label, system.connector, last_pull(actor), outcomes, messages)


@snapshot()
def list_messages(actor: Actor, *, delivered: bool = False, after: str = "", limit: int = PAGE) -> list[MessageState]:
    """Messages that the task system does not show yet, newest first; with ``delivered``, all of them. ``after`` goes on
    behind the message with that reference. Those about refused tasks are for people entitled to all tenants. Raises
    Denied, Invalid."""
    actor.require(Capability.RUN_VIEW)
    rows = scoped(actor, TaskUpdate.objects.select_related("run").order_by("-at", "-pk"))
    if not delivered:
        rows = rows.filter(delivered_at=None)
    if after:
        last = scoped(actor, TaskUpdate.objects.filter(ref=after)).first()
        if last is None:
            fault = Fault("after", "the reference of the last message of a list, MSG-…")
            raise Invalid("The list can't go on behind that message.", code="unknown-filter", faults=[fault])
        rows = rows.filter(Q(at__lt=last.at) | Q(at=last.at, pk__lt=last.pk))
    return [state_of(row) for row in rows[: min(limit, 500)]]


def messages_of(run: OperationRun) -> tuple[MessageState, ...]:
    """The messages about ``run`` to the task system, beside its outcome, in order."""
    return tuple(state_of(row) for row in run.updates.select_related("run").order_by("pk")[:200])


def state_of(row: TaskUpdate) -> MessageState:
    return MessageState(
        row.ref,
        row.task_key,
        row.kind,
        row.run.ref if row.run else None,
        row.at,
        row.attempts,
        row.delivered_at,
        row.failure,
        row.delivered_at is None and row.due_at is None,
    )
