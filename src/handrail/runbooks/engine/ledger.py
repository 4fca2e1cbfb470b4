"""Adds rows to a run's ledger and moves its state, so that of several workers only the first succeeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from handrail.kernel.clock import now
from handrail.kernel.errors import Stale
from handrail.runbooks.engine.position import Row
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.states import RUN, EventKind, RunState


@dataclass(frozen=True, slots=True)
class NewRow:
    kind: EventKind
    step: str = ""
    attempt: int | None = None
    idempotency_key: str = ""
    deadline_at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def rows_of(run: OperationRun) -> list[Row]:
    """The whole ledger of ``run``, in order."""
    return [
        Row(c.sequence, EventKind(c.kind), c.step, c.attempt, c.idempotency_key, c.at, c.deadline_at, c.detail)
        for c in run.checkpoints.order_by("sequence")
    ]


def append(
    run: OperationRun, *rows: NewRow, after: int, worker: str, state: RunState, due_at: datetime | None
) -> list[Row]:
    """Adds ``rows`` behind sequence number ``after`` and moves ``run`` to ``state``, in the caller's transaction.

    Raises Stale when another worker has added a row there or moved the run: the caller's transaction must end then.
    """
    at = now()
    new = [
        Checkpoint(
            workspace_id=run.workspace_id,
            tenant_id=run.tenant_id,
            run=run,
            sequence=after + number,
            kind=row.kind,
            step=row.step,
            attempt=row.attempt,
            idempotency_key=row.idempotency_key,
            worker=worker,
            at=at,
            deadline_at=row.deadline_at,
            detail=row.detail,
        )
        for number, row in enumerate(rows, start=1)
    ]
    try:
        # No savepoint: where this fails the caller's transaction ends too, and a savepoint costs two round trips.
        with transaction.atomic(savepoint=False):
            Checkpoint.objects.bulk_create(new)
            _move(run, state, at=at, due_at=due_at)
    except IntegrityError as error:
        raise Stale from error
    return [
        Row(c.sequence, EventKind(c.kind), c.step, c.attempt, c.idempotency_key, c.at, c.deadline_at, c.detail)
        for c in new
    ]


def renew_lease(run: OperationRun, *, until: datetime) -> None:
    """Extends the caller's lease to ``until``. Raises Stale when another worker has the run already."""
    _write_if_mine(run, due_at=until)


def release_lease(run: OperationRun, *, until: datetime) -> None:
    """Gives ``run`` back: any worker may lease it from ``until`` on. Raises Stale as ``renew_lease`` does."""
    _write_if_mine(run, due_at=until, failures=run.failures)


def record_unexpected_error(run: OperationRun, *, failures: int, until: datetime) -> None:
    """Records the ``failures``-th unexpected error since ``run`` last moved, and releases it. Raises Stale likewise."""
    _write_if_mine(run, due_at=until, failures=failures)


def _write_if_mine(run: OperationRun, **columns: Any) -> None:
    if not OperationRun.objects.filter(pk=run.pk, state=run.state, due_at=run.due_at).update(**columns):
        raise Stale
    for name, value in columns.items():
        setattr(run, name, value)


def _move(run: OperationRun, state: RunState, *, at: datetime, due_at: datetime | None) -> None:
    before = RunState(run.state)
    if state is not before and not RUN.allows(before, state):
        raise ValueError(f"a run can't go from {before} to {state}")
    ended = state in RUN.terminal
    due_at = None if ended else due_at
    moved = OperationRun.objects.filter(pk=run.pk, state=before).update(
        state=state, updated_at=at, due_at=due_at, finished_at=at if ended else None, failures=0
    )
    if not moved:
        raise Stale
    run.state, run.updated_at, run.due_at, run.failures = state, at, due_at, 0
