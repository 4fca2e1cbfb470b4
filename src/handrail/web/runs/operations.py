"""Which runs are moving, done, stopped."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.web.runs import operations_view as operations_presenter
from handrail.web.shell.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = operations_presenter.present(request.actor, request.GET)
    template = "runs/parts/operations_live.html" if request.htmx else "runs/operations.html"
    return render(request, template, {"section": "operations", "operations": shown})
