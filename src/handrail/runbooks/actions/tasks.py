"""Tasks come in: pulled from the task system, or pushed by it. What can't become a run is refused and written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from django.db import DataError, transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors.paths import why_not_segment
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, HandrailError, Invalid, NotFound
from handrail.kernel.hostile import clean_text
from handrail.runbooks import task_system
from handrail.runbooks.actions import runs, updates
from handrail.runbooks.models import TaskRefusal
from handrail.runbooks.taskitems import UNREADABLE_KEY, key_of, parse

log = structlog.get_logger("handrail.runbooks")

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


def receive(*, item: Any, by: Actor) -> Received:
    """Starts a run for one task of the task system, or records why not, once for each content.

    No item blocks those behind it: one that causes an unexpected error is refused as ``task-unusable``. Raises
    IntakePaused.
    """
    by.require(Capability.RUN_START)
    system = task_system.of(by.workspace_id) or task_system.get()
    key = key_of(item, system)
    try:
        task = parse(item, system)
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


@transaction.atomic
def _refused(key: str, item: Any, error: HandrailError, by: Actor) -> Received:
    message = "; ".join([error.message, *map(str, error.faults)])
    row, created = TaskRefusal.objects.get_or_create(
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
        _tell(row, error, by)
    return Received(key, IntakeOutcome.REFUSED, code=error.code, message=error.message)


def _tell(row: TaskRefusal, error: HandrailError, by: Actor) -> None:
    """Tells the task system, once for the same words: what is written there changes the task, so it comes in again."""
    same = TaskRefusal.objects.filter(
        workspace_id=row.workspace_id, task_key=row.task_key, code=row.code, message=row.message
    )
    if (
        row.task_key != UNREADABLE_KEY
        and why_not_segment(row.task_key) is None
        and not same.exclude(pk=row.pk).exists()
    ):
        updates.about_refusal(
            row.workspace_id, row.task_key, by, code=row.code, message=error.message, faults=error.faults
        )


def _fingerprint(item: Any) -> str:
    """Tells one item's content from another's, even if RFC 8785 can't represent it."""
    try:
        return digest_bytes(json.dumps(item, sort_keys=True).encode())
    except (RecursionError, TypeError, ValueError):
        return digest_bytes(b"")
