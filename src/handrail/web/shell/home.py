"""The home page: what waits for one person, as far as their roles let them see it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.definitions import queries as definitions
from handrail.definitions.queries import DefinitionFilter, DefinitionSummary
from handrail.definitions.states import DefinitionState
from handrail.packets import inbox
from handrail.packets.inbox import OwnedHold, ToSign
from handrail.runbooks.queries import exceptions as exception_queries
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries.exceptions import ExceptionFilter, ExceptionSummary
from handrail.runbooks.queries.runs import RunFilter, RunSummary
from handrail.runbooks.states import RUN, Handling, RunState
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

SHOWN = 8
OPEN = ExceptionFilter(handling=Handling.OPEN, limit=SHOWN)


@dataclass(frozen=True, slots=True)
class Home:
    """None where the actor's roles don't let them see that kind at all."""

    stopped: list[ExceptionSummary] | None
    stopped_count: int
    mine: list[ExceptionSummary]
    mine_count: int
    proposals: list[DefinitionSummary]
    to_sign: list[ToSign]
    holds: list[OwnedHold]
    runs: list[RunSummary] | None
    counts: dict[RunState, int]
    tenants: list[TenantSummary]

    @property
    def moving(self) -> int:
        return sum(n for state, n in self.counts.items() if state in RUN.active)


def present(actor: Actor) -> Home:
    sees_runs = actor.may(Capability.RUN_VIEW)
    sees_exceptions = actor.may(Capability.EXCEPTION_VIEW)
    resolves = sees_exceptions and actor.may(Capability.EXCEPTION_RESOLVE)
    mine = ExceptionFilter(handling=Handling.TAKEN, owner=actor.name, limit=SHOWN)
    return Home(
        stopped=exception_queries.list_exceptions(actor, OPEN) if sees_exceptions else None,
        stopped_count=exception_queries.count_exceptions(actor, OPEN) if sees_exceptions else 0,
        mine=exception_queries.list_exceptions(actor, mine) if resolves else [],
        mine_count=exception_queries.count_exceptions(actor, mine) if resolves else 0,
        proposals=_proposals(actor),
        to_sign=inbox.list_to_sign(actor, limit=SHOWN),
        holds=inbox.list_owned_holds(actor, limit=SHOWN),
        runs=runbooks.list_runs(actor, RunFilter(limit=SHOWN)) if sees_runs else None,
        counts=runbooks.count_states(actor) if sees_runs else {},
        tenants=access.list_tenants(actor) if actor.may(Capability.TENANT_VIEW) else [],
    )


def _proposals(actor: Actor) -> list[DefinitionSummary]:
    """Those that the actor may decide on: never their own."""
    if not actor.may_everywhere(Capability.DEFINITION_DECIDE):
        return []
    proposed = definitions.list_definitions(actor, DefinitionFilter(state=DefinitionState.PROPOSED))
    return [row for row in proposed if row.proposed_by != actor.name]


@require_safe
def root(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's view
    return redirect("home")


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    if request.actor is NOBODY:
        return render(request, "shell/home_nobody.html")
    return render(request, "shell/home.html", {"section": "home", "home": present(request.actor)})
