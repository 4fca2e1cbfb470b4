"""Members that were not begun go back to where their tasks came from, and are taken up again when the wave goes on."""

from __future__ import annotations

from django.db import connection
from django.db.models import Max

from handrail.access.actor import Actor
from handrail.definitions.states import DefinitionState
from handrail.kernel.errors import Stale
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import brakes
from handrail.runbooks.engine import ledger
from handrail.runbooks.engine.ledger import Fence
from handrail.runbooks.engine.moves import finish
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RunState
from handrail.runbooks.wavemodels import Wave
from handrail.runbooks.waves import joining
from handrail.runbooks.waves.facts import RETURNED
from handrail.work.wake import wake

# In one transaction, while the wave's row is locked.
BATCH = 100


def give_back(wave: Wave, *, by: Actor, why: str) -> bool:
    """Ends members that wait as not attempted, each with a report to the task system, in the caller's transaction.
    Whether there may be more. A member that is ended by somebody else just now is theirs."""
    waiting = OperationRun.objects.filter(wave=wave, wave_round=None, finished_at=None)
    rows = list(waiting.order_by("wave_place", "pk").annotate(last=Max("checkpoints__sequence"))[:BATCH])
    decided, written = finish.not_attempted(by.name, wave=wave.ref, why=why), []
    for run in rows:
        fence = Fence(RunState(run.state), None, run.last)
        try:
            ledger.write(run, decided, fence, by=by, due_at=None, turn=0)
        except Stale:
            continue
        written.append(run.pk)
    OperationRun.objects.filter(pk__in=written).update(not_attempted=True)
    if written:
        wake("report")
        wake("run")  # of the same subject another one may have waited
    return len(rows) == BATCH


def take_up(wave: Wave, *, by: Actor) -> int:
    """Makes runs again of tasks that were given back, in the caller's transaction: the person who let the wave go on
    delegates them. How many; none while the wave's version is not active, or the intake is paused."""
    if wave.definition.state != DefinitionState.ACTIVE or brakes.intake_paused_since(wave.workspace_id) is not None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"{RETURNED} LIMIT {BATCH}", {"wave": wave.ref})
        ids = [pk for (pk,) in cursor.fetchall()]
    made = 0
    for old in OperationRun.objects.filter(pk__in=ids).select_related("tenant").order_by("wave_place", "pk"):
        made += _again(old, wave, by)
    return made


def _again(old: OperationRun, wave: Wave, by: Actor) -> bool:
    run = OperationRun(
        ref=new_ref(Prefix.RUN),
        workspace_id=old.workspace_id,
        definition_id=old.definition_id,
        definition_digest=old.definition_digest,
        runbook=old.runbook,
        task_key=old.task_key,
        task_version=old.task_version,
        task_digest=old.task_digest,
        made_here=old.made_here,
        task=old.task,
        subject=old.subject,
        retry_limit=old.retry_limit,
        requested_by=wave.changed_by or old.requested_by,
        wave=wave,
        wave_place=old.wave_place,
    )
    return joining.write(run, old.tenant.key, by, again=old.ref).run is not None
