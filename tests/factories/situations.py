"""Runs in every situation that a list of runs can be narrowed to."""

from __future__ import annotations

from datetime import timedelta

from handrail.access.models import Workspace
from handrail.kernel.clock import now
from handrail.runbooks.models import PausedRun
from handrail.runbooks.queries.situations import Situation
from handrail.runbooks.states import EventKind, ExceptionCause, Handling, RunState
from tests.factories import rows

WAIT_SECONDS = 600.0
BUSY = {"class": "retryable", "why": "status 503", "status": 503, "wait_seconds": WAIT_SECONDS}


def one_of_each(workspace: Workspace) -> dict[Situation, set[str]]:
    """By situation, the references of all runs that are in it. Beside them are runs that are in none."""
    tenant, definition = rows.tenant(workspace), rows.definition(workspace)
    rows.completed_run(tenant, definition)
    rows.run(tenant, definition)
    rows.exception(tenant, definition, handling=Handling.RESOLVED)
    moving = rows.run(tenant, definition, state=RunState.INVOKING)
    rows.checked(moving)
    rows.attempt(moving, 1, after=1, lasting=1, **{"class": "pending"})

    retrying = rows.run(tenant, definition, state=RunState.INVOKING)
    rows.checked(retrying)
    rows.attempt(retrying, 1, after=1, lasting=1, **BUSY)
    overdue = rows.run(tenant, definition, due_at=now() - timedelta(seconds=30))
    unknown = rows.run(tenant, definition, state=RunState.INVOKING)
    rows.checked(unknown)
    rows.entry(unknown, EventKind.INTENT, after=1, step="resynchronise", attempt=1)
    rows.entry(unknown, EventKind.UNKNOWN, after=2, step="resynchronise", attempt=1)
    stopped = rows.exception(tenant, definition, cause=ExceptionCause.UNKNOWN_OUTCOME, reason="outcome-unknown").run
    taken = rows.exception(tenant, definition, handling=Handling.TAKEN).run
    fenced = rows.run(tenant, definition, subject=taken.subject)
    paused = rows.run(tenant, definition)
    PausedRun.objects.create(
        workspace=workspace,
        tenant=tenant,
        run=paused,
        brake=rows.brake(tenant),
        at=now(),
        run_updated_at=paused.updated_at,
    )
    return {
        Situation.RETRYING: {retrying.ref},
        Situation.OVERDUE: {overdue.ref},
        Situation.UNKNOWN: {unknown.ref, stopped.ref},
        Situation.FENCED: {fenced.ref},
        Situation.PAUSED: {paused.ref},
        Situation.PERSON: {stopped.ref, taken.ref},
    }
