"""Runs: received from a task, advanced by workers, cancelled by people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.models import Tenant
from handrail.access.refusals import reason_of, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.active import active_runbook, compiled_runbook
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import brakes, leases, permissions, timing
from handrail.runbooks.delegated import IncomingTask, subject_of
from handrail.runbooks.engine import advance as engine
from handrail.runbooks.engine import endings, ledger
from handrail.runbooks.engine.ledger import NewRow
from handrail.runbooks.models import Checkpoint, OperationRun, Report, StopRequest
from handrail.runbooks.states import RUN, EventKind, RunState
from handrail.work.lease import Claim
from handrail.work.wake import wake


class IntakePaused(Conflict):
    """No new run begins now."""

    code = "intake-paused"


@dataclass(frozen=True, slots=True)
class Started:
    """``created`` is False for a duplicate trigger: the run that exists already."""

    ref: str
    created: bool


def start(*, task: IncomingTask, by: Actor) -> Started:
    """Makes the run for ``task``, due at once; a repeated trigger gives the run that exists, whatever version of the
    runbook is active by now.

    Raises NotFound (no active runbook, no such tenant), Denied, Invalid (a fault per wrong field), IntakePaused, and
    Conflict ``task-changed`` when the tenant has a run of this task and version for other content. What other tenants'
    runs there are never shows.
    """
    by.require(Capability.RUN_START)
    known = _runs_of(task, by)
    if repeated := _repeated(task, known):
        return repeated
    require_intake(by)
    definition = active_runbook(by.workspace_id, task.runbook)
    runbook = compiled_runbook(definition)
    payload = runbook.validate_task(task.payload)
    tenant = guards.get_open_tenant(by, runbook.tenant_key(payload), Capability.RUN_START)
    _refuse_changed(task, known, tenant)
    at = now()
    run = OperationRun(
        ref=new_ref(Prefix.RUN),
        workspace_id=by.workspace_id,
        tenant=tenant,
        definition=definition,
        definition_digest=definition.digest,
        runbook=task.runbook,
        task_key=task.key,
        task_version=task.version,
        task_digest=task.digest,
        task=payload,
        subject=subject_of(runbook, payload),
        retry_limit=runbook.retry_limit(payload),
        state=RUN.initial,
        requested_by=by.name,
        created_at=at,
        updated_at=at,
        due_at=at,
    )
    try:
        with transaction.atomic():
            _write(run, task, by)
    except IntegrityError:
        known = _runs_of(task, by)
        _refuse_changed(task, known, tenant)
        repeated = _repeated(task, known)
        if repeated is None:
            raise
        return repeated
    return Started(run.ref, created=True)


def require_intake(by: Actor) -> None:
    """Raises IntakePaused while the intake of the actor's workspace, or everything, is paused."""
    since = brakes.intake_paused_since(by.workspace_id)
    if since is not None:
        raise IntakePaused("The intake is paused: no new run begins. The page Brakes says why, and who can resume it.")


def _write(run: OperationRun, task: IncomingTask, by: Actor) -> None:
    guards.hold_open(run.tenant_id, key=run.tenant.key)
    run.save(force_insert=True)
    Checkpoint.objects.create(
        workspace_id=run.workspace_id,
        tenant_id=run.tenant_id,
        run=run,
        sequence=1,
        kind=EventKind.RECEIVED,
        worker=by.name,
        at=run.created_at,
        detail={"task": task.key, "runbook": task.runbook, "version": task.version},
    )
    record(
        EventName.RUN_RECEIVED,
        by=by,
        tenant_id=run.tenant_id,
        subject_kind="run",
        subject=run.ref,
        task=task.key,
        definition=run.definition_digest,
    )
    wake("run")


def _runs_of(task: IncomingTask, by: Actor) -> list[OperationRun]:
    """The runs in the actor's scope of this task and the runbook version that it names: at most one a tenant."""
    rows = OperationRun.objects.filter(task_key=task.key, runbook=task.runbook, task_version=task.version)
    return list(guards.scoped(by, rows))


def _repeated(task: IncomingTask, known: Sequence[OperationRun]) -> Started | None:
    digest = task.digest
    return next((Started(run.ref, created=False) for run in known if run.task_digest == digest), None)


