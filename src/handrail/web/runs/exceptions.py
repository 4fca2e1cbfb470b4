"""Exception packets: the list, one packet, and what a person does about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.access.refusals import Refusal
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.hostile import clean_text
from handrail.runbooks.actions import exceptions, handover, together
from handrail.runbooks.actions.exceptions import NOTE_LIMIT
from handrail.runbooks.actions.together import Together
from handrail.runbooks.queries import exceptions as runbooks
from handrail.runbooks.queries.exceptions import (
    DUE,
    HANDLINGS,
    LATE,
    MINE,
    NEWEST,
    NO_DUE,
    OLDEST,
    SORTS,
    UNASSIGNED,
    UNRESOLVED,
    ExceptionDetail,
    ExceptionFilter,
    ExceptionGroup,
    ExceptionSummary,
)
from handrail.runbooks.queries.follow_ups import FollowUpChoice
from handrail.runbooks.queries.runs import PAGE
from handrail.runbooks.states import RUN, ExceptionCause, Handling, NoteKind
from handrail.web.runs.readings import SourceReading, sources
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest
from handrail.web.support import submission
from handrail.web.support.part import form_address

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

DUES = (LATE, "4h", "1d", NO_DUE)
AGES = ("1h", "4h", "1d", "7d", "30d")
# The filters of the list, as they stand in its address.
FILTERS = ("handling", "tenant", "owner", "older_than", "due", "cause", "reason", "runbook", "task", "text", "sort")
# Those in the second row, which is open when one of them is used.
MORE = ("cause", "reason", "runbook", "task", "text")


@dataclass(frozen=True, slots=True)
class ExceptionList:
    """``total``: how many fit the filters, on every page of the list together. ``groups``: the same by runbook and
    reason, each with its address. ``may_take``, ``may_resolve``: packets of this page, all alike, that the actor can
    take over or resolve together. ``shortcuts``: lists that people ask for most. ``faults``: filters that can't be
    any, in words; then nothing is listed."""

    packets: list[ExceptionSummary]
    groups: list[tuple[ExceptionGroup, str]]
    tenants: list[TenantSummary]
    owners: list[str]
    wanted: ExceptionFilter
    total: int
    shortcuts: list[tuple[str, str, int, bool]]
    faults: tuple[Fault, ...]
    older_url: str | None
    may_take: frozenset[str] = frozenset()
    may_resolve: frozenset[str] = frozenset()
    note_limit: int = NOTE_LIMIT
    choices: tuple[str, ...] = HANDLINGS
    ages: tuple[str, ...] = AGES
    dues: tuple[str, ...] = DUES
    outcomes: tuple[tuple[str, str], ...] = ()
    causes: tuple[str, ...] = tuple(cause.value for cause in ExceptionCause)
    sorts: tuple[str, ...] = SORTS

    @property
    def filtered(self) -> bool:
        return any(getattr(self.wanted, name) for name in FILTERS if name != "sort") or bool(self.wanted.after)

    @property
    def given(self) -> list[tuple[str, str]]:
        """The filters that are used, as they stand in the address."""
        return [(name, value) for name in FILTERS if (value := getattr(self.wanted, name))]

    @property
    def has_more(self) -> bool:
        return any(getattr(self.wanted, name) for name in MORE)

    @property
    def order(self) -> str:
        return self.wanted.sort if self.wanted.sort in SORTS else NEWEST


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
    may_note: bool
    may_hand_back: bool
    may_assign: bool
    may_read_again: bool
    may_follow: list[FollowUpChoice]
    follow_up_open: str
    support_address: str
    refusal: Refusal | None


def present_list(actor: Actor, asked: Mapping[str, str]) -> ExceptionList:
    """Raises Denied. A filter that can't be one lists nothing, and says what could be."""
    given = {name: asked[name] for name in FILTERS if asked.get(name)}
    wanted = _filter(given, after=asked.get("after", ""), limit=PAGE + 1)
    packets, faults = _found(actor, wanted)
    every = dataclasses.replace(wanted, after="")
    alike = len({(one.runbook, one.reason) for one in packets[:PAGE]}) == 1 and len(packets) > 1
    free = {one.ref for one in packets[:PAGE] if alike and one.handling is Handling.OPEN}
    mine = {
        one.ref for one in packets[:PAGE] if alike and one.handling is Handling.TAKEN and one.taken_by == actor.name
    }
    groups = [] if faults else runbooks.group_exceptions(actor, every)
    more = len(packets) > PAGE and paging.query(**given, after=packets[PAGE - 1].ref)
    return ExceptionList(
        packets=packets[:PAGE],
        groups=[(one, paging.query(**given | {"runbook": one.runbook, "reason": one.reason})) for one in groups],
        tenants=access.list_tenants(actor),
        owners=sorted({*runbooks.list_owners(actor), wanted.owner} - {"", MINE, UNASSIGNED}),
        wanted=wanted,
        total=0 if faults else runbooks.count_exceptions(actor, every),
        shortcuts=_shortcuts(actor, given),
        faults=faults,
        older_url=more or None,
        outcomes=_outcomes(actor, packets[:PAGE], mine),
        may_take=frozenset(free if actor.may(Capability.EXCEPTION_TAKE) else ()),
        may_resolve=frozenset(mine if actor.may(Capability.EXCEPTION_RESOLVE) else ()),
    )


