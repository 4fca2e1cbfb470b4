"""The queue, by task name. Only this package and the worker know which library it is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued


class TaskName(StrEnum):
    ADVANCE_RUN = "runbooks.advance"
    REPORT_RUN = "runbooks.report"
    ASSEMBLE_PACKET = "packets.assemble"
    RELEASE_PACKET = "packets.release"
    PULL_TASKS = "runbooks.pull"
    SEAL_AUDIT = "audit.seal"
    PRUNE = "worker.prune"


def enqueue(task: TaskName, *, at: datetime | None = None, once: str | None = None, **ids: int | str) -> bool:
    """Queues ``task`` with ``ids`` (never state) for ``at`` or for now, in the caller's transaction.

    With ``once``, nothing is queued while a task with the same word is still waiting; then the answer is False.
    """
    deferrer = app.configure_task(str(task), schedule_at=at, queueing_lock=once)
    if once is None:
        deferrer.defer(**ids)
        return True
    try:
        with transaction.atomic():  # a refusal by the database must not spoil the caller's transaction
            deferrer.defer(**ids)
    except AlreadyEnqueued:
        return False
    return True
