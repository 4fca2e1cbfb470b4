"""The one way to fetch what belongs to a tenant: out of scope is 404, in scope without the capability is 403."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.models import Membership, Tenant, TenantEntitlement
from handrail.kernel.errors import Conflict, NotFound

CLOSED = "This tenant is closed: nothing new begins for it. A workspace administrator can reopen it."
RENAMED = "This tenant has just been given another key. Use that one."
M = TypeVar("M", bound=Model)


def scoped(actor: Actor, rows: QuerySet[M]) -> QuerySet[M]:
    """Only those of ``rows`` (with ``workspace`` and ``tenant`` columns) that are in the actor's scope."""
    rows = rows.filter(workspace_id=actor.workspace_id)
    return rows if actor.tenant_ids is None else rows.filter(tenant_id__in=actor.tenant_ids)


def get_scoped(actor: Actor, rows: QuerySet[M], capability: Capability, *, recent: bool = True, **key: Any) -> M:
    """The one row of ``rows`` with ``key``. Raises NotFound outside the actor's scope, Denied inside it without
    ``capability``; ``recent`` as ``Actor.require`` has it."""
    row = scoped(actor, rows).filter(**key).first()
    if row is None:
        raise NotFound
    actor.require(capability, tenant_id=row.tenant_id, recent=recent)  # type: ignore[attr-defined]
    return row


def get_tenant(actor: Actor, key: str, capability: Capability = Capability.TENANT_VIEW) -> Tenant:
    """The tenant with ``key`` in the actor's workspace. Raises NotFound or Denied as above."""
    tenant = tenants_of(actor).filter(key=key).first()
    if tenant is None:
        raise NotFound
    actor.require(capability, tenant_id=tenant.pk)
    return tenant


def get_open_tenant(actor: Actor, key: str, capability: Capability) -> Tenant:
    """Like ``get_tenant``, for what begins something. Raises Conflict ``tenant-closed`` as well."""
    tenant = get_tenant(actor, key, capability)
    refuse_closed(tenant)
    return tenant


def refuse_closed(tenant: Tenant) -> None:
    """Raises Conflict ``tenant-closed`` for a closed tenant."""
    if tenant.closed_at is not None:
        raise Conflict(CLOSED, code="tenant-closed")


def hold_open(tenant_id: int, *, key: str | None = None) -> None:
    """Keeps the tenant open, and its key as it is, until the commit. Raises Conflict: ``tenant-closed``, or
    ``tenant-renamed`` where it was looked up by a ``key`` that it has no more.

    Beginnings don't wait for each other: the lock is the one that a foreign key takes, which closing and renaming alone
    conflict with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT closed_at, key FROM access_tenant WHERE id = %s FOR KEY SHARE", [tenant_id])
        row = cursor.fetchone()
    if row is None or row[0] is not None:
        raise Conflict(CLOSED, code="tenant-closed")
    if key is not None and row[1] != key:
        raise Conflict(RENAMED, code="tenant-renamed")


def hold_tenant(tenant_id: int) -> None:
    """Keeps what is decided about a tenant as a whole, such as a legal hold, as it is until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM access_tenant WHERE id = %s FOR KEY SHARE", [tenant_id])


def tenants_of(actor: Actor) -> QuerySet[Tenant]:
    """The tenants in the actor's scope, by name."""
    rows = Tenant.objects.filter(workspace_id=actor.workspace_id).order_by("name", "pk")
    return rows if actor.tenant_ids is None else rows.filter(pk__in=actor.tenant_ids)


def members_of(actor: Actor) -> QuerySet[Membership]:
    """The memberships that the actor may know of: their own and, unless they are entitled to every tenant, those that
    reach a tenant of theirs."""
    rows = Membership.objects.filter(workspace_id=actor.workspace_id).select_related("user")
    if actor.tenant_ids is None:
        return rows
    shared = TenantEntitlement.objects.filter(tenant_id__in=actor.tenant_ids).values("membership")
    return rows.filter(Q(all_tenants=True) | Q(pk__in=shared) | Q(user_id=actor.user_id))
