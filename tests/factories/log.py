"""Events for the sealed log, and a superuser who works against it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection

from handrail.access import queries as access
from handrail.audit import guards, store, watch
from handrail.audit.actions import record, seal_all
from handrail.audit.events import EventName, EventOutcome
from handrail.audit.models import AuditEvent


def event(subject: str = "s", **context: Any) -> AuditEvent:
    return record(
        EventName.RUN_RECEIVED, by=access.worker("worker-1", 1), subject_kind="run", subject=subject, **context
    )


def sealed_events(count: int) -> list[int]:
    """``count`` events under one checkpoint."""
    ids = [event(f"s{number}").pk for number in range(count)]
    seal_all(by=access.worker("worker-1", 0))
    return ids


def keep_mark() -> None:
    """What happens after the commit of a seal, in a test whose transaction is rolled back."""
    last = store.latest()
    assert last is not None
    watch.remember(last.text)


def old_event(at: datetime, **columns: Any) -> int:
    """An event that says it is of ``at``, as somebody with access to the database would slip it in."""
    values = {"actor_kind": "person", "actor": "x", "event": "run.received", "subject_kind": "run", "subject": "y"}
    return AuditEvent.objects.create(at=at, outcome=EventOutcome.DONE, **(values | columns)).pk


@contextmanager
def superuser(*tables: str) -> Iterator[None]:
    """Append-only switched off for ``tables``, as only their owner or a superuser can, and on again without a trace."""
    run("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks pending can't be altered
    for table in tables:
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table in tables:
        for trigger in guards.expected()[table]["triggers"]:
            run(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def run(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
