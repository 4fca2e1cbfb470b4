"""Who did what."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.web import audit_presenter
from handrail.web.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = audit_presenter.present(request.actor, request.GET)
    return render(request, "audit.html", {"section": "audit", "audit": shown})
