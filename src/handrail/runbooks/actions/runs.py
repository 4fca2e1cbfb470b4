"""Runs: received from a task, advanced by workers, cancelled by people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.active import active_runbook, compiled_runbook
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, HandrailError, NotFound, Stale
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import brakes, permissions
from handrail.runbooks.delegated import IncomingTask, new_key, subject_of
from handrail.runbooks.engine import ledger
from handrail.runbooks.engine.moves import finish
from handrail.runbooks.models import OperationRun, StopRequest
from handrail.runbooks.states import RUN, EventKind, RunState
from handrail.runbooks.waves import joining
from handrail.work.wake import wake

# Due at once. A worker that looks at such a run just now loses its lease, and is not one that ended without a word.
_TAKEN_AWAY = {"due_at": Now(), "failures": Greatest(F("failures") - 1, 0), "held_by": None}


# Faces make tasks with these.
__all__ = ["IncomingTask", "IntakePaused", "Started", "cancel", "new_key", "start", "stop"]


class IntakePaused(Conflict):
    """No new run begins now."""

    code = "intake-paused"


@dataclass(frozen=True, slots=True)
class Started:
    """``created`` is False for a duplicate trigger: the run that exists already."""

    ref: str
    created: bool


def start(
    *,
    task: IncomingTask,
    by: Actor,
    definition: str = "",
    needs: Capability = Capability.RUN_START,
    in_wave: bool = True,
) -> Started:
    """Makes the run for ``task``, due at once; a repeated trigger gives the run that exists, whatever version of the
    runbook is active by now. ``definition``: the digest of the version that was previewed; no other one is started.
    ``needs``: the capability, where another act than starting a run of a task makes this one. ``in_wave``: it joins the
    wave of its task's event, if that names one.

    Raises NotFound (no active runbook, no such tenant), Denied, Invalid (a fault per wrong field), IntakePaused, and
    Conflict: ``definition-changed``; ``task-changed`` when the tenant has a run of this task and version for other
    content. What other tenants' runs there are never shows.
    """
    by.require(needs)
    known = _runs_of(task, by)
    if repeated := _repeated(task, known):
        return repeated
    try:
        run, tenant = _run_for(task, by, definition)
        _refuse_changed(task, known, by, tenant, needs)
    except HandrailError:
        require_intake(by)  # nothing is wrong with a task that nobody takes now
        raise
    received = (joining.receive if in_wave else joining.write)(run, tenant, by)
    if received.run is None:
        return _not_received(task, by, tenant, needs, was_there=received.tenant_was_there)
    wake("run")
    return Started(run.ref, created=True)


def _run_for(task: IncomingTask, by: Actor, previewed: str) -> tuple[OperationRun, str]:
    """The run that ``task`` is to become, but for its tenant, and that tenant's key. Raises NotFound, Invalid, and
    Conflict where the active version is not the one that was ``previewed``, unless that is empty."""
    definition = active_runbook(by.workspace_id, task.runbook)
    if previewed not in ("", definition.digest):
        raise Conflict(
            f"Version {definition.version} of {task.runbook} is active now. Preview the run again, then start it.",
            code="definition-changed",
        )
    runbook = compiled_runbook(definition)
    payload = runbook.validate_task(task.payload)
    run = OperationRun(
        ref=new_ref(Prefix.RUN),
        workspace_id=by.workspace_id,
        definition=definition,
        definition_digest=definition.digest,
        runbook=task.runbook,
        task_key=task.key,
        task_version=task.version,
        task_digest=task.digest,
        made_here=task.made_here,
        task=payload,
        subject=subject_of(runbook, payload),
        retry_limit=runbook.retry_limit(payload),
        requested_by=by.name,
    )
    return run, runbook.tenant_key(payload)


def require_intake(by: Actor) -> None:
    """Raises IntakePaused while the intake of the actor's workspace, or everything, is paused."""
    since = brakes.intake_paused_since(by.workspace_id)
    if since is not None:
        raise IntakePaused("The intake is paused: no new run begins. The page Brakes says why, and who can resume it.")


