"""Who did what, and is the record whole."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from handrail.kernel.errors import Invalid
from handrail.web.audit import log_view as audit_presenter
from handrail.web.shell.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = audit_presenter.present(request.actor, request.GET)
    return render(request, "audit/log.html", {"section": "audit", "audit": shown})


@require_http_methods(["GET", "HEAD", "POST"])
def record(request: PageRequest) -> HttpResponse:
    """Verifies the whole log, which changes nothing; posted is a checkpoint that was kept elsewhere."""
    kept = request.POST.get("kept", "")
    try:
        shown, fault = audit_presenter.present_record(request.actor, kept), None
    except Invalid as error:
        shown, fault = audit_presenter.present_record(request.actor, ""), error
    context = {"section": "audit", "record": shown, "typed": kept, "fault": fault.message if fault else ""}
    return render(request, "audit/integrity.html", context, status=fault.status if fault else HTTPStatus.OK)
