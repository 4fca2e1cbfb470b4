"""The tenants whose support the caller may look after."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from handrail.access import queries
from handrail.access.queries import TenantSummary
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS

router = Router()


@router.get("/tenants", response={200: list[TenantSummary], **REFUSALS}, operation_id="list_tenants")
def list_tenants(request: HttpRequest) -> list[TenantSummary]:
    """Tenants in your scope, by name."""
    return queries.list_tenants(actor_of(request))
