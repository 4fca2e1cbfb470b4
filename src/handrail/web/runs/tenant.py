"""How a tenant is, and what was done for it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from handrail.web.runs import tenant_view as tenant_presenter
from handrail.web.shell.request import PageRequest
from handrail.web.support import support
from handrail.web.support.support_view import SupportPart


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, tenant: str) -> HttpResponse:
    def show(part: SupportPart) -> HttpResponse:
        context = {"dashboard": tenant_presenter.present(request.actor, tenant), "support": part}
        return render(request, "runs/tenant.html", context, status=part.status)

    return support.answer(request, support.at_tenant(tenant), show)