def _outcomes(actor: Actor, packets: Sequence[ExceptionSummary], mine: Collection[str]) -> tuple[tuple[str, str], ...]:
    """What may become of those that can be resolved together: by the runbook of the first."""
    first = next((one.ref for one in packets if one.ref in mine), None)
    return () if first is None else tuple(runbooks.get_exception(actor, first).outcomes.items())


def _filter(given: Mapping[str, Any], **more: Any) -> ExceptionFilter:
    return ExceptionFilter(**given, **more)


def _found(actor: Actor, wanted: ExceptionFilter) -> tuple[list[ExceptionSummary], tuple[Fault, ...]]:
    try:
        return runbooks.list_exceptions(actor, wanted), ()
    except Invalid as error:
        return [], error.faults


def _shortcuts(actor: Actor, given: Mapping[str, str]) -> list[tuple[str, str, int, bool]]:
    """What each is called, its address, how many there are, and whether it is what is shown."""
    usual = {
        "Mine": {"handling": UNRESOLVED, "owner": MINE, "sort": OLDEST},
        "Mine and late": {"owner": MINE, "due": LATE, "sort": DUE},
        "Unassigned": {"handling": UNRESOLVED, "owner": UNASSIGNED, "sort": OLDEST},
        "Late": {"due": LATE, "sort": DUE},
        "Older than a day": {"handling": UNRESOLVED, "older_than": "1d", "sort": OLDEST},
    }
    return [
        (name, paging.query(**of), runbooks.count_exceptions(actor, _filter(of)), of == given)
        for name, of in usual.items()
    ]


def present(actor: Actor, detail: ExceptionDetail) -> ExceptionPage:
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
        may_note=detail.why_not_note is None,
        may_hand_back=detail.why_not_hand_back is None,
        may_assign=bool(detail.assignable),
        may_read_again=detail.why_not_read_again is None,
        may_follow=[one for one in detail.follow_up_choices if one.why_not is None],
        follow_up_open=next((one.run for one in detail.follow_ups if one.state in RUN.active), ""),
        support_address=_support_address(detail) if actor.may(Capability.SUPPORT_REQUEST) else "",
        refusal=None if handling is Handling.RESOLVED else refusal,
    )


def _support_address(detail: ExceptionDetail) -> str:
    """The run's own form, filled with what the packet says."""
    return f"{form_address(submission.at_run(detail.summary.run))}&exception={detail.summary.ref}"


def is_mine(detail: ExceptionDetail, actor: Actor) -> bool:
    """Whether taking it over again would only repeat what the actor has done: a second click, a reload."""
    return detail.summary.handling is Handling.TAKEN and detail.summary.taken_by == actor.name


def is_resolved_so(detail: ExceptionDetail, actor: Actor, note: str) -> bool:
    """Whether the actor has resolved it with this very note already."""
    return detail.resolved_by == actor.name and detail.note == clean_text(note, limit=NOTE_LIMIT, multiline=True)


def is_handed_back_so(detail: ExceptionDetail, actor: Actor, note: str) -> bool:
    """Whether the actor has handed it back with this very note already, and nobody has taken it since."""
    if detail.summary.handling is not Handling.OPEN or not detail.notes:
        return False
    newest = next((one for one in reversed(detail.notes) if one.kind is NoteKind.HANDED_BACK), None)
    typed = clean_text(note, limit=NOTE_LIMIT, multiline=True)
    return newest is not None and (newest.by, newest.text) == (actor.name, typed)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present_list(request.actor, request.GET)
    status = Invalid.status if shown.faults else HTTPStatus.OK
    return render(request, "runs/exceptions.html", {"section": "exceptions", "exceptions": shown}, status=status)


