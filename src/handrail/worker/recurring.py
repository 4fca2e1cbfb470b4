"""What is done again and again, by one of all workers: each duty calls one action of a slice and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from handrail.access import erasures
from handrail.access import queries as access
from handrail.anchoring import actions as anchoring
from handrail.anchoring import services as anchors
from handrail.audit import actions as audit
from handrail.kernel.errors import HandrailError
from handrail.packets.actions import forgetting, releasing
from handrail.runbooks import task_system
from handrail.runbooks.actions import forgetting as run_forgetting
from handrail.runbooks.actions import pulling, waves
from handrail.runbooks.actions.overdue import note_overdue
from handrail.worker import pruning
from handrail.worker.handlers import acting_in
from handrail.worker.identity import worker_name

log = structlog.get_logger("handrail.worker")

# What is left after so many waits for the next seal, so that a backlog never keeps other duties from their turn.
SEAL_BATCHES = 20
# Profiles count in days; what is left over from one time is done the next.
FORGET_EVERY = 600.0


def pull() -> None:
    """Pulls every task system. One that can't be read keeps none of the others from it."""
    failed: list[HandrailError] = []
    for system in task_system.known():
        try:
            with acting_in(access.get_workspace(system.workspace).pk) as worker:
                pulling.pull(by=worker)
        except HandrailError as error:
            log.warning("a task system could not be pulled", system=system.label, error=error.code)
            failed.append(error)
    if failed:
        raise failed[0]


def settle_waves() -> None:
    """Each on its own: one that can't be settled keeps none of the others from it, and is tried again."""
    failed: list[Exception] = []
    for workspace, wave in waves.unsettled():
        try:
            with acting_in(workspace) as worker:
                waves.settle(wave=wave, by=worker)
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if failed:
        raise failed[0]


def seal() -> None:
    """The log is one for all workspaces, so the worker seals it in none."""
    audit.keep_sealed(by=access.worker(worker_name(), 0), batches=SEAL_BATCHES)


def anchor() -> None:
    """After a seal; and again for those that were away."""
    anchoring.anchor(by=access.worker(worker_name(), 0))


def expire() -> None:
    releasing.expire_all(name=worker_name())


def forget() -> None:
    """Packets and runs, each on its own: one that can't be forgotten keeps the other from nothing."""
    failed: list[HandrailError] = []
    for forget_due in (forgetting.forget_due, run_forgetting.forget_due):
        try:
            forget_due(name=worker_name())
        except HandrailError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def overdue() -> None:
    note_overdue(name=worker_name())


def erase() -> None:
    """Goes on with erasures whose process was killed, or whose keys could not be reached."""
    for workspace in access.workspace_ids():
        with acting_in(workspace) as worker:
            for ref in erasures.unfinished(workspace):
                erasures.proceed(ref, by=worker)


@dataclass(frozen=True, slots=True)
class RecurringDuty:
    """Something to be done every so many seconds, by one of all workers."""

    act: Callable[[], object]
    every: float


def duties(*, sweep: float, pull_every: float, seal_every: float) -> Mapping[str, RecurringDuty]:
    """Those of this installation, by name: pulling needs a task system, anchoring somebody outside."""
    known = {
        "expire": RecurringDuty(expire, sweep),
        "forget": RecurringDuty(forget, FORGET_EVERY),
        "overdue": RecurringDuty(overdue, sweep),
        "erase": RecurringDuty(erase, sweep),
        "seal": RecurringDuty(seal, seal_every),
        waves.DUTY: RecurringDuty(settle_waves, waves.EVERY_SECONDS),
        "prune": RecurringDuty(pruning.prune, pruning.EVERY.total_seconds()),
    }
    if anchors.is_configured():
        known["anchor"] = RecurringDuty(anchor, seal_every)
    return known if task_system.find() is None else {**known, "pull": RecurringDuty(pull, pull_every)}
