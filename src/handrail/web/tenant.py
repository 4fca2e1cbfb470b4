"""How a tenant is, and what was done for it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from handrail.web import support, tenant_presenter
from handrail.web.request import PageRequest
from handrail.web.support_presenter import SupportPart


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest, tenant: str) -> HttpResponse:
    def show(part: SupportPart) -> HttpResponse:
        context = {"dashboard": tenant_presenter.present(request.actor, tenant), "support": part}
        return render(request, "tenant.html", context, status=part.status)

    return support.answer(request, support.at_tenant(tenant), show)
