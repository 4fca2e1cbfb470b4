"""Which runs are moving, done, stopped."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.web import operations_presenter
from handrail.web.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = operations_presenter.present(request.actor, request.GET)
    template = "parts/operations_live.html" if request.htmx else "operations.html"
    return render(request, template, {"section": "operations", "operations": shown})
