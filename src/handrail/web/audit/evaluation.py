"""The figures by which this work is judged."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.web.audit import evaluation_view as evaluation_presenter
from handrail.web.shell.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = evaluation_presenter.present(request.actor, request.GET)
    return render(request, "audit/evaluation.html", {"section": "evaluation", "evaluation": shown})
