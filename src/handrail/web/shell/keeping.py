"""What is kept of a tenant: legal holds, what an erasure would forget, who has asked for one, and its certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access import erasures, holds, queries
from handrail.access.capabilities import Capability
from handrail.access.erasures import ErasurePreview, ErasureSummary
from handrail.access.holds import HoldSummary
from handrail.access.queries import TenantSummary
from handrail.access.refusals import REASON_LIMIT
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class KeepingPage:
    """``me``: the reader's name, who can't confirm what they asked for themselves. ``preview``: None for those who
    can't erase, and once the tenant was erased."""

    tenant: TenantSummary
    me: str
    holds: list[HoldSummary]
    erasures: list[ErasureSummary]
    preview: ErasurePreview | None
    may_hold: bool
    may_erase: bool
    refusal: str = ""
    reason_limit: int = REASON_LIMIT

    @property
    def asked(self) -> ErasureSummary | None:
        """The erasure that stands: asked for, confirmed or finished."""
        return next((one for one in self.erasures if one.state != "withdrawn"), None)


@require_safe
@in_one_moment
def page(request: PageRequest, tenant: str) -> HttpResponse:
    return _shown(request, tenant)


@require_POST
def hold(request: PageRequest) -> HttpResponse:
    reason = request.POST.get("reason", "")
    return _changed(
        request, "The tenant is held.", lambda key: holds.set_hold(key=key, reason=reason, by=request.actor)
    )


@require_POST
def ask_to_lift(request: PageRequest) -> HttpResponse:
    ref, reason = request.POST.get("ref", ""), request.POST.get("reason", "")
    message = "Another person can confirm now that the hold is lifted."
    return _changed(request, message, lambda _: holds.ask_to_lift(ref=ref, reason=reason, by=request.actor))


@require_POST
def lift(request: PageRequest) -> HttpResponse:
    ref = request.POST.get("ref", "")
    return _changed(request, "The hold is lifted.", lambda _: holds.lift(ref=ref, by=request.actor))


@require_POST
def ask(request: PageRequest) -> HttpResponse:
    reason = request.POST.get("reason", "")
    message = "Another person can confirm the erasure now. Nothing was forgotten yet."
    return _changed(request, message, lambda key: erasures.ask(key=key, reason=reason, by=request.actor))


@require_POST
def withdraw(request: PageRequest) -> HttpResponse:
    ref = request.POST.get("ref", "")
    return _changed(request, "The erasure is withdrawn.", lambda _: erasures.withdraw(ref=ref, by=request.actor))


@require_POST
def confirm(request: PageRequest) -> HttpResponse:
    """The tenant has another key afterwards, so the page that it leads to is asked of the answer."""
    key, ref = request.POST.get("tenant", ""), request.POST.get("ref", "")
    try:
        done = erasures.confirm(ref=ref, by=request.actor)
    except (Invalid, Conflict) as error:
        return _shown(request, key, refusal=error.message, status=error.status)
    messages.success(request, f"The tenant was erased: {done.ref}.")
    return redirect("tenant-keeping", tenant=done.tenant)


def _changed(request: PageRequest, what: str, act: Callable[[str], object]) -> HttpResponse:
    key = request.POST.get("tenant", "")
    try:
        act(key)
    except (Invalid, Conflict) as error:
        message = " ".join([error.message, *(f"{fault.message.capitalize()}." for fault in error.faults)])
        return _shown(request, key, refusal=message, status=error.status)
    messages.success(request, what)
    return redirect("tenant-keeping", tenant=key)


def _shown(request: PageRequest, key: str, *, refusal: str = "", status: int = 200) -> HttpResponse:
    actor = request.actor
    tenant = queries.get_tenant(actor, key)
    may_erase = actor.may_everywhere(Capability.TENANT_ERASE)
    found = erasures.list_erasures(actor, key)
    erased = any(one.state in {"confirmed", "finished"} for one in found)
    shown = KeepingPage(
        tenant=tenant,
        me=actor.name,
        holds=holds.list_holds(actor, key),
        erasures=found,
        preview=None if erased else erasures.look(actor, key),
        may_hold=actor.may_everywhere(Capability.TENANT_HOLD),
        may_erase=may_erase,
        refusal=refusal,
    )
    return render(request, "shell/keeping.html", {"section": "tenants", "keeping": shown}, status=status)
