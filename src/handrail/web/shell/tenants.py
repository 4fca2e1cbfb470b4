"""The tenants of the workspace: renamed, closed and reopened by administrators who are entitled to every one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access import actions, queries
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.access.refusals import REASON_LIMIT
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class TenantsPage:
    """``manages``: whether the reader may change them. ``changing``: the key of the one whose change was refused."""

    rows: list[TenantSummary]
    manages: bool
    changing: str = ""
    refusal: str = ""
    name_limit: int = actions.TENANT_NAME_LIMIT
    key_limit: int = actions.TENANT_KEY_LIMIT
    reason_limit: int = REASON_LIMIT


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    return _shown(request)


@require_POST
def rename(request: PageRequest) -> HttpResponse:
    key, name, new_key = (request.POST.get(field, "") for field in ("tenant", "name", "key"))
    change = {"name": name or None, "new_key": new_key or None}
    return _changed(request, key, "is renamed", lambda: actions.rename_tenant(key=key, by=request.actor, **change))


@require_POST
def close(request: PageRequest) -> HttpResponse:
    key, reason = request.POST.get("tenant", ""), request.POST.get("reason", "")
    return _changed(request, key, "is closed", lambda: actions.close_tenant(key=key, reason=reason, by=request.actor))


@require_POST
def reopen(request: PageRequest) -> HttpResponse:
    key = request.POST.get("tenant", "")
    return _changed(request, key, "is open again", lambda: actions.reopen_tenant(key=key, by=request.actor))


def _changed(request: PageRequest, key: str, what: str, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except (Invalid, Conflict) as error:
        message = " ".join(
            [error.message, *(f"{fault.where.capitalize()}: {fault.message}." for fault in error.faults)]
        )
        return _shown(request, changing=key, refusal=message, status=error.status)
    messages.success(request, f"The tenant {what}.")
    return redirect("tenants")


def _shown(request: PageRequest, *, changing: str = "", refusal: str = "", status: int = 200) -> HttpResponse:
    rows = queries.list_tenants(request.actor)
    manages = request.actor.may_everywhere(Capability.TENANT_MANAGE)
    found = TenantsPage(rows, manages, changing, refusal)
    return render(request, "shell/tenants.html", {"section": "tenants", "tenants": found}, status=status)
