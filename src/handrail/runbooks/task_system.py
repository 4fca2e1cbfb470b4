"""The support task systems as configured: where tasks come from and where outcomes are written back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection

from handrail.connectors.desk.formats import Format
from handrail.connectors.tasksystem import FURTHER, MessageKind, OutgoingMessage, WriteCall, own_shape
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secret

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class TaskSystem:
    """One task system, for the tasks of one workspace. ``name``: that of its section; empty for ``[tasks]``.

    ``*_at``: where in a listed task (JSON pointer or JMESPath) its parts are; those of ``task_at`` are inside of it,
    which may be text that holds JSON. Paths are below the connector's URL; ``outcome_path`` holds ``{task}`` once, and
    stands for ``outcome`` where that is None. Without ``messages`` it is sent outcomes only. ``pages``: the address of
    Handrail's pages, if it is known. Without ``webhook_secret`` no pushed task is accepted.
    """

    connector: str
    workspace: str
    list_path: str
    items_at: str
    next_at: str
    key_at: str
    runbook_at: str
    version_at: str
    payload_at: str
    outcome_path: str
    webhook_secret: Secret | None = None
    name: str = ""
    task_at: str = ""
    next_parameter: str | None = None
    values: Mapping[str, Scalar] = field(default_factory=dict)
    statuses: Mapping[str, Scalar] = field(default_factory=dict)
    text_format: Format = "text"
    outcome: WriteCall | None = None
    messages: WriteCall | None = None
    message_kinds: tuple[MessageKind, ...] = FURTHER
    pages: str = ""

    @property
    def label(self) -> str:
        """Its section in handrail.toml."""
        return f"task_systems.{self.name}" if self.name else "tasks"

    def call_of(self, kind: MessageKind) -> WriteCall | None:
        """How a message of this kind is written; None where it is not."""
        if kind is MessageKind.OUTCOME:
            return self.outcome or own_shape(self.outcome_path)
        return self.messages if kind in self.message_kinds else None

    def status_for(self, message: OutgoingMessage) -> Scalar | None:
        """The status that the task gets with ``message``; None where it stays as it is."""
        word = message.values.get("state") if message.kind is MessageKind.OUTCOME else message.kind.value
        return self.statuses.get(str(word))

    def page(self, path: str) -> str | None:
        """The address of one of Handrail's pages, if it is known."""
        return f"{self.pages}{path}" if self.pages else None


MISSING = "No task system is configured: add [tasks] to handrail.toml."
UNCONFIGURED = "tasks-unconfigured"
_configured = Configured[tuple[TaskSystem, ...]]((), missing=MISSING, code=UNCONFIGURED)


def configure(*systems: TaskSystem) -> None:
    """Sets the task systems of this process; each is bound to a workspace of its own."""
    _configured.set(systems)


def known() -> tuple[TaskSystem, ...]:
    """Every configured task system."""
    return _configured.find() or ()


def find() -> TaskSystem | None:
    """The first task system; None where none is configured."""
    return next(iter(known()), None)


def get() -> TaskSystem:
    """The first task system. Raises Misconfigured when none is configured."""
    if (found := find()) is None:
        raise Misconfigured(MISSING, code=UNCONFIGURED)
    return found


def named(name: str) -> TaskSystem:
    """The task system of that section: "tasks", or the NAME of ``[task_systems.NAME]``. Raises Misconfigured."""
    for system in known():
        if name in (system.name, system.label):
            return system
    get()
    names = ", ".join(system.name or system.label for system in known())
    raise Misconfigured(f"There is no such task system; those configured are: {names}.", code="task-system-unknown")


def of_workspace(slug: str) -> TaskSystem | None:
    """The task system of that workspace, if it has one."""
    return next((system for system in known() if system.workspace == slug), None)


def of(workspace_id: int) -> TaskSystem | None:
    """Likewise, of the workspace with that id."""
    if not known():
        return None
    slugs = {pk: slug for slug, pk in workspaces().items()}
    return of_workspace(slugs.get(workspace_id, ""))


def required(workspace_id: int) -> TaskSystem:
    """Likewise. Raises Misconfigured when that workspace has none."""
    if (found := of(workspace_id)) is None:
        get()
        message = "This workspace has no task system: add [task_systems.NAME] with its name to handrail.toml."
        raise Misconfigured(message, code=UNCONFIGURED)
    return found


def workspaces() -> dict[str, int]:
    """The workspaces that have a task system, as far as they exist, with their ids."""
    slugs = [system.workspace for system in known()]
    if not slugs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug, id FROM handrail_workspace_directory WHERE slug = ANY(%s)", [slugs])
        return {slug: int(pk) for slug, pk in cursor.fetchall()}


@contextmanager
def use(*systems: TaskSystem | None) -> Iterator[None]:
    """``systems`` in place of the configured ones for the length of a ``with`` block; None for none."""
    with _configured.use(tuple(system for system in systems if system is not None)):
        yield
