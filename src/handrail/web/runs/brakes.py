"""What is paused: since when, who paused it and why, and how many runs wait; pausing and resuming."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.access.refusals import REASON_LIMIT, Refusal
from handrail.connectors import registry
from handrail.definitions import queries as definitions
from handrail.definitions.queries import DefinitionFilter
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound
from handrail.runbooks.actions import brakes, breakers
from handrail.runbooks.queries import brakes as queries
from handrail.runbooks.queries import breakers as queries_of_breakers
from handrail.runbooks.queries.brakes import BrakeSummary
from handrail.runbooks.queries.breakers import ConnectorPassage
from handrail.runbooks.states import BrakeKind
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

RELEASED = 10
_STATES = (DefinitionState.ACTIVE, DefinitionState.DEPRECATED)


@dataclass(frozen=True, slots=True)
class BrakesPage:
    """``targets``: what can be paused, as the form sends it, with how it reads. ``refusal``: why what was sent was not
    done, and ``resuming`` the brake or connector that it was about, if any."""

    applied: list[BrakeSummary]
    released: list[BrakeSummary]
    connectors: list[ConnectorPassage]
    targets: list[tuple[str, str]]
    why_not_pause: Refusal | None
    chosen: str = ""
    reason: str = ""
    refusal: str = ""
    resuming: str = ""
    reason_limit: int = REASON_LIMIT

    @property
    def waiting(self) -> int:
        return sum(brake.waiting for brake in self.applied)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    return _shown(request)


@require_POST
def pause(request: PageRequest) -> HttpResponse:
    request.actor.require(Capability.RUN_PAUSE)  # before what was sent is looked at
    chosen, reason = request.POST.get("what", ""), request.POST.get("reason", "")
    try:
        kind, target = _chosen(chosen)
        brakes.pause(kind=kind, target=target, reason=reason, by=request.actor)
    except (Invalid, Conflict, NotFound) as error:
        return _shown(request, chosen=chosen, reason=reason, refusal=_sentence(error), status=error.status)
    messages.success(request, "Paused. Runs that it concerns wait before their next call.")
    return redirect("brakes")


@require_POST
def resume(request: PageRequest, brake: str) -> HttpResponse:
    try:
        woken = brakes.resume(ref=brake, reason=request.POST.get("reason", ""), by=request.actor)
    except (Invalid, Conflict) as error:
        return _shown(request, refusal=_sentence(error), resuming=brake, status=error.status)
    messages.success(request, f"Resumed. {woken} {'run goes' if woken == 1 else 'runs go'} on.")
    return redirect("brakes")


@require_POST
def close(request: PageRequest) -> HttpResponse:
    target = request.POST.get("target", "")
    try:
        woken = breakers.close(target=target, reason=request.POST.get("reason", ""), by=request.actor)
    except (Invalid, Conflict) as error:
        return _shown(request, refusal=_sentence(error), resuming=target, status=error.status)
    messages.success(request, f"Closed. {woken} {'run goes' if woken == 1 else 'runs go'} on.")
    return redirect("brakes")


def _chosen(what: str) -> tuple[BrakeKind, str]:
    kind, _, target = what.partition(":")
    try:
        return BrakeKind(kind), target
    except ValueError:
        raise Invalid("Choose what to pause.", faults=[Fault("what", "choose one")]) from None


def _sentence(error: Invalid | Conflict | NotFound) -> str:
    return " ".join([error.message, *(f"{fault.where.capitalize()}: {fault.message}." for fault in error.faults)])


def _targets(actor: Actor) -> list[tuple[str, str]]:
    """What the actor may pause."""
    tenants: list[TenantSummary] = access.list_tenants(actor)
    found = [(f"tenant:{t.key}", f"Tenant {t.name}") for t in tenants]
    if queries.why_not_pause(actor, BrakeKind.EVERYTHING) is not None:
        return found
    runbooks = definitions.list_definitions(actor, DefinitionFilter(kind=DefinitionKind.RUNBOOK))
    return [
        ("everything", "Everything"),
        ("intake", "The intake: no new run begins"),
        *((f"connector:{name}", f"Connector {name}") for name in registry.names()),
        *((f"runbook:{d.name}@{d.version}", f"Runbook {d.name} v{d.version}") for d in runbooks if d.state in _STATES),
        *found,
    ]


def _shown(
    request: PageRequest,
    *,
    chosen: str = "",
    reason: str = "",
    refusal: str = "",
    resuming: str = "",
    status: int = 200,
) -> HttpResponse:
    actor = request.actor
    why_not = queries.why_not_pause(actor, BrakeKind.TENANT)
    found = BrakesPage(
        applied=queries.list_brakes(actor),
        released=queries.list_brakes(actor, released=True, limit=RELEASED),
        connectors=queries_of_breakers.list_breakers(actor),
        targets=_targets(actor) if why_not is None else [],
        why_not_pause=why_not,
        chosen=chosen,
        reason=reason,
        refusal=refusal,
        resuming=resuming,
    )
    return render(request, "runs/brakes.html", {"section": "brakes", "brakes": found}, status=status)