def _not_received(task: IncomingTask, by: Actor, tenant: str, needs: Capability, *, was_there: bool) -> Started:
    """Why a run was not made: there is one already, or there is no such open tenant for the actor. ``was_there``: there
    was one with that key when the run was to be written."""
    known = _runs_of(task, by)
    if repeated := _repeated(task, known):
        return repeated
    require_intake(by)
    try:
        _refuse_changed(task, known, by, tenant, needs)
        guards.get_open_tenant(by, tenant, needs)
    except NotFound:
        if was_there:
            raise Conflict(guards.RENAMED, code="tenant-renamed") from None
        raise
    raise Stale


def _runs_of(task: IncomingTask, by: Actor) -> list[OperationRun]:
    """The runs in the actor's scope of this task and the runbook version that it names: at most one a tenant, and those
    that their wave gave back."""
    rows = OperationRun.objects.filter(task_key=task.key, made_here=task.made_here)
    rows = rows.filter(runbook=task.runbook, task_version=task.version)
    return list(guards.scoped(by, rows).order_by(F("not_attempted").asc(nulls_first=True), "-pk"))


def _repeated(task: IncomingTask, known: Sequence[OperationRun]) -> Started | None:
    digest = task.digest
    return next((Started(run.ref, created=False) for run in known if run.task_digest == digest), None)


def _refuse_changed(
    task: IncomingTask, known: Sequence[OperationRun], by: Actor, tenant: str, needs: Capability
) -> None:
    others = [run for run in known if run.task_digest != task.digest]
    if not others:
        return
    there = guards.get_open_tenant(by, tenant, needs)
    for run in others:
        if run.tenant_id == there.pk:
            raise Conflict(
                f"The task {task.key} has the run {run.ref} for other content. A changed task needs a new key.",
                code="task-changed",
            )


@transaction.atomic
def cancel(*, ref: str, by: Actor) -> None:
    """Cancels a run that has invoked nothing yet. Raises NotFound, Denied, Conflict, Stale."""
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_CANCEL, ref=ref)
    refuse(permissions.why_not_cancel(by, run))
    write_cancelled(run, by)


def let_go_on(held: Sequence[OperationRun]) -> None:
    """Makes runs due that waited, in the caller's transaction."""
    waiting = [run.pk for run in held]
    rows = OperationRun.objects.filter(pk__in=waiting, state__in=(RunState.RECEIVED, RunState.CHECKING))
    rows.exclude(wave__isnull=False, wave_round=None).update(**_TAKEN_AWAY)
    if waiting:
        wake("run")


def write_cancelled(run: OperationRun, by: Actor, *, refused_with: str = "") -> None:
    """Cancels ``run`` for one who was allowed to decide that; ``refused_with``: by resolving this exception packet.

    Raises Stale where it has begun meanwhile.
    """
    decided, fence = finish.cancel(by.name, refused_with=refused_with), ledger.fence_of(run)
    if not RUN.allows(fence.state, decided.state):  # a worker went on since the caller looked
        raise Stale
    written = ledger.write(run, decided, fence, by=by, due_at=None, turn=0)
    wake("report")
    if written.next_run is not None:
        wake("run")


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
        workspace_id=run.workspace_id, tenant_id=run.tenant_id, run=run, at=Now(), by=by.name, reason=said
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
        OperationRun.objects.filter(pk=run.pk).update(**_TAKEN_AWAY)
        hasten([run.pk])


def go_on_with(definition_ids: list[int]) -> None:
    """Makes the runs due that waited for one of these versions, in the caller's transaction: one is active now."""
    hasten(brakes.wake(definitions=definition_ids))


def hasten(run_ids: Collection[int]) -> None:
    """Has workers look at these due runs once the caller's transaction commits. A hint: they find them anyway."""
    if run_ids:
        wake("run")
