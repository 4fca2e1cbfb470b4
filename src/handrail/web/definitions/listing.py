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
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class DefinitionList:
    """``waiting``: only what waits for the actor's decision, whatever the other filters."""

    rows: list[DefinitionSummary]
    kind: str
    state: str
    kinds: list[DefinitionKind]
    states: list[DefinitionState]
    may_propose: bool
    waiting: bool

    @property
    def filtered(self) -> bool:
        return bool(self.kind or self.state or self.waiting)


def present(actor: Actor, asked: Mapping[str, str]) -> DefinitionList:
    """Raises Denied."""
    kind, state = asked.get("kind", ""), asked.get("state", "")
    kind = kind if kind in set(DefinitionKind) else ""
    state = state if state in set(DefinitionState) else ""
    waiting = asked.get("waiting") == "decision"
    wanted = DefinitionFilter(kind=kind, state=state)
    rows = queries.list_to_decide(actor) if waiting else queries.list_definitions(actor, wanted)
    may_propose = actor.may_everywhere(Capability.DEFINITION_PROPOSE)
    return DefinitionList(rows, kind, state, list(DefinitionKind), list(DefinitionState), may_propose, waiting)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    return render(request, "definitions/definitions.html", {"section": "definitions", "definitions": shown})
