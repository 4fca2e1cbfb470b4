"""A new run, written with its first ledger row and its event, in the wave of its task's event where that names one."""

from __future__ import annotations

from django.db import connection, transaction

from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.definitions.active import compiled_runbook
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks.engine import receiving
from handrail.runbooks.engine.decision import NewEvent, NewRow
from handrail.runbooks.engine.receiving import NewRun
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind, WaveOrigin, WaveState
from handrail.runbooks.wavemodels import Wave
from handrail.runbooks.waves.rules import WaveRules
from handrail.work import duties
from handrail.work.wake import wake

EVENT_LIMIT = 200
# The duty that looks after waves, and how often: a worker that was killed between two steps leaves the rest to it.
DUTY, EVERY_SECONDS = "waves", 5.0


def receive(run: OperationRun, tenant: str, by: Actor) -> NewRun:
    """Writes ``run``, which is new and due at once, or waits in its wave. See ``receiving.receive``."""
    runbook = compiled_runbook(run.definition)
    event = runbook.wave_event(run.task)
    if not event:
        return write(run, tenant, by)
    if len(event) > EVENT_LIMIT:
        fault = Fault(str(runbook.spec.waves.by), f"at most {EVENT_LIMIT} characters")
        raise Invalid("The event of this task is too long.", code="task", faults=[fault])
    with transaction.atomic():
        _join(run, runbook, event, by)
        received = write(run, tenant, by)
        if received.run is None:
            transaction.set_rollback(True)  # nor is a wave begun for it
        else:
            hasten()
    return received


def write(run: OperationRun, tenant: str, by: Actor, *, again: str = "", alone: bool = True) -> NewRun:
    """The run as it is. ``again``: the run that its wave gave back before, of the same task. ``alone``: see
    ``receiving.receive``."""
    wave: dict[str, str] = {} if run.wave_id is None else {"wave": run.wave_id}
    more = wave | ({"again": again} if again else {})
    detail = {"task": run.task_key, "runbook": run.runbook, "version": run.task_version, **more}
    context = {"task": run.task_key, "definition": run.definition_digest, **more}
    row = NewRow(EventKind.RECEIVED, detail=detail)
    event = NewEvent(EventName.RUN_RECEIVED, context=context)
    scope = None if again else by.tenant_ids
    return receiving.receive(run, row, event, by=by, tenant=tenant, tenant_ids=scope, alone=alone)


def _join(run: OperationRun, runbook: CompiledRunbook, event: str, by: Actor) -> None:
    """Makes ``run`` a member of the wave of ``event``: the one that is open, or a new one. It stays open until the
    caller's transaction ends."""
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT ref FROM runbooks_wave WHERE workspace_id = %s AND definition_id = %s AND event = %s"
                " AND origin = 'tasks' AND finished_at IS NULL FOR SHARE",
                [run.workspace_id, run.definition_id, event],
            )
            found = cursor.fetchone()
        if found is not None:
            run.wave_id = found[0]
            return
        rules = WaveRules.of(runbook.spec.waves)
        open_wave(run.definition_id, runbook, event, origin=WaveOrigin.TASKS, rules=rules, by=by)
    raise Conflict("The wave of this task has just ended. Send it again.", code="wave-ended")


def open_wave(
    definition_id: int,
    runbook: CompiledRunbook,
    event: str,
    *,
    origin: WaveOrigin,
    rules: WaveRules,
    by: Actor,
    reason: str = "",
) -> str:
    """Opens a wave in the caller's transaction, unless tasks of the event have opened one. Its reference."""
    at = now()
    wave = Wave(
        ref=new_ref(Prefix.WAVE),
        workspace_id=by.workspace_id,
        definition_id=definition_id,
        runbook=runbook.name,
        event=event,
        origin=origin,
        at=at,
        by=by.name,
        rules=rules.as_json(),
        state=WaveState.RUNNING,
        counted_from=at,
        changed_at=at if reason else None,
        changed_by=by.name if reason else "",
        change_reason=reason,
    )
    Wave.objects.bulk_create([wave], ignore_conflicts=True)
    if Wave.objects.filter(ref=wave.ref).exists():
        record(
            EventName.WAVE_STARTED,
            by=by,
            subject_kind="wave",
            subject=wave.ref,
            origin=origin,
            definition=runbook.digest,
            canary=rules.canary,
            width=rules.width,
            reason=digest_bytes(reason.encode()) if reason else None,
        )
    return wave.ref


def hasten() -> None:
    """Has a worker look after waves once the caller's transaction commits, unless one is at it just now."""
    duties.hasten(DUTY)
    wake(duties.KIND)
