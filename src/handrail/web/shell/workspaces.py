"""In which workspace I act, and with which roles."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from handrail.access import queries as access
from handrail.kernel.errors import NotFound
from handrail.web.shell.middleware import WORKSPACE_KEY
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    assert request.user.is_authenticated
    mine = access.workspaces_of(request.user)
    if request.method != "POST":
        return render(request, "shell/workspaces.html", {"mine": mine})
    chosen = next((w for w in mine if w.slug == request.POST.get("workspace")), None)
    if chosen is None:
        raise NotFound
    request.session[WORKSPACE_KEY] = chosen.slug
    messages.success(request, f"You are now working in {chosen.name}.")
    return redirect("home")
