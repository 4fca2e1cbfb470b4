"""What is done with a claimed row, by its kind: each handler calls one action of a slice and nothing else.

A handler begins in the scope of nothing and goes on in that of the row's workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit import actions as audit
from handrail.kernel.scope import entered
from handrail.packets.actions import assembling, delivering, releasing
from handrail.packets.states import RevisionState
from handrail.runbooks import task_system
from handrail.runbooks.actions import reports, runs, tasks
from handrail.work.lease import Claim
from handrail.worker import pruning
from handrail.worker.identity import worker_name

# What is left after so many waits for the next seal, so that a backlog never keeps other duties from their turn.
SEAL_BATCHES = 20


@contextmanager
def acting_in(workspace: int) -> Iterator[Actor]:
    """This worker, in ``workspace`` and in its scope, for the length of a ``with`` block."""
    worker = access.worker(worker_name(), workspace)
    with entered(worker.scope):
        yield worker


def run(claim: Claim) -> runs.Advanced:
    with acting_in(claim.workspace_id) as worker:
        return runs.advance(claim=claim, by=worker)


def report(claim: Claim) -> datetime | None:
    with acting_in(claim.workspace_id) as worker:
        return reports.deliver(claim=claim, by=worker)


def revision(claim: Claim) -> datetime | None:
    with acting_in(claim.workspace_id) as worker:
        if claim.word == RevisionState.ASSEMBLING:
            return assembling.advance(revision_id=claim.id, by=worker, lease=claim.lease)
        return delivering.deliver(revision_id=claim.id, by=worker, lease=claim.lease)


def pull() -> None:
    with acting_in(access.get_workspace(task_system.get().workspace).pk) as worker:
        tasks.pull(by=worker)


def seal() -> None:
    """The log is one for all workspaces, so the worker seals it in none."""
    audit.keep_sealed(by=access.worker(worker_name(), 0), batches=SEAL_BATCHES)


def expire() -> None:
    releasing.expire_all(name=worker_name())


@dataclass(frozen=True, slots=True)
class RecurringDuty:
    """Something to be done every so many seconds, by one of all workers."""

    act: Callable[[], object]
    every: float


def duties(*, sweep: float, pull_every: float, seal_every: float) -> Mapping[str, RecurringDuty]:
    """Those of this installation, by name: pulling needs a task system."""
    known = {
        "expire": RecurringDuty(expire, sweep),
        "seal": RecurringDuty(seal, seal_every),
        "prune": RecurringDuty(pruning.prune, pruning.EVERY.total_seconds()),
    }
    return known if task_system.find() is None else {**known, "pull": RecurringDuty(pull, pull_every)}
