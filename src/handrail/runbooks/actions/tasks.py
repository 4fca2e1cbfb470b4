"""Tasks come in: pulled from the task system, or pushed by it. What can't become a run is refused and written down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import Event, Outcome
from handrail.connectors import registry
from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.operation import Performer
from handrail.connectors.rest import Get
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, HandrailError, Invalid, NotFound
from handrail.kernel.hostile import clean_text
from handrail.runbooks import task_system
from handrail.runbooks.actions import runs
from handrail.runbooks.actions.runs import IncomingTask
from handrail.runbooks.models import TaskRefusal

MAX_PAGES = 100
KEY_LIMIT = 128


class Fate(StrEnum):
    STARTED = "started"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Received:
    """``run`` is set unless the task was refused; ``code`` and ``says`` only then."""

    task: str
    fate: Fate
    run: str | None = None
    code: str = ""
    says: str = ""


def pull(*, by: Actor) -> list[Received]:
    """Receives every open task of the configured task system, page by page.

    Raises Misconfigured when none is configured, ReadFailed when it can't be read.
    """
    by.require(Capability.RUN_START)
    system = task_system.get()
    received: list[Received] = []
    path: str | None = system.list_path
    for _ in range(MAX_PAGES):
        if not path:
            break
        reading = cast(Performer, registry.get(system.connector)).read(Get(path=path))
        items = extract(reading.value, system.items_at)
        if not isinstance(items, list):
            raise Invalid("The task system's list is none.", faults=[Fault(system.items_at, "expected a list")])
        received += [receive(item=item, by=by) for item in items]
        path = _next(reading.value, system)
    return received


def receive(*, item: Any, by: Actor) -> Received:
    """Makes a run of one task as the task system tells it, or writes down why not, once for each content."""
    by.require(Capability.RUN_START)
    key = "?"
    try:
        task = parse(item, task_system.get())
        key = task.key
        started = runs.start(task=task, by=by)
    except (Invalid, NotFound, Conflict) as error:
        _refuse(key, item, error, by)
        return Received(key, Fate.REFUSED, code=error.code, says=error.message)
    return Received(task.key, Fate.STARTED if started.created else Fate.DUPLICATE, started.ref)


def parse(item: Any, system: task_system.TaskSystem) -> IncomingTask:
    """``item`` as a task. Raises Invalid with a fault for each part that is missing or of the wrong type."""
    faults: list[Fault] = []
    parts: dict[str, Any] = {}
    for name, at, kind in (
        ("key", system.key_at, str),
        ("runbook", system.runbook_at, str),
        ("version", system.version_at, int),
        ("payload", system.payload_at, dict),
    ):
        try:
            parts[name] = extract(item, at)
        except ExtractFailed:
            parts[name] = None
        if not isinstance(parts[name], kind) or isinstance(parts[name], bool):
            faults.append(Fault(at, f"expected {name}, a {kind.__name__}"))
    if not faults and not 0 < len(parts["key"]) <= KEY_LIMIT:
        faults.append(Fault(system.key_at, f"expected 1 to {KEY_LIMIT} characters"))
    if faults:
        raise Invalid("This is not a task that Handrail can read.", code="task-malformed", faults=faults)
    return IncomingTask(**parts)


def _next(page: Any, system: task_system.TaskSystem) -> str | None:
    try:
        following = extract(page, system.next_at)
    except ExtractFailed:
        return None
    return following if isinstance(following, str) and following.startswith("/") else None


@transaction.atomic
def _refuse(key: str, item: Any, error: HandrailError, by: Actor) -> None:
    cleaned = clean_text(key, limit=KEY_LIMIT) or "?"
    says = "; ".join([error.message, *map(str, error.faults)])
    _, created = TaskRefusal.objects.get_or_create(
        workspace_id=by.workspace_id,
        task_key=cleaned,
        task_digest=digest({"item": item}),
        defaults={"at": now(), "code": error.code, "says": clean_text(says, limit=500)},
    )
    if created:
        record(
            Event.TASK_REFUSED,
            by=by,
            subject_kind="task",
            subject=cleaned,
            outcome=Outcome.FAILED,
            code=error.code,
        )
