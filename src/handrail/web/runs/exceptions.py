"""What a senior engineer must take over, with all that is needed to go on."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.kernel.errors import Conflict, Invalid
from handrail.runbooks import queries as runbooks
from handrail.runbooks.actions import exceptions
from handrail.web.runs import exceptions_view as exceptions_presenter
from handrail.web.shell.request import PageRequest


@require_safe
def page(request: PageRequest) -> HttpResponse:
    shown = exceptions_presenter.present_list(request.actor, request.GET)
    return render(request, "runs/exceptions.html", {"section": "exceptions", "exceptions": shown})


@require_safe
def packet(request: PageRequest, exception: str) -> HttpResponse:
    shown = exceptions_presenter.present(runbooks.get_exception(request.actor, exception))
    return render(request, "runs/exception.html", {"section": "exceptions", "packet": shown})


@require_POST
def take(request: PageRequest, exception: str) -> HttpResponse:
    try:
        exceptions.take(ref=exception, by=request.actor, instead_of=request.POST.get("instead_of", ""))
    except Conflict:
        if not exceptions_presenter.is_mine(runbooks.get_exception(request.actor, exception), request.actor):
            raise
    messages.success(request, f"{exception} is yours. The run stays stopped: what happens next is up to you.")
    return redirect("exception", exception=exception)


@require_POST
def resolve(request: PageRequest, exception: str) -> HttpResponse:
    note = request.POST.get("note", "")
    try:
        exceptions.resolve(ref=exception, note=note, by=request.actor)
    except Invalid as error:
        shown = exceptions_presenter.present(runbooks.get_exception(request.actor, exception))
        context = {"section": "exceptions", "packet": shown, "typed": note, "fault": error.faults[0].message}
        return render(request, "runs/exception.html", context, status=error.status)
    except Conflict:
        if not exceptions_presenter.is_resolved_so(
            runbooks.get_exception(request.actor, exception), request.actor, note
        ):
            raise
    messages.success(request, f"{exception} was resolved, with your note.")
    return redirect("exception", exception=exception)
