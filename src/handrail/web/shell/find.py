"""The one search as a page: a plain form, and what was found by kind, the exact reference first."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handrail.access.actor import NOBODY, Actor
from handrail.finding import search
from handrail.finding.search import TEXT_MAX, FoundKind, FoundThings, Hit, HitGroup
from handrail.kernel.errors import Invalid, NotFound
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# The heading of each kind.
HEADINGS = {
    FoundKind.RUN: "Runs",
    FoundKind.EXCEPTION: "Exceptions",
    FoundKind.WAVE: "Waves",
    FoundKind.PACKET: "Escalation packets",
    FoundKind.SUPPORT: "Support requests",
    FoundKind.REFUSED: "Tasks that could not become a run",
    FoundKind.TENANT: "Tenants",
}
# What one of a kind is called.
NAMES = {
    FoundKind.RUN: "Run",
    FoundKind.EXCEPTION: "Exception packet",
    FoundKind.WAVE: "Wave",
    FoundKind.PACKET: "Escalation packet",
    FoundKind.TENANT: "Tenant",
}
_ROUTES = {
    FoundKind.RUN: "run",
    FoundKind.EXCEPTION: "exception",
    FoundKind.WAVE: "wave",
    FoundKind.PACKET: "packet",
    FoundKind.TENANT: "tenant",
}


@dataclass(frozen=True, slots=True)
class HitLine:
    hit: Hit
    url: str


@dataclass(frozen=True, slots=True)
class FoundSection:
    heading: str
    group: HitGroup
    lines: list[HitLine]


@dataclass(frozen=True, slots=True)
class FindPage:
    """``found`` is None until something is looked for; then ``visited`` has what the actor opened last, each with what
    it is. ``fault``: why the text can't be looked for; empty where it can."""

    text: str
    found: FoundThings | None
    sections: list[FoundSection]
    left_out: list[str]
    fault: str
    visited: list[tuple[str, HitLine]] = field(default_factory=list)
    longest: int = TEXT_MAX

    @property
    def status(self) -> int:
        return Invalid.status if self.fault else 200


def present(actor: Actor, text: str) -> FindPage:
    if not text.strip():
        visited = [(NAMES[kind], _line(hit)) for kind, hit in search.list_visited(actor)]
        return FindPage("", None, [], [], "", visited)
    try:
        found = search.find(actor, text)
    except Invalid as error:
        return FindPage(text[:TEXT_MAX], None, [], [], error.faults[0].message)
    sections = [FoundSection(HEADINGS[group.kind], group, [_line(hit) for hit in group.hits]) for group in found.groups]
    return FindPage(found.text, found, sections, [HEADINGS[kind] for kind in found.left_out], "")


def _line(hit: Hit) -> HitLine:
    route = _ROUTES.get(hit.opens)
    return HitLine(hit, reverse(route, args=[hit.opens_ref]) if route else f"{reverse('operations')}#refused")


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    if request.actor is NOBODY:
        raise NotFound
    shown = present(request.actor, request.GET.get("q", ""))
    return render(request, "shell/find.html", {"section": "find", "find": shown}, status=shown.status)
