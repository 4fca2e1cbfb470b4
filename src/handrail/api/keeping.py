"""What is kept of a tenant: legal holds and erasures."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict

from handrail.access import erasures, holds
from handrail.access.erasures import ErasurePreview, ErasureSummary
from handrail.access.holds import HoldSummary
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Line, TenantKey

router = Router()


class KeepingReason(Schema):
    model_config = ConfigDict(extra="forbid")
    reason: Line


class KeepingDone(Schema):
    """``ref``: of the legal hold or erasure."""

    ref: str


@router.get("/tenants/{key:tenant}/holds", response={200: list[HoldSummary], **REFUSALS}, operation_id="list_holds")
def list_holds(request: HttpRequest, tenant: TenantKey) -> list[HoldSummary]:
    """Every legal hold of a tenant, the newest first."""
    return holds.list_holds(actor_of(request), tenant)


@router.post("/tenants/{key:tenant}/holds", response={200: KeepingDone, **REFUSALS}, operation_id="set_hold")
def set_hold(request: HttpRequest, tenant: TenantKey, body: KeepingReason) -> KeepingDone:
    """Set a legal hold: nothing of the tenant is forgotten while it stands."""
    return KeepingDone(ref=holds.set_hold(key=tenant, reason=body.reason, by=actor_of(request)))


@router.post("/holds/{hold}/ask-to-lift", response={200: KeepingDone, **REFUSALS}, operation_id="ask_to_lift_hold")
def ask_to_lift_hold(request: HttpRequest, hold: str, body: KeepingReason) -> KeepingDone:
    """Ask to lift a legal hold. It stands until another person confirms."""
    holds.ask_to_lift(ref=hold, reason=body.reason, by=actor_of(request))
    return KeepingDone(ref=hold)


@router.post("/holds/{hold}/lift", response={200: KeepingDone, **REFUSALS}, operation_id="lift_hold")
def lift_hold(request: HttpRequest, hold: str) -> KeepingDone:
    """Confirm that a legal hold is lifted, as another person than the one who asked."""
    holds.lift(ref=hold, by=actor_of(request))
    return KeepingDone(ref=hold)


@router.get(
    "/tenants/{key:tenant}/erasure-preview",
    response={200: ErasurePreview, **REFUSALS},
    operation_id="preview_erasure",
)
def preview_erasure(request: HttpRequest, tenant: TenantKey) -> ErasurePreview:
    """What an erasure would forget, what would stay and why, and what stands in its way now. It forgets nothing."""
    return erasures.preview(actor_of(request), tenant)


@router.get(
    "/tenants/{key:tenant}/erasures", response={200: list[ErasureSummary], **REFUSALS}, operation_id="list_erasures"
)
def list_erasures(request: HttpRequest, tenant: TenantKey) -> list[ErasureSummary]:
    """The erasures of a tenant with their certificates, the newest first."""
    return erasures.list_erasures(actor_of(request), tenant)


@router.post("/tenants/{key:tenant}/erasures", response={200: KeepingDone, **REFUSALS}, operation_id="ask_erasure")
def ask_erasure(request: HttpRequest, tenant: TenantKey, body: KeepingReason) -> KeepingDone:
    """Ask to erase a tenant. Nothing is forgotten until another person confirms."""
    return KeepingDone(ref=erasures.ask(key=tenant, reason=body.reason, by=actor_of(request)))


@router.get("/erasures/{erasure}", response={200: ErasureSummary, **REFUSALS}, operation_id="get_erasure")
def get_erasure(request: HttpRequest, erasure: str) -> ErasureSummary:
    """An erasure with its certificate."""
    return erasures.get_erasure(actor_of(request), erasure)


@router.post("/erasures/{erasure}/withdraw", response={200: KeepingDone, **REFUSALS}, operation_id="withdraw_erasure")
def withdraw_erasure(request: HttpRequest, erasure: str) -> KeepingDone:
    """Withdraw an erasure that was asked for and not confirmed."""
    erasures.withdraw(ref=erasure, by=actor_of(request))
    return KeepingDone(ref=erasure)


@router.post("/erasures/{erasure}/confirm", response={200: ErasureSummary, **REFUSALS}, operation_id="confirm_erasure")
def confirm_erasure(request: HttpRequest, erasure: str) -> ErasureSummary:
    """Erase a tenant, as another person than the one who asked. Nothing brings back what is forgotten."""
    return erasures.confirm(ref=erasure, by=actor_of(request))
