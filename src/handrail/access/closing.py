"""Renaming, closing and reopening tenants (ADR 0061): acts on a tenant's existence concern the whole workspace."""

from __future__ import annotations

from collections.abc import Callable

from django.db import IntegrityError, transaction

from handrail.access import names, subjects
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import tenants_of
from handrail.access.models import Erasure, Tenant
from handrail.access.refusals import reason_of
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound

# What is under way for the tenant with this id, such as "2 runs in progress": told by the slices that have it.
OpenWork = Callable[[int], tuple[str, ...]]
open_work: Configured[OpenWork] = Configured()


@transaction.atomic
def rename_tenant(*, key: str, by: Actor, name: str | None = None, new_key: str | None = None) -> Tenant:
    """Gives a tenant another name, another key, or both. The key can be changed only while nothing is under way: runs
    and packets look the tenant up by it in outside systems.

    Raises Denied, NotFound, Invalid, Conflict ``open-work`` or ``key-taken``.
    """
    tenant = _locked(key, by)
    if name is None and new_key is None:
        raise Invalid("Say what is to change.", faults=[Fault("name", "give a name, a key, or both")])
    if name is not None:
        tenant.name = names.required(name, where="name", limit=names.TENANT_LIMIT)
    if new_key is not None and new_key != tenant.key:
        tenant.key = names.tenant_key(new_key)
        _refuse_open_work(tenant, "Its key can be changed once that has ended.")
    try:
        with transaction.atomic():
            tenant.save(update_fields=["name", "key"])
    except IntegrityError:
        raise Conflict(f"There is a tenant {new_key} already.", code="key-taken") from None
    before = subjects.keyed_digest(tenant.pk, key) if tenant.key != key else None
    _record(EventName.TENANT_RENAMED, tenant, by, before=before)
    return tenant


@transaction.atomic
def close_tenant(*, key: str, reason: str, by: Actor) -> Tenant:
    """Nothing new begins for the tenant from now on; what was done stays readable.

    Raises Denied, NotFound, Invalid without a reason, Conflict ``open-work`` while something is under way, and
    ``tenant-closed`` when it is closed already.
    """
    tenant = _locked(key, by)
    said = reason_of(reason)
    if tenant.closed_at is not None:
        raise Conflict("This tenant is closed already.", code="tenant-closed")
    _refuse_open_work(tenant, "Wait for it to end, or end it; then close the tenant.")
    tenant.closed_at, tenant.closed_by, tenant.closed_reason = now(), by.name, said
    tenant.save(update_fields=["closed_at", "closed_by", "closed_reason"])
    _record(EventName.TENANT_CLOSED, tenant, by)
    return tenant


@transaction.atomic
def reopen_tenant(*, key: str, by: Actor) -> Tenant:
    """Ends a closing: new work can begin again. Raises Denied, NotFound, Conflict ``tenant-open``,
    ``erased``."""
    tenant = _locked(key, by)
    if tenant.closed_at is None:
        raise Conflict("This tenant is not closed.", code="tenant-open")
    if Erasure.objects.filter(tenant=tenant, confirmed_at__isnull=False).exists():
        raise Conflict("This tenant was erased: it can't be reopened.", code="erased")
    tenant.closed_at = tenant.closed_by = tenant.closed_reason = None
    tenant.save(update_fields=["closed_at", "closed_by", "closed_reason"])
    _record(EventName.TENANT_REOPENED, tenant, by)
    return tenant


def _locked(key: str, by: Actor) -> Tenant:
    """The tenant, for this transaction alone: who begins something for it waits (``guards.hold_open``)."""
    if not tenants_of(by).filter(key=key).exists():
        raise NotFound
    by.require_everywhere(Capability.TENANT_MANAGE)
    tenant = Tenant.objects.select_for_update().filter(workspace_id=by.workspace_id, key=key).first()
    if tenant is None:
        raise NotFound
    return tenant


def _refuse_open_work(tenant: Tenant, what_to_do: str) -> None:
    if found := open_work.get()(tenant.pk):
        raise Conflict(f"There is work under way for this tenant: {', '.join(found)}. {what_to_do}", code="open-work")


def _record(event: EventName, tenant: Tenant, by: Actor, *, before: str | None = None) -> None:
    """Events outlive a tenant, so they don't name it. ``before``: the keyed digest of the key that it had."""
    subject = names.tenant_ref(tenant.pk)
    record(event, by=by, tenant_id=tenant.pk, subject_kind="tenant", subject=subject, before=before)
