"""Waves: the runs of one event, carried by canary and width; starting, pausing, resuming and abandoning them."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field, JsonValue

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Limit, Line
from handrail.runbooks.actions import waves, wavestart
from handrail.runbooks.actions.wavestart import KEY, MOST_TENANTS, NewWave, StricterRules
from handrail.runbooks.queries import waves as queries
from handrail.runbooks.queries.waves import WaveDetail, WaveSummary
from handrail.runbooks.states import WaveState

router = Router()
WaveRef = Annotated[str, Path(pattern=r"^WAV-[0-9A-Z]{1,20}$", description="The wave's reference, WAV-….")]
State = Annotated[str, Query(max_length=128, pattern=r"^[^\x00]*$", description=f"One of: {', '.join(WaveState)}.")]
AfterWave = Annotated[
    str, Query(pattern=r"^(WAV-[0-9A-Z]{1,20})?$", description="The next page: the last wave of the page before.")
]
Whole = Annotated[int, Field(ge=1, le=10_000)]


class WaveBody(Schema):
    """A run of ``runbook`` for each of ``tenants``. ``template``: the task of each, in whose texts ``{tenant}`` stands
    for the tenant's key; the field that names the tenant can be left out. ``key``: the task's key, in which ``{wave}``
    stands for the wave's reference; outcomes are reported under keys of your own. The numbers can only be stricter than
    the runbook's."""

    model_config = ConfigDict(extra="forbid")
    runbook: Annotated[str, Field(min_length=1, max_length=64)]
    event: Annotated[str, Field(min_length=1, max_length=200)]
    tenants: Annotated[list[Annotated[str, Field(max_length=128)]], Field(min_length=1, max_length=MOST_TENANTS)]
    template: dict[str, JsonValue]
    reason: Line
    key: Annotated[str, Field(min_length=1, max_length=128)] = KEY
    canary: Whole | None = None
    width: Whole | None = None
    a_minute: Whole | None = None
    same_reason: Whole | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    def wanted(self) -> NewWave:
        rules = StricterRules(self.canary, self.width, self.a_minute, self.same_reason, self.share)
        return NewWave(self.runbook, self.event, self.tenants, self.template, self.reason, self.key, rules)


class Steering(Schema):
    model_config = ConfigDict(extra="forbid")
    reason: Line


class SteeredWave(Schema):
    """How the wave stands now."""

    ref: str
    state: WaveState


@router.get("/waves", response={200: list[WaveSummary], **REFUSALS}, operation_id="list_waves")
def list_waves(request: HttpRequest, state: State = "", after: AfterWave = "", limit: Limit = 50) -> list[WaveSummary]:
    """The waves with a member in your scope, newest first. Numbers count tasks of your scope."""
    return queries.list_waves(actor_of(request), state=state, after=after, limit=limit)


@router.post("/waves", response={201: SteeredWave, **REFUSALS}, operation_id="start_wave")
def start_wave(request: HttpRequest, body: WaveBody) -> Status[SteeredWave]:
    """Start a wave from a list of tenants: all of its runs are written, or none."""
    return Status(201, _now(request, wavestart.start(wanted=body.wanted(), by=actor_of(request))))


@router.get("/waves/{ref}", response={200: WaveDetail, **REFUSALS}, operation_id="get_wave")
def get_wave(request: HttpRequest, ref: WaveRef) -> WaveDetail:
    """One wave: how far it is, why members stopped, the first exceptions, and why it stopped itself."""
    return queries.get_wave(actor_of(request), ref)


@router.post("/waves/{ref}/pause", response={200: SteeredWave, **REFUSALS}, operation_id="pause_wave")
def pause_wave(request: HttpRequest, ref: WaveRef, body: Steering) -> SteeredWave:
    """No further member begins. What is under way goes on to its end."""
    waves.pause(ref=ref, reason=body.reason, by=actor_of(request))
    return _now(request, ref)


@router.post("/waves/{ref}/resume", response={200: SteeredWave, **REFUSALS}, operation_id="resume_wave")
def resume_wave(request: HttpRequest, ref: WaveRef, body: Steering) -> SteeredWave:
    """Let a wave go on. One that stopped itself begins with a canary, and takes up what it gave back."""
    waves.resume(ref=ref, reason=body.reason, by=actor_of(request))
    return _now(request, ref)


@router.post("/waves/{ref}/abandon", response={200: SteeredWave, **REFUSALS}, operation_id="abandon_wave")
def abandon_wave(request: HttpRequest, ref: WaveRef, body: Steering) -> SteeredWave:
    """End a wave for good: what was not begun goes back to the task system as not attempted."""
    waves.abandon(ref=ref, reason=body.reason, by=actor_of(request))
    return _now(request, ref)


def _now(request: HttpRequest, ref: str) -> SteeredWave:
    return SteeredWave(ref=ref, state=queries.get_state(actor_of(request), ref))
