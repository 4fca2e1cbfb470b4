"""The tenants whose support the caller may look after."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict

from handrail.access import actions, queries
from handrail.access.queries import TenantSummary
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Line, TenantKey

router = Router()
ANSWERS = {200: TenantSummary, **REFUSALS}


class TenantChange(Schema):
    """What is to change; at least one of them."""

    model_config = ConfigDict(extra="forbid")
    name: Line | None = None
    key: Line | None = None


class TenantClosing(Schema):
    model_config = ConfigDict(extra="forbid")
    reason: Line


@router.get("/tenants", response={200: list[TenantSummary], **REFUSALS}, operation_id="list_tenants")
def list_tenants(request: HttpRequest) -> list[TenantSummary]:
    """Tenants in your scope, by name."""
    return queries.list_tenants(actor_of(request))


@router.post("/tenants/{key:tenant}/close", response=ANSWERS, operation_id="close_tenant")
def close_tenant(request: HttpRequest, tenant: TenantKey, closing: TenantClosing) -> TenantSummary:
    """Close a tenant: no new runs, support requests or packets. What was done stays readable."""
    return queries.tenant_summary(actions.close_tenant(key=tenant, reason=closing.reason, by=actor_of(request)))


@router.post("/tenants/{key:tenant}/reopen", response=ANSWERS, operation_id="reopen_tenant")
def reopen_tenant(request: HttpRequest, tenant: TenantKey) -> TenantSummary:
    """Reopen a closed tenant."""
    return queries.tenant_summary(actions.reopen_tenant(key=tenant, by=actor_of(request)))


# The last: its address matches those above too.
@router.patch("/tenants/{key:tenant}", response=ANSWERS, operation_id="change_tenant")
def change_tenant(request: HttpRequest, tenant: TenantKey, change: TenantChange) -> TenantSummary:
    """Give a tenant another name, another key, or both. The key only while no run or packet is under way."""
    who = actor_of(request)
    return queries.tenant_summary(actions.rename_tenant(key=tenant, name=change.name, new_key=change.key, by=who))
