"""Starting a wave from a list of tenants and a template: all of its runs are written, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import tenants_of
from handrail.access.refusals import reason_of
from handrail.definitions.active import active_runbook, compiled_runbook
from handrail.definitions.models import Definition
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.hostile import clean_text, is_storable
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks.actions.runs import require_intake
from handrail.runbooks.delegated import IncomingTask, subject_of
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import WaveOrigin
from handrail.runbooks.waves import joining
from handrail.runbooks.waves.rules import StricterRules, WaveRules

__all__ = ["KEY", "MOST_TENANTS", "NewWave", "StricterRules", "start"]

MOST_TENANTS = 10_000
# Of what is wrong with a long list, so many are named.
_SHOWN = 20
_TENANT, _WAVE = "{tenant}", "{wave}"
KEY = "{wave}-{tenant}"


@dataclass(frozen=True, slots=True)
class NewWave:
    """``event``: what the wave is called. ``tenants``: their keys, each once. ``template``: the task of each; in its
    texts ``{tenant}`` stands for the tenant's key, and the field that names the tenant need not be there. ``key``: the
    task's key, in which ``{wave}`` stands for the wave's reference too. ``rules``: stricter than the runbook's."""

    runbook: str
    event: str
    tenants: Sequence[str]
    template: Mapping[str, Any]
    reason: str
    key: str = KEY
    rules: StricterRules = field(default_factory=StricterRules)


def start(*, wanted: NewWave, by: Actor) -> str:
    """Starts a wave: a run for each tenant, all of which wait until their round. Its reference.

    Raises Denied, NotFound (no active version of the runbook), Invalid (a fault for each tenant that is not in the
    actor's scope or is closed, for a task that does not fit, for rules that are not stricter), IntakePaused, and
    Conflict ``task-taken`` where there is a run of one of these tasks. Nothing is written then.
    """
    by.require(Capability.WAVE_START)
    require_intake(by)
    event = clean_text(wanted.event, limit=joining.EVENT_LIMIT)
    if not event:
        raise Invalid("Name the event of this wave.", faults=[Fault("event", "a name is needed")])
    said = reason_of(wanted.reason)
    if not is_storable(wanted.runbook):
        raise Invalid("There is no such runbook.", faults=[Fault("runbook", "the name of a runbook")])
    definition = active_runbook(by.workspace_id, wanted.runbook)
    runbook = compiled_runbook(definition)
    rules = WaveRules.of(runbook.spec.waves).stricter(wanted.rules)
    tenants = _tenants(wanted.tenants, by)
    with transaction.atomic():
        ref = joining.open_wave(
            definition.pk, runbook, event, origin=WaveOrigin.PERSON, rules=rules, by=by, reason=said
        )
        for tenant in tenants:
            run = _run_of(tenant, wanted, ref, definition, runbook)
            run.requested_by = by.name
            _begin(run, tenant, by)
        joining.hasten()
    return ref


def _tenants(keys: Sequence[str], by: Actor) -> list[str]:
    """``keys``, each of an open tenant of the actor's. What is another's is like what is nobody's. Raises Invalid."""
    if not 1 <= len(keys) <= MOST_TENANTS:
        raise Invalid("A wave needs tenants.", faults=[Fault("tenants", f"1 to {MOST_TENANTS} keys of tenants")])
    known = dict(tenants_of(by).filter(key__in=filter(is_storable, keys)).order_by().values_list("key", "closed_at"))
    seen: set[str] = set()
    faults = []
    for place, key in enumerate(keys):
        if why := _why_not(key, known, is_repeated=key in seen):
            faults.append(Fault(f"tenants.{place}", f"{clean_text(key, limit=64)}: {why}"))
        seen.add(key)
    if faults:
        more = [Fault("tenants", f"and {len(faults) - _SHOWN} more")] if len(faults) > _SHOWN else []
        raise Invalid("The wave was not started: not every tenant can take part.", faults=[*faults[:_SHOWN], *more])
    return list(keys)


def _why_not(key: str, known: Mapping[str, Any], *, is_repeated: bool) -> str:
    if key not in known:
        return "there is no tenant of this key in your scope"
    if known[key] is not None:
        return "this tenant is closed"
    return "it is in the list twice" if is_repeated else ""


def _run_of(tenant: str, wanted: NewWave, wave: str, definition: Definition, runbook: CompiledRunbook) -> OperationRun:
    """The run of one tenant, which is not written yet. Raises Invalid, where the tenant is named."""
    name = runbook.spec.tenant.removeprefix("task.")
    filled = {name: tenant, **_filled(wanted.template, tenant)}
    try:
        key = wanted.key.replace(_WAVE, wave).replace(_TENANT, tenant)
        task = IncomingTask(
            key=key, runbook=runbook.name, version=runbook.version, payload=filled, made_here=wanted.key == KEY
        )
        payload = runbook.validate_task(task.payload)
        subject = subject_of(runbook, payload)
    except Invalid as error:
        faults = [Fault(f"template.{one.where}", f"{tenant}: {one.message}") for one in error.faults]
        raise Invalid("The wave was not started: a task does not fit the runbook.", faults=faults) from None
    if runbook.tenant_key(payload) != tenant:
        raise Invalid(
            "The wave was not started: a task is another tenant's.",
            faults=[Fault(f"template.{name}", "leave it out, or write {tenant}")],
        )
    return OperationRun(
        ref=new_ref(Prefix.RUN),
        workspace_id=definition.workspace_id,
        definition=definition,
        definition_digest=definition.digest,
        runbook=task.runbook,
        task_key=task.key,
        task_version=task.version,
        task_digest=task.digest,
        made_here=task.made_here,
        task=payload,
        subject=subject,
        retry_limit=runbook.retry_limit(payload),
        wave_id=wave,
        wave_place=1,  # each tenant is in the list once
    )


def _filled(value: Any, tenant: str) -> Any:
    if isinstance(value, str):
        return value.replace(_TENANT, tenant)
    if isinstance(value, Mapping):
        return {name: _filled(one, tenant) for name, one in value.items()}
    return [_filled(one, tenant) for one in value] if isinstance(value, list) else value


def _begin(run: OperationRun, tenant: str, by: Actor) -> None:
    if joining.write(run, tenant, by, alone=False).run is None:
        require_intake(by)
        raise Conflict(
            f"The wave was not started: the task {run.task_key} of {tenant} has a run already, or the tenant was "
            "closed just now.",
            code="task-taken",
        )