@require_safe
@in_one_moment
def show(request: PageRequest, exception: str) -> HttpResponse:
    shown = present(request.actor, runbooks.get_exception(request.actor, exception))
    request.opened = ("exception", shown.detail.summary.ref)
    return render(request, "runs/exception.html", {"section": "exceptions", "packet": shown})


@require_POST
def take_together(request: PageRequest) -> HttpResponse:
    refs = request.POST.getlist("ref")
    return _ended(request, lambda: together.take_together(refs=refs, by=request.actor), "taken over")


@require_POST
def resolve_together(request: PageRequest) -> HttpResponse:
    given = {name: request.POST.get(name, "") for name in ("outcome", "note", "waiting")}
    refs = request.POST.getlist("ref")
    return _ended(request, lambda: together.resolve_together(refs=refs, by=request.actor, **given), "resolved")


def _ended(request: PageRequest, act: Callable[[], list[Together]], done: str) -> HttpResponse:
    """The list as it was filtered, with what came of each, or with why nothing could be tried."""
    try:
        ended = act()
    except Invalid as error:
        messages.error(request, f"{error.message} {error.faults[0].message.capitalize()}.")
        ended = []
    count = sum(not one.code for one in ended)
    if count:
        messages.success(request, f"{count} exception packet{'s were' if count > 1 else ' was'} {done}.")
    for one in ended:
        if one.code:
            messages.error(request, f"{one.ref} was not {done}: {one.message}")
    given = {name: request.POST[name] for name in FILTERS if request.POST.get(name)}
    return redirect(reverse("exceptions") + paging.query(**given))


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
def add_note(request: PageRequest, exception: str) -> HttpResponse:
    note = request.POST.get("note", "")
    return _done(
        request,
        exception,
        form="interim",
        act=lambda: handover.add_note(ref=exception, note=note, by=request.actor),
        message=f"Your note was added to {exception}.",
    )


@require_POST
def hand_back(request: PageRequest, exception: str) -> HttpResponse:
    note = request.POST.get("note", "")

    def act() -> None:
        try:
            handover.hand_back(ref=exception, note=note, by=request.actor)
        except Conflict:
            if not is_handed_back_so(runbooks.get_exception(request.actor, exception), request.actor, note):
                raise

    message = f"{exception} was handed back, with your note. Somebody else can take it over now."
    return _done(request, exception, form="back", act=act, message=message)


@require_POST
def assign(request: PageRequest, exception: str) -> HttpResponse:
    to, instead_of = request.POST.get("to", ""), request.POST.get("instead_of", "")
    return _done(
        request,
        exception,
        form="assign",
        act=lambda: handover.assign(ref=exception, to=to, instead_of=instead_of, by=request.actor),
        message=f"{exception} was assigned. Others see who has it.",
    )


def _done(request: PageRequest, exception: str, *, form: str, act: Callable[[], None], message: str) -> HttpResponse:
    """Back to the packet with what was done; with what was typed into ``form`` when that can't be."""
    try:
        act()
    except Invalid as error:
        shown = present(request.actor, runbooks.get_exception(request.actor, exception))
        context = {"section": "exceptions", "packet": shown, f"{form}_typed": request.POST.get("note", "")}
        context[f"{form}_fault"] = error.faults[0].message
        return render(request, "runs/exception.html", context, status=error.status)
    messages.success(request, message)
    return redirect("exception", exception=exception)


@require_POST
def resolve(request: PageRequest, exception: str) -> HttpResponse:
    given = {name: request.POST.get(name, "") for name in ("outcome", "note", "waiting", "found_wrong")}
    try:
        exceptions.resolve(ref=exception, by=request.actor, **given)
    except Invalid as error:
        shown = present(request.actor, runbooks.get_exception(request.actor, exception))
        context: dict[str, Any] = {"section": "exceptions", "packet": shown, "given": given}
        context[f"{error.faults[0].where}_fault"] = error.faults[0].message
        return render(request, "runs/exception.html", context, status=error.status)
    except Conflict:
        if not is_resolved_so(runbooks.get_exception(request.actor, exception), request.actor, given["note"]):
            raise
    messages.success(request, f"{exception} was resolved, with your note.")
    return redirect("exception", exception=exception)
