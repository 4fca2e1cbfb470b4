"""Exception packets: the list, one packet, and what a person does about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.queries import TenantSummary
from handrail.access.refusals import Refusal
from handrail.kernel.errors import Conflict, Invalid
from handrail.kernel.hostile import clean_text
from handrail.runbooks.actions import exceptions
from handrail.runbooks.actions.exceptions import NOTE_LIMIT
from handrail.runbooks.queries import exceptions as runbooks
from handrail.runbooks.queries.exceptions import ExceptionDetail, ExceptionFilter, ExceptionSummary
from handrail.runbooks.queries.runs import PAGE
from handrail.runbooks.states import ExceptionCause, Handling
from handrail.web.runs.readings import SourceReading, sources
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# What each cause means for the person who takes over: what is certain, and where to look first.
_CAUSE = ExceptionCause
ADVICE: Mapping[str, str] = {
    _CAUSE.PREREQUISITE: "Nothing was invoked. Correct the task or the record that disagrees, then delegate it again.",
    _CAUSE.BOUNDARY: "A pricing, contract, customer or privilege question: its owner decides, never a runbook.",
    _CAUSE.AMBIGUOUS: "The runbook doesn't recognise the answer. Check the target before anyone acts again.",
    _CAUSE.TERMINAL: "The target refused permanently. Repeating won't help; find out why it refuses.",
    _CAUSE.RETRIES_EXHAUSTED: "Every attempt failed, perhaps temporarily. Check the target, then delegate again.",
    _CAUSE.VERIFICATION: "The action was carried out, but the state is not as required. Compare the readings below.",
    _CAUSE.UNKNOWN_OUTCOME: "The action may have taken effect. First look for the idempotency key in the target.",
    _CAUSE.SOURCE: "An authoritative system could not be read as declared, so nothing could be decided.",
    _CAUSE.DEFINITION: "The runbook itself could not be evaluated. Its owner must fix it.",
}

# Where the reason says more than the cause.
ADVICE_BY_REASON: Mapping[str, str] = {
    "poll-window-over": "The action was accepted and may still be running. Check its job before anyone repeats it.",
}

UNRESOLVED = "unresolved"
CHOICES = (UNRESOLVED, *(handling.value for handling in Handling))


@dataclass(frozen=True, slots=True)
class ExceptionList:
    """``total``: how many fit the filters, on every page of the list together."""

    packets: list[ExceptionSummary]
    tenants: list[TenantSummary]
    wanted: ExceptionFilter
    handling: str
    total: int
    choices: list[str]
    older_url: str | None

    @property
    def filtered(self) -> bool:
        return bool(self.handling or self.wanted.tenant or self.wanted.before)


@dataclass(frozen=True, slots=True)
class ExceptionPage:
    detail: ExceptionDetail
    advice: str
    conditions: list[dict[str, Any]]
    readings: list[SourceReading]
    other_evidence: list[dict[str, Any]]
    note_limit: int
    may_take: bool
    may_take_over: bool
    may_resolve: bool
    refusal: Refusal | None


def present_list(actor: Actor, asked: Mapping[str, str]) -> ExceptionList:
    """Raises Denied. Without a choice, those that nobody has resolved come first by being newest."""
    handling = asked.get("handling", "")
    handling = handling if handling in CHOICES else ""
    wanted = ExceptionFilter(
        handling="" if handling == UNRESOLVED else handling,
        unresolved=handling == UNRESOLVED,
        tenant=asked.get("tenant", ""),
        before=paging.instant(asked.get("before", "")),
    )
    packets = runbooks.list_exceptions(actor, wanted)
    older = len(packets) == PAGE and paging.query(
        handling=handling, tenant=wanted.tenant, before=packets[-1].at.isoformat()
    )
    return ExceptionList(
        packets=packets,
        tenants=access.list_tenants(actor),
        wanted=wanted,
        handling=handling,
        total=runbooks.count_exceptions(actor, dataclasses.replace(wanted, before=None)),
        choices=list(CHOICES),
        older_url=older or None,
    )


def present(detail: ExceptionDetail) -> ExceptionPage:
    conditions = [c for item in detail.evidence for c in item.get("prerequisites", [])]
    other = [item for item in detail.evidence if "source" not in item and "prerequisites" not in item]
    handling = detail.summary.handling
    # The button that fits the packet's state is the one whose refusal is worth explaining.
    refusal = detail.why_not_take if handling is Handling.OPEN else detail.why_not_resolve
    return ExceptionPage(
        detail=detail,
        advice=detail.account.get("next_action")
        or ADVICE_BY_REASON.get(detail.summary.reason)
        or ADVICE.get(detail.summary.cause, ""),
        conditions=conditions,
        readings=sources(detail.evidence, {}),
        other_evidence=other,
        note_limit=NOTE_LIMIT,
        may_take=detail.why_not_take is None,
        may_take_over=detail.why_not_take_over is None,
        may_resolve=detail.why_not_resolve is None,
        refusal=None if handling is Handling.RESOLVED else refusal,
    )


def is_mine(detail: ExceptionDetail, actor: Actor) -> bool:
    """Whether taking it over again would only repeat what the actor has done: a second click, a reload."""
    return detail.summary.handling is Handling.TAKEN and detail.summary.taken_by == actor.name


def is_resolved_so(detail: ExceptionDetail, actor: Actor, note: str) -> bool:
    """Whether the actor has resolved it with this very note already."""
    return detail.resolved_by == actor.name and detail.note == clean_text(note, limit=NOTE_LIMIT, multiline=True)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present_list(request.actor, request.GET)
    return render(request, "runs/exceptions.html", {"section": "exceptions", "exceptions": shown})


@require_safe
@in_one_moment
def show(request: PageRequest, exception: str) -> HttpResponse:
    shown = present(runbooks.get_exception(request.actor, exception))
    return render(request, "runs/exception.html", {"section": "exceptions", "packet": shown})


@require_POST
def take(request: PageRequest, exception: str) -> HttpResponse:
    try:
        exceptions.take(ref=exception, by=request.actor, instead_of=request.POST.get("instead_of", ""))
    except Conflict:
        if not is_mine(runbooks.get_exception(request.actor, exception), request.actor):
            raise
    messages.success(
        request, f"You have taken over {exception}. The run stays stopped: what happens next is up to you."
    )
    return redirect("exception", exception=exception)


@require_POST
def resolve(request: PageRequest, exception: str) -> HttpResponse:
    note, waiting = request.POST.get("note", ""), request.POST.get("waiting", "")
    wrong = request.POST.get("found_wrong", "")
    try:
        exceptions.resolve(ref=exception, note=note, waiting=waiting, found_wrong=wrong, by=request.actor)
    except Invalid as error:
        shown = present(runbooks.get_exception(request.actor, exception))
        context = {"section": "exceptions", "packet": shown, "typed": note, "waiting": waiting, "wrong": wrong}
        context[f"{error.faults[0].where}_fault"] = error.faults[0].message
        return render(request, "runs/exception.html", context, status=error.status)
    except Conflict:
        if not is_resolved_so(runbooks.get_exception(request.actor, exception), request.actor, note):
            raise
    messages.success(request, f"{exception} was resolved, with your note.")
    return redirect("exception", exception=exception)
