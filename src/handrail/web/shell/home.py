"""What needs me now."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from handrail.access.actor import NOBODY
from handrail.web.shell import home_view as home_presenter
from handrail.web.shell.request import PageRequest


@require_safe
def root(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's view
    return redirect("home")


@require_safe
def page(request: PageRequest) -> HttpResponse:
    if request.actor is NOBODY:
        return render(request, "shell/home_nobody.html")
    return render(request, "shell/home.html", {"section": "home", "home": home_presenter.present(request.actor)})