def _refuse_changed(task: IncomingTask, known: Sequence[OperationRun], tenant: Tenant) -> None:
    for run in known:
        if run.tenant_id == tenant.pk and run.task_digest != task.digest:
            raise Conflict(
                f"The task {task.key} has the run {run.ref} for other content. A changed task needs a new key.",
                code="task-changed",
            )


@dataclass(frozen=True, slots=True)
class Advanced:
    """``until``: when the run is next due; None at its end, or where another worker has it by now. ``report``: its
    report, where the run ended here: this process has it, and delivers it."""

    until: datetime | None = None
    report: Claim | None = None


def advance(*, claim: Claim, by: Actor) -> Advanced:
    """Advances a run that this process has claimed as far as it goes. ``claim.lease`` is then what the row was last
    given. Raises OperationalError, InterfaceError when the database is away."""
    runs = OperationRun.objects.select_related("definition").filter(pk=claim.id, workspace_id=by.workspace_id)
    run = runs.filter(due_at=claim.lease).first()
    if run is None:
        return Advanced()
    run.failures = max(run.failures - 1, 0)  # the claim has counted one, which only a worker that is killed leaves
    try:
        until = engine.advance(run, by=by, timing=timing.get())
    finally:
        claim.lease = run.due_at or claim.lease
    return Advanced(until, _report_of(run) if run.state in RUN.terminal else None)


def _report_of(run: OperationRun) -> Claim | None:
    """The lease that the report of a run was born with, if it was: see ``reporting.born``."""
    report: Report | None = getattr(run, "report", None)
    if report is None or report.due_at is None or report.attempts != 1 or report.failure:
        return None
    return Claim(leases.REPORTS.name, run.pk, run.workspace_id, run.tenant_id, report.due_at)


@transaction.atomic
def cancel(*, ref: str, by: Actor) -> None:
    """Cancels a run that has invoked nothing yet. Raises NotFound, Denied, Conflict, Stale."""
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_CANCEL, ref=ref)
    refuse(permissions.why_not_cancel(by, run))
    last = run.checkpoints.order_by("-sequence").values_list("sequence", flat=True)[0]
    row = NewRow(EventKind.CANCELLED, detail={"by": by.name})
    ledger.append(run, row, after=last, worker=by.name, state=RunState.CANCELLED, due_at=None)
    endings.close_cancelled(run)
    record(EventName.RUN_CANCELLED, by=by, tenant_id=run.tenant_id, subject_kind="run", subject=run.ref)


@transaction.atomic
def stop(*, ref: str, reason: str, by: Actor) -> None:
    """Orders a run to stop, with an exception packet. The engine takes it at the run's next decision: at once, or where
    a call is under way, when that has its result.

    Raises NotFound, Denied, Invalid without a reason, Conflict: ``run-ended``, ``stop-requested``.
    """
    run = guards.get_scoped(by, OperationRun.objects.select_for_update(of=("self",)), Capability.RUN_STOP, ref=ref)
    refuse(permissions.why_not_stop(by, run, requested=StopRequest.objects.filter(run=run).first()))
    said = reason_of(reason)
    StopRequest.objects.create(
        workspace_id=run.workspace_id, tenant_id=run.tenant_id, run=run, at=now(), by=by.name, reason=said
    )
    record(
        EventName.RUN_STOP_REQUESTED,
        by=by,
        tenant_id=run.tenant_id,
        subject_kind="run",
        subject=run.ref,
        reason=digest_bytes(said.encode()),
    )
    last = run.checkpoints.order_by("-sequence").values_list("kind", flat=True)[0]
    if last != EventKind.INTENT:
        # A worker that has leased it finds that out before it writes; no call can be under way.
        OperationRun.objects.filter(pk=run.pk).update(due_at=Now())
        hasten([run.pk])


def go_on_with(definition_ids: list[int]) -> None:
    """Makes the runs due that waited for one of these versions, in the caller's transaction: one is active now."""
    hasten(brakes.wake(definitions=definition_ids))


def hasten(run_ids: Collection[int]) -> None:
    """Has workers look at these due runs once the caller's transaction commits. A hint: they find them anyway."""
    if run_ids:
        wake("run")
