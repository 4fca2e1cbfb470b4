"""Brakes: what is paused, pausing and resuming."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Limit, Line
from handrail.kernel.errors import NotFound
from handrail.runbooks.actions import brakes, breakers
from handrail.runbooks.queries import brakes as queries
from handrail.runbooks.queries import breakers as queries_of_breakers
from handrail.runbooks.queries.brakes import BrakeSummary
from handrail.runbooks.queries.breakers import ConnectorPassage
from handrail.runbooks.states import BrakeKind

router = Router()
BrakeRef = Annotated[str, Path(pattern=r"^BRK-[0-9A-Z]{1,20}$", description="The brake's reference, BRK-….")]
Released = Annotated[bool, Query(description="Those that were released, instead of those that hold.")]


class Pause(Schema):
    """``target``: a tenant's key, a connector's name, or a runbook version as NAME@VERSION; nothing for everything and
    the intake."""

    model_config = ConfigDict(extra="forbid")
    kind: BrakeKind
    target: Annotated[str, Field(max_length=128)] = ""
    reason: Line


class Resumption(Schema):
    model_config = ConfigDict(extra="forbid")
    reason: Line


class Resumed(Schema):
    """``runs``: how many runs waited for it, and go on now."""

    runs: int


class Closing(Schema):
    """``target``: the connector's name."""

    model_config = ConfigDict(extra="forbid")
    target: Annotated[str, Field(max_length=128)]
    reason: Line


@router.get("/breakers", response={200: list[ConnectorPassage], **REFUSALS}, operation_id="list_breakers")
def list_breakers(request: HttpRequest) -> list[ConnectorPassage]:
    """The connectors that have limits or a circuit breaker: how they stand, and how many runs in your scope wait."""
    return queries_of_breakers.list_breakers(actor_of(request))


@router.post("/breakers/close", response={200: Resumed, **REFUSALS}, operation_id="close_breaker")
def close_breaker(request: HttpRequest, body: Closing) -> Resumed:
    """Close a connector's circuit breaker by hand. The runs that waited for it go on."""
    return Resumed(runs=breakers.close(target=body.target, reason=body.reason, by=actor_of(request)))


@router.get("/brakes", response={200: list[BrakeSummary], **REFUSALS}, operation_id="list_brakes")
def list_brakes(request: HttpRequest, released: Released = False, limit: Limit = 50) -> list[BrakeSummary]:
    """What is paused in your scope, newest first."""
    return queries.list_brakes(actor_of(request), released=released, limit=limit)


@router.post("/brakes", response={201: BrakeSummary, **REFUSALS}, operation_id="pause")
def pause(request: HttpRequest, body: Pause) -> Status[BrakeSummary]:
    """Pause a runbook version, a connector, a tenant, the intake, or everything."""
    who = actor_of(request)
    ref = brakes.pause(kind=body.kind, target=body.target, reason=body.reason, by=who)
    made = queries.get_brake(who, ref)
    if made is None:
        raise NotFound
    return Status(201, made)


@router.post("/brakes/{ref}/resume", response={200: Resumed, **REFUSALS}, operation_id="resume")
def resume(request: HttpRequest, ref: BrakeRef, body: Resumption) -> Resumed:
    """Release a brake. The runs that waited for it go on."""
    return Resumed(runs=brakes.resume(ref=ref, reason=body.reason, by=actor_of(request)))
