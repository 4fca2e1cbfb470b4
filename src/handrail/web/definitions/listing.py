"""The list of definitions with its filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.definitions import queries
from handrail.definitions.queries import DefinitionFilter, DefinitionSummary
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.errors import Fault, Invalid
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class DefinitionList:
    """``waiting``: only what waits for the actor's decision, whatever the other filters. ``faults``: filters that name
    nothing there is; then nothing is listed."""

    rows: list[DefinitionSummary]
    kind: str
    state: str
    kinds: list[DefinitionKind]
    states: list[DefinitionState]
    may_propose: bool
    waiting: bool
    faults: tuple[Fault, ...] = ()

    @property
    def filtered(self) -> bool:
        return bool(self.kind or self.state or self.waiting)


def present(actor: Actor, asked: Mapping[str, str]) -> DefinitionList:
    """Raises Denied."""
    kind, state, waiting = asked.get("kind", ""), asked.get("state", ""), asked.get("waiting", "")
    faults = paging.unknown(asked, kind=DefinitionKind, state=DefinitionState, waiting=("decision",))
    wanted = DefinitionFilter(kind=kind, state=state)
    rows = queries.list_to_decide(actor) if waiting else queries.list_definitions(actor, wanted)
    may_propose = actor.may_everywhere(Capability.DEFINITION_PROPOSE)
    kinds, states = list(DefinitionKind), list(DefinitionState)
    return DefinitionList([] if faults else rows, kind, state, kinds, states, may_propose, bool(waiting), faults)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    context, status = {"section": "definitions", "definitions": shown}, Invalid.status if shown.faults else 200
    return render(request, "definitions/definitions.html", context, status=status)
