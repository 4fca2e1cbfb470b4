"""Where one run is, what it tried, what is proven."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.kernel.hostile import clean_text
from handrail.runbooks.actions import corrections, runs, updates
from handrail.runbooks.queries import exceptions
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.states import RunState
from handrail.support.states import SUMMARY_MAX
from handrail.web.runs import run_view
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest
from handrail.web.support import submission
from handrail.web.support.part import SupportPart

_REFERENCE = re.compile(r"RUN-[0-9A-Z]{1,20}")


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest, run: str) -> HttpResponse:
    def show(part: SupportPart) -> HttpResponse:
        shown = run_view.present(runbooks.get_run(request.actor, run))
        request.opened = ("run", shown.detail.summary.ref)
        return render(
            request, "runs/run.html", {"section": "operations", "run": shown, "support": part}, status=part.status
        )

    return submission.answer(request, submission.at_run(run), show, filled=_about_exception(request, run))


def _about_exception(request: PageRequest, run: str) -> Mapping[str, str]:
    """What a request for support begins with that is raised from the run's exception packet."""
    ref = request.GET.get("exception", "")
    if not ref or submission.FORM not in request.GET:
        return {}
    try:
        found = exceptions.get_exception(request.actor, ref)
    except (NotFound, Denied):
        return {}
    if found.summary.run != run:
        return {}
    summary = clean_text(f"{ref}: {found.summary.message}", limit=SUMMARY_MAX)
    steps = [f"{found.summary.cause}: {found.summary.reason}, at {found.checkpoint}"]
    if found.account:
        steps += [f"Changed outside: {found.account['changed']}. {found.account['why']}", found.account["next_action"]]
    return {"summary": summary, "notes": "\n".join(steps)}


@require_safe
@in_one_moment
def live(request: PageRequest, run: str) -> HttpResponse:
    """The moving part of the page. Answers 204 while the ledger and state are those that the page shows."""
    shown = run_view.present(runbooks.get_run(request.actor, run))
    if request.GET.get("seen") == shown.mark:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "runs/parts/run_live.html", {"run": shown, "fragment": True})


@require_POST
def cancel(request: PageRequest, run: str) -> HttpResponse:
    try:
        runs.cancel(ref=run, by=request.actor)
    except Conflict:
        if runbooks.get_run(request.actor, run).summary.state is not RunState.CANCELLED:
            raise
    messages.success(request, f"{run} was cancelled. Nothing had been invoked.")
    return redirect("run", run=run)


@require_POST
def found_wrong(request: PageRequest, run: str) -> HttpResponse:
    reason, found_in = request.POST.get("reason", ""), request.POST.get("found_in", "")
    try:
        corrections.mark_wrong(ref=run, reason=reason, found_in=found_in, by=request.actor)
    except Conflict as error:
        if error.code != "found-wrong":
            raise
    except Invalid as error:
        messages.error(request, error.faults[0].message.capitalize() if error.faults else error.message)
        return redirect("run", run=run)
    messages.success(request, f"{run} is marked as found wrong. Its record stays as it is.")
    return redirect("run", run=run)


@require_POST
def redeliver(request: PageRequest, message: str) -> HttpResponse:
    """Writes a message to the task system again; back to the page of the run, where it was shown."""
    shown_at = request.POST.get("run", "")
    try:
        updates.repeat(ref=message, by=request.actor)
        messages.success(request, f"{message} is due: the next free worker writes it again.")
    except Conflict as error:
        messages.error(request, error.message)
    return redirect("run", run=shown_at) if _REFERENCE.fullmatch(shown_at) else redirect("operations")


@require_POST
def stop(request: PageRequest, run: str) -> HttpResponse:
    try:
        runs.stop(ref=run, reason=request.POST.get("reason", ""), by=request.actor)
    except Conflict as error:
        if error.code != "stop-requested":
            raise
    except Invalid as error:
        messages.error(request, error.message)
        return redirect("run", run=run)
    messages.success(request, f"{run} stops before its next call.")
    return redirect("run", run=run)
