"""How a tenant is, and what was done for it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.web import tenant_presenter
from handrail.web.request import PageRequest


@require_safe
def page(request: PageRequest, tenant: str) -> HttpResponse:
    return render(request, "tenant.html", {"dashboard": tenant_presenter.present(request.actor, tenant)})
