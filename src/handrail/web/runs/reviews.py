"""Completed runs that were drawn for a second look: those that wait for one, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access.actor import Actor
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.runbooks.actions import reviews
from handrail.runbooks.queries import reviews as queries
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries.reviews import PAGE, DrawnRun
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class ReviewList:
    """``done``: those that had their second look. ``waiting``: how many the actor may look at."""

    rows: list[DrawnRun]
    done: bool
    waiting: int
    more_url: str
    faults: tuple[Fault, ...] = ()


def present(actor: Actor, asked: Mapping[str, str]) -> ReviewList:
    """Raises Denied."""
    done = asked.get("done") == "1"
    waiting, own = queries.count_waiting(actor), asked.get("own") != "0"
    try:
        rows = queries.list_reviews(actor, done=done, own=own, after=asked.get("after", ""), limit=PAGE + 1)
    except Invalid as error:
        return ReviewList([], done, waiting, "", error.faults)
    more = (
        paging.query(done="1" if done else "", own="" if own else "0", after=rows[PAGE - 1].run)
        if len(rows) > PAGE
        else ""
    )
    return ReviewList(rows[:PAGE], done, waiting, more)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET.dict())
    status = Invalid.status if shown.faults else 200
    return render(request, "runs/reviews.html", {"section": "reviews", "reviews": shown}, status=status)


@require_POST
def review(request: PageRequest, run: str) -> HttpResponse:
    verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
    try:
        reviews.review(ref=run, verdict=verdict, reason=reason, by=request.actor)
    except Invalid as error:
        messages.error(request, error.faults[0].message.capitalize() if error.faults else error.message)
        return redirect("run", run=run)
    except Conflict:
        found = runbooks.get_run(request.actor, run).review
        if found is None or (found.by, found.verdict) != (request.actor.name, verdict):
            raise
    messages.success(request, f"Your second look at {run} is recorded: {verdict}.")
    return redirect("run", run=run)
