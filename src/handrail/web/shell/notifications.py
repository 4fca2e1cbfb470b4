"""What one is notified of by e-mail; and the messages that were sent, with what failed."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from handrail.kernel.errors import Conflict
from handrail.notifications import queries
from handrail.notifications.actions import redelivering
from handrail.notifications.queries import PAGE, MessageFilter
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

_REFERENCE = re.compile(r"[A-Z]{3}-[0-9A-Z]{1,20}")
_PAGES = {"EXC": "exception", "PKT": "packet"}


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def choices(request: PageRequest) -> HttpResponse:
    rows = queries.list_choices(request.actor)
    if request.method == "POST":
        on = set(request.POST.getlist("kind"))
        wanted = {row.kind.value: row.kind.value in on for row in rows}
        changed = {row.kind.value: wanted[row.kind.value] for row in rows if wanted[row.kind.value] != row.email}
        redelivering.choose(choices=dict(changed), by=request.actor)
        messages.success(request, "Your choice is saved.")
        return redirect("notifications")
    shown = {"section": "notifications", "choices": rows, "has_mail": queries.has_mail()}
    return render(request, "shell/notifications.html", shown)


@require_safe
@in_one_moment
def sent(request: PageRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("about", "outcome", "after")}
    rows = queries.list_messages(request.actor, MessageFilter(**asked, limit=PAGE + 1))
    shown = {
        "section": "notifications",
        "rows": rows[:PAGE],
        "asked": asked,
        "more": rows[PAGE - 1].ref if len(rows) > PAGE else "",
        "outcomes": queries.OUTCOMES,
    }
    return render(request, "shell/notifications_sent.html", shown)


@require_POST
def redeliver(request: PageRequest, notice: str) -> HttpResponse:
    """Sent again; back to the page of the object, where it was shown there."""
    about = request.POST.get("about", "")
    route = _PAGES.get(about[:3])
    try:
        redelivering.redeliver(ref=notice, by=request.actor, may_repeat=request.POST.get("may_repeat") == "yes")
        messages.success(request, f"{notice} is sent again.")
    except Conflict as error:
        messages.error(request, error.message)
    return redirect(reverse(route, args=[about]) if route and _REFERENCE.fullmatch(about) else "notifications-sent")
