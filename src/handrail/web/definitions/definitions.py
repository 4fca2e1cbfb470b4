"""Which rules are in force, and what a proposal would change."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.definitions import actions
from handrail.definitions import queries as definitions
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.definitions import definitions_view as definitions_presenter
from handrail.web.shell.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = definitions_presenter.present_list(request.actor, request.GET)
    return render(request, "definitions/definitions.html", {"section": "definitions", "definitions": shown})


@require_safe
def definition(request: PageRequest, definition: int) -> HttpResponse:
    shown = definitions_presenter.present(definitions.get_definition(request.actor, definition))
    return render(request, "definitions/definition.html", {"section": "definitions", "definition": shown})


@require_POST
def approve(request: PageRequest, definition: int) -> HttpResponse:
    digest = request.POST.get("digest", "")
    try:
        actions.approve(definition_id=definition, digest=digest, by=request.actor)
    except Conflict:
        if not definitions_presenter.is_approved_so(request.actor, definition, digest):
            raise
    messages.success(request, "Approved. It is in force from now on; runs under way keep the version they began with.")
    return redirect("definition", definition=definition)


@require_POST
def reject(request: PageRequest, definition: int) -> HttpResponse:
    return _with_reason(request, definition, actions.reject, "Rejected, with your reason.")


@require_POST
def deprecate(request: PageRequest, definition: int) -> HttpResponse:
    return _with_reason(request, definition, actions.deprecate, "No longer in force: no run of it starts from now on.")


def _with_reason(
    request: PageRequest, definition: int, action: definitions_presenter.Decision, done: str
) -> HttpResponse:
    """One of the decisions that need a reason; without one the page comes back with what was typed."""
    reason = request.POST.get("reason", "")
    try:
        action(definition_id=definition, reason=reason, by=request.actor)
    except Invalid as error:
        shown = definitions_presenter.present(definitions.get_definition(request.actor, definition))
        context = {"section": "definitions", "definition": shown, "typed": reason, "fault": error.faults[0].message}
        return render(request, "definitions/definition.html", context, status=error.status)
    except Conflict:
        if not definitions_presenter.is_decided_so(request.actor, definition, reason):
            raise
    messages.success(request, done)
    return redirect("definition", definition=definition)
