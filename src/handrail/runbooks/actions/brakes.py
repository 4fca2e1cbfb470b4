"""Pausing and resuming: a runbook version, a connector, a tenant, the intake, everything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.proofs import require_recent
from handrail.access.queries import tenant_ref
from handrail.access.refusals import reason_of
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.connectors import registry
from handrail.definitions import queries as definitions
from handrail.definitions.states import DefinitionKind
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks import brakes
from handrail.runbooks.actions.runs import hasten
from handrail.runbooks.models import Brake
from handrail.runbooks.queries.brakes import visible
from handrail.runbooks.states import BrakeKind

_VERSION = re.compile(r"(?P<name>[a-z][a-z0-9-]*)@(?P<version>[1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Target:
    key: str = ""
    tenant_id: int | None = None
    definition_id: int | None = None


def pause(*, kind: BrakeKind, reason: str, by: Actor, target: str = "") -> str:
    """Applies a brake: before their next call, the runs that it concerns wait. Returns its reference.

    ``target``: a tenant's key, a connector's name, or a runbook version as ``NAME@VERSION``; nothing for everything and
    the intake. Raises Denied, NotFound (no such tenant or version), Invalid (no reason, no such connector, a target
    that does not fit), Conflict ``already-paused``.
    """
    found = _target(kind, target, by)
    said = reason_of(reason)
    row = Brake(
        ref=new_ref(Prefix.BRAKE),
        workspace_id=by.workspace_id,
        tenant_id=found.tenant_id,
        definition_id=found.definition_id,
        kind=kind,
        target=found.key,
        at=Now(),
        by=by.name,
        reason=said,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _audit(EventName.BRAKE_APPLIED, row, by, said)
    except IntegrityError:
        if not Brake.objects.filter(kind=kind, target=found.key, released_at=None).exists():
            raise
        raise Conflict("This is paused already.", code="already-paused") from None
    return row.ref


@transaction.atomic
def resume(*, ref: str, reason: str, by: Actor) -> int:
    """Releases a brake; the runs that waited for it go on. Returns how many. Any member who may pause may resume.

    Raises NotFound, Denied, ProofNeeded, Invalid without a reason, Conflict ``already-resumed``.
    """
    row = visible(by).filter(ref=ref).first()
    if row is None:
        raise NotFound
    _require(BrakeKind(row.kind), by, row.tenant_id)
    require_recent(by)
    said = reason_of(reason)
    released = Brake.objects.filter(pk=row.pk, released_at=None).update(
        released_at=Now(), released_by=by.name, release_reason=said
    )
    if not released:
        raise Conflict("This was resumed already.", code="already-resumed")
    _audit(EventName.BRAKE_RELEASED, row, by, said)
    woken = brakes.wake(brake=row.pk)
    hasten(woken)
    return len(woken)


def _target(kind: BrakeKind, target: str, by: Actor) -> _Target:
    if kind is BrakeKind.TENANT:
        tenant = guards.get_tenant(by, target, Capability.RUN_PAUSE)
        return _Target(str(tenant.pk), tenant_id=tenant.pk)
    _require(kind, by, None)
    if kind is BrakeKind.CONNECTOR:
        if target not in registry.names():
            known = ", ".join(registry.names()) or "none is configured"
            raise Invalid("There is no such connector.", faults=[Fault("target", f"one of: {known}")])
        return _Target(target)
    if kind is BrakeKind.RUNBOOK:
        named = _VERSION.fullmatch(target)
        if named is None:
            raise Invalid("Name a runbook version.", faults=[Fault("target", "expected NAME@VERSION")])
        found = definitions.find_definition_id(by, DefinitionKind.RUNBOOK, named["name"], int(named["version"]))
        return _Target(str(found), definition_id=found)
    if target:
        raise Invalid("This pause has no target.", faults=[Fault("target", f"nothing, for {kind}")])
    return _Target()


def _require(kind: BrakeKind, by: Actor, tenant_id: int | None) -> None:
    """Who is entitled to some tenants only may brake those; the rest concerns the whole workspace."""
    if kind is BrakeKind.TENANT:
        by.require(Capability.RUN_PAUSE, tenant_id=tenant_id)
    else:
        by.require_everywhere(Capability.RUN_PAUSE)


def _audit(event: EventName, row: Brake, by: Actor, reason: str) -> None:
    record(
        event,
        by=by,
        tenant_id=row.tenant_id,
        subject_kind="brake",
        subject=row.ref,
        kind=row.kind,
        target=tenant_ref(row.tenant_id) if row.tenant_id else row.target,
        reason=digest_bytes(reason.encode()),
    )
