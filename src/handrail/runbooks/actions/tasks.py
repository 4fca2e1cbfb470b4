"""Tasks come in: pulled from the task system, or pushed by it. What can't become a run is refused and written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import structlog
from django.db import DataError, transaction
from pydantic import ValidationError

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors import registry
from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.operation import Performer
from handrail.connectors.rest import Get
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, HandrailError, Invalid, NotFound
from handrail.kernel.hostile import clean_text
from handrail.runbooks import brakes, task_system, timing
from handrail.runbooks.actions import runs
from handrail.runbooks.delegated import KEY_LIMIT, IncomingTask
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import TurnWait
from handrail.runbooks.models import TaskRefusal

log = structlog.get_logger("handrail.runbooks")

MAX_PAGES = 100
# What a task's content can still cause after all bounds were checked. Errors of the database's server or connection are
# not here: the item does not cause them, and it is received the next time.
_UNEXPECTED = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError, DataError)


class IntakeOutcome(StrEnum):
    STARTED = "started"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Received:
    """``run`` is set unless the task was refused; ``code`` and ``message`` only then."""

    task: str
    outcome: IntakeOutcome
    run: str | None = None
    code: str = ""
    message: str = ""


def pull(*, by: Actor) -> list[Received]:
    """Receives every open task of the configured task system, page by page; none while the intake is paused.

    Raises Misconfigured when none is configured, ReadFailed when it can't be read.
    """
    by.require(Capability.RUN_START)
    system = task_system.get()
    if brakes.intake_paused_since(by.workspace_id) is not None:
        return []
    received: list[Received] = []
    waits = timing.get()
    turn_wait = TurnWait(waits.limit_wait_seconds, waits.limit_further_wait_seconds)
    path: str | None = system.list_path
    for _ in range(MAX_PAGES):
        if not path:
            break
        source = cast(Performer, registry.get(system.connector))
        reading = gate.read(system.connector, source, _page(path), turn_wait=turn_wait)
        items = extract(reading.value, system.items_at)
        if not isinstance(items, list):
            raise Invalid(
                "The task system's answer holds no list of tasks.", faults=[Fault(system.items_at, "expected a list")]
            )
        received += [receive(item=item, by=by) for item in items]
        path = _next(reading.value, system)
    return received


def _page(path: str) -> Get:
    try:
        return Get(path=path, page=True)
    except ValidationError:
        fault = Fault("next_at", "expected a path, percent-encoded")
        raise Invalid("The task system names a next page that is none.", faults=[fault]) from None


def receive(*, item: Any, by: Actor) -> Received:
    """Starts a run for one task of the task system, or records why not, once for each content.

    No item blocks those behind it: one that causes an unexpected error is refused as ``task-unusable``. Raises
    IntakePaused.
    """
    by.require(Capability.RUN_START)
    key = _key(item, task_system.get())
    try:
        task = parse(item, task_system.get())
        with transaction.atomic():
            started = runs.start(task=task, by=by)
    except runs.IntakePaused:
        raise  # no fault of the task: it waits in the task system
    except (Invalid, NotFound, Conflict) as error:
        return _refused(key, item, error, by)
    except _UNEXPECTED as error:
        log.warning("unusable task", task=key, error=type(error).__name__)
        unusable = Invalid("This task can't be used. See the log for the error.", code="task-unusable")
        return _refused(key, item, unusable, by)
    return Received(task.key, IntakeOutcome.STARTED if started.created else IntakeOutcome.DUPLICATE, started.ref)


def parse(item: Any, system: task_system.TaskSystem) -> IncomingTask:
    """``item`` as a task. Raises Invalid with a fault for each part that is missing, of the wrong type or too big."""
    faults: list[Fault] = []
    parts: dict[str, Any] = {}
    for name, at, kind in (
        ("key", system.key_at, str),
        ("runbook", system.runbook_at, str),
        ("version", system.version_at, int),
        ("payload", system.payload_at, dict),
    ):
        parts[name] = _part(item, at)
        if not isinstance(parts[name], kind) or isinstance(parts[name], bool):
            faults.append(Fault(at, f"expected {name}, a {kind.__name__}"))
    if faults:
        raise Invalid("This is not a task that Handrail can read.", code="task-malformed", faults=faults)
    return IncomingTask(**parts)


def _key(item: Any, system: task_system.TaskSystem) -> str:
    """The task's key, as far as it can be read."""
    key = _part(item, system.key_at)
    return (clean_text(key, limit=KEY_LIMIT) if isinstance(key, str) else "") or "?"


def _part(item: Any, at: str) -> Any:
    try:
        return extract(item, at)
    except ExtractFailed:
        return None


def _next(page: Any, system: task_system.TaskSystem) -> str | None:
    following = _part(page, system.next_at)
    return following if isinstance(following, str) and following.startswith("/") else None


@transaction.atomic
def _refused(key: str, item: Any, error: HandrailError, by: Actor) -> Received:
    message = "; ".join([error.message, *map(str, error.faults)])
    _, created = TaskRefusal.objects.get_or_create(
        workspace_id=by.workspace_id,
        task_key=key,
        task_digest=_fingerprint(item),
        defaults={"at": now(), "code": error.code, "message": clean_text(message, limit=500)},
    )
    if created:
        record(
            EventName.TASK_REFUSED,
            by=by,
            subject_kind="task",
            subject=key,
            outcome=EventOutcome.FAILED,
            code=error.code,
        )
    return Received(key, IntakeOutcome.REFUSED, code=error.code, message=error.message)


def _fingerprint(item: Any) -> str:
    """Tells one item's content from another's, even if RFC 8785 can't represent it."""
    try:
        return digest_bytes(json.dumps(item, sort_keys=True).encode())
    except (RecursionError, TypeError, ValueError):
        return digest_bytes(b"")
