"""The tasks that can be queued. Each names rows by id; a task run twice, late or elsewhere does no harm.

Each begins in the scope of nothing, asks which workspace a row belongs to, and goes on in the scope of that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from procrastinate.contrib.django import app

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit import actions as audit
from handrail.dispatch import TaskName
from handrail.kernel.scope import NOTHING, entered
from handrail.packets.actions import assembling, delivering
from handrail.runbooks import task_system
from handrail.runbooks.actions import reports, runs, tasks
from handrail.worker import pruning
from handrail.worker.identity import worker_name

# What is left after so many waits for the next seal, so that sealing a backlog never keeps runs from their turn.
SEAL_BATCHES = 20


@contextmanager
def acting_in(workspace: int | None) -> Iterator[Actor | None]:
    """This worker, in ``workspace`` and in its scope, for the length of a ``with`` block; None without a workspace."""
    if workspace is None:
        yield None
        return
    worker = access.worker(worker_name(), workspace)
    with entered(worker.scope):
        yield worker


@app.task(name=TaskName.ADVANCE_RUN)
@entered(NOTHING)
def advance_run(run_id: int) -> None:
    with acting_in(runs.workspace_of(run_id)) as worker:
        if worker is not None:
            runs.advance(run_id=run_id, by=worker)


@app.task(name=TaskName.REPORT_RUN)
@entered(NOTHING)
def report_run(run_id: int) -> None:
    with acting_in(runs.workspace_of(run_id)) as worker:
        if worker is not None:
            reports.deliver(run_id=run_id, by=worker)


@app.task(name=TaskName.ASSEMBLE_PACKET)
@entered(NOTHING)
def assemble_packet(revision_id: int) -> None:
    with acting_in(delivering.workspace_of(revision_id)) as worker:
        if worker is not None:
            assembling.advance(revision_id=revision_id, by=worker)


@app.task(name=TaskName.RELEASE_PACKET)
@entered(NOTHING)
def release_packet(revision_id: int) -> None:
    with acting_in(delivering.workspace_of(revision_id)) as worker:
        if worker is not None:
            delivering.deliver(revision_id=revision_id, by=worker)


@app.task(name=TaskName.PULL_TASKS)
@entered(NOTHING)
def pull_tasks() -> None:
    with acting_in(access.get_workspace(task_system.get().workspace).pk) as worker:
        if worker is not None:
            tasks.pull(by=worker)


@app.task(name=TaskName.SEAL_AUDIT)
@entered(NOTHING)
def seal_audit() -> None:
    """The log is one for all workspaces, so the worker seals it in none."""
    audit.keep_sealed(by=access.worker(worker_name(), 0), batches=SEAL_BATCHES)


@app.task(name=TaskName.PRUNE)
@entered(NOTHING)
def prune() -> None:
    pruning.prune()
