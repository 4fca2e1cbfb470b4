"""Waves: how far they are, why they stopped; starting one from a list, pausing, resuming, abandoning."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from handrail.access.capabilities import Capability
from handrail.access.refusals import REASON_LIMIT, Refusal
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound
from handrail.runbooks.actions import waves, wavestart
from handrail.runbooks.actions.wavestart import KEY, NewWave, StricterRules
from handrail.runbooks.queries import runs
from handrail.runbooks.queries import waves as queries
from handrail.runbooks.queries.runs import RunSummary
from handrail.runbooks.queries.waves import StartableRunbook, WaveDetail, WaveSummary
from handrail.runbooks.states import WaveState
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

SHOWN_MEMBERS = 50
_NUMBERS = ("canary", "width", "a_minute", "same_reason")


@dataclass(frozen=True, slots=True)
class WavesPage:
    """``wanted``: the state that is shown; ``refusal``: why nothing is."""

    waves: list[WaveSummary]
    states: tuple[str, ...]
    wanted: str
    older_url: str
    why_not_start: Refusal | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class WavePage:
    """``under_way``: the members that are, as far as the page shows them. ``mark`` tells what it shows from what is
    later. ``steering``: what was ordered and refused, and why; ``reason``: what was typed."""

    detail: WaveDetail
    under_way: list[RunSummary]
    mark: str
    steering: str = ""
    reason: str = ""
    refusal: str = ""
    reason_limit: int = REASON_LIMIT

    @property
    def moving(self) -> bool:
        return self.detail.summary.state is WaveState.RUNNING or self.detail.summary.counts.under_way > 0


@dataclass(frozen=True, slots=True)
class WaveForm:
    """The form as it was typed. ``faults``: what is wrong, by control; ``refusal``: with all of it."""

    runbooks: list[StartableRunbook]
    typed: Mapping[str, str]
    refusal: str = ""
    faults: Sequence[Fault] = field(default_factory=tuple)
    reason_limit: int = REASON_LIMIT


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    wanted, after = request.GET.get("state", ""), request.GET.get("after", "")
    why_not, refusal, found = queries.why_not_start(request.actor), "", []
    try:
        found = queries.list_waves(request.actor, state=wanted, after=after)
    except Invalid as error:
        refusal = " ".join(
            [error.message, *(f"{fault.where.capitalize()}: {fault.message}." for fault in error.faults)]
        )
    last = found[-1].ref if len(found) == queries.PAGE else ""
    shown = WavesPage(
        waves=found,
        states=tuple(WaveState),
        wanted=wanted,
        older_url=paging.query(state=wanted, after=last) if last else "",
        why_not_start=why_not,
        refusal=refusal,
    )
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK
    return render(request, "runs/waves.html", {"section": "waves", "page": shown}, status=status)


@require_safe
@in_one_moment
def show(request: PageRequest, wave: str) -> HttpResponse:
    request.opened = ("wave", wave)
    return _shown(request, wave)


@require_safe
@in_one_moment
def live(request: PageRequest, wave: str) -> HttpResponse:
    """The moving part of the page. Answers 204 while nothing of it has changed."""
    shown = _page_of(request, wave)
    if request.GET.get("seen") == shown.mark:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "runs/parts/wave_live.html", {"wave": shown, "fragment": True})


@require_POST
def pause(request: PageRequest, wave: str) -> HttpResponse:
    return _steered(request, wave, "pause", waves.pause, f"{wave} is paused. What is under way goes on to its end.")


@require_POST
def resume(request: PageRequest, wave: str) -> HttpResponse:
    return _steered(request, wave, "resume", waves.resume, f"{wave} goes on.")


@require_POST
def abandon(request: PageRequest, wave: str) -> HttpResponse:
    said = f"{wave} is abandoned. What was not begun goes back as not attempted."
    return _steered(request, wave, "abandon", waves.abandon, said)


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: PageRequest) -> HttpResponse:
    request.actor.require(Capability.WAVE_START)  # before what was sent is looked at
    if request.method != "POST":
        typed = {"key": KEY, "task": "{}", "runbook": request.GET.get("runbook", "")}
        return _form(request, WaveForm(queries.list_startable(request.actor), typed))
    typed = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    try:
        ref = wavestart.start(wanted=_wanted(typed), by=request.actor)
    except (Invalid, Conflict, NotFound) as error:
        startable = queries.list_startable(request.actor)
        return _form(request, WaveForm(startable, typed, error.message, error.faults), status=error.status)
    messages.success(request, f"{ref} has begun, with its canary.")
    return redirect("wave", wave=ref)


def _form(request: PageRequest, shown: WaveForm, *, status: int = 200) -> HttpResponse:
    return render(request, "runs/wave_start.html", {"section": "waves", "start": shown}, status=status)


def _wanted(typed: Mapping[str, str]) -> NewWave:
    faults: list[Fault] = []
    try:
        template = json.loads(typed.get("task", ""))
    except (ValueError, RecursionError):
        template = None
    if not isinstance(template, dict):
        faults.append(Fault("task", 'expected a JSON object, such as {"role": "viewer"}'))
    numbers: dict[str, int] = {}
    for name in _NUMBERS:
        text = typed.get(name, "").strip()
        if text and not (text.isascii() and text.isdecimal() and len(text) < 9):  # noqa: PLR2004 - of a number there
            faults.append(Fault(name, "expected a whole number"))
        elif text:
            numbers[name] = int(text)
    if faults:
        raise Invalid("The wave was not started.", faults=faults)
    return NewWave(
        runbook=typed.get("runbook", ""),
        event=typed.get("event", ""),
        tenants=[line.strip() for line in typed.get("tenants", "").splitlines() if line.strip()],
        template=template,
        reason=typed.get("reason", ""),
        key=typed.get("key", "").strip() or KEY,
        rules=StricterRules(**numbers),
    )


def _steered(request: PageRequest, wave: str, verb: str, act: Callable[..., None], said: str) -> HttpResponse:
    reason = request.POST.get("reason", "")
    try:
        act(ref=wave, reason=reason, by=request.actor)
    except (Invalid, Conflict) as error:
        why = error.faults[0].message.capitalize() if error.faults else error.message
        return _shown(request, wave, steering=verb, reason=reason, refusal=why, status=error.status)
    messages.success(request, said)
    return redirect("wave", wave=wave)


def _page_of(request: PageRequest, wave: str, **more: str) -> WavePage:
    detail = queries.get_wave(request.actor, wave)
    under_way = runs.list_under_way(request.actor, wave, limit=SHOWN_MEMBERS)
    one, counts = detail.summary, detail.summary.counts
    mark = "-".join(map(str, (one.state, one.round, counts.ended, counts.exceptions, counts.remaining, one.stops)))
    return WavePage(detail, under_way, mark, **more)  # type: ignore[arg-type]


def _shown(request: PageRequest, wave: str, *, status: int = 200, **more: str) -> HttpResponse:
    shown = _page_of(request, wave, **more)
    return render(request, "runs/wave.html", {"section": "waves", "wave": shown}, status=status)
