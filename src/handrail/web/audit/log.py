"""The audit log: who did what, with filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access import trail
from handrail.access.actor import Actor
from handrail.access.queries import TenantSummary
from handrail.access.trail import TrailEntry
from handrail.audit.events import EventName, EventOutcome
from handrail.audit.queries import PAGE, EventFilter
from handrail.web.shell import paging, words
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# Where the subject of an event can be seen, by kind of subject.
_ROUTES = {"run": "run", "exception": "exception", "tenant": "tenant", "packet": "packet"}
_NUMBER_DIGITS = 18


@dataclass(frozen=True, slots=True)
class LogLine:
    entry: TrailEntry
    url: str | None
    context: str

    @property
    def by_person(self) -> bool:
        return self.entry.row.actor_kind == "person"


@dataclass(frozen=True, slots=True)
class AuditPage:
    """``first`` and ``last`` are days, both included, in UTC; ``tenants`` are those to choose from."""

    wanted: EventFilter
    tenant: str
    first: date | None
    last: date | None
    tenants: list[TenantSummary]
    entries: list[LogLine]
    events: list[str]
    outcomes: list[str]
    older_url: str | None

    @property
    def filtered(self) -> bool:
        return self.wanted != EventFilter() or bool(self.tenant)


def present(actor: Actor, asked: Mapping[str, str]) -> AuditPage:
    """Raises Denied. A text that is not a date filters nothing; a tenant outside the actor's scope finds nothing."""
    tenant, first, last = asked.get("tenant", ""), paging.day(asked.get("from", "")), paging.day(asked.get("to", ""))
    wanted = _filter(asked, first, last)
    entries = trail.list_events(actor, wanted, tenant=tenant)
    older = {**asked, "before": str(entries[-1].row.id)} if len(entries) == PAGE else None
    return AuditPage(
        wanted=wanted,
        tenant=tenant,
        first=first,
        last=last,
        tenants=access.list_tenants(actor),
        entries=[_entry(entry) for entry in entries],
        events=[event.value for event in EventName],
        outcomes=[outcome.value for outcome in EventOutcome],
        older_url=_url(older) if older else None,
    )


def _entry(entry: TrailEntry) -> LogLine:
    route = _ROUTES.get(entry.row.subject_kind)
    url = reverse(route, args=[entry.row.subject]) if route and "/" not in entry.row.subject else None
    context = " · ".join(f"{key} {words.value_text(value)}" for key, value in sorted(entry.row.context.items()))
    return LogLine(entry, url, context)


def _filter(asked: Mapping[str, str], first: date | None, last: date | None) -> EventFilter:
    before = asked.get("before", "")
    return EventFilter(
        event=asked.get("event", ""),
        actor=asked.get("actor", "").strip(),
        subject=asked.get("subject", "").strip(),
        outcome=asked.get("outcome", ""),
        since=datetime.combine(first, time.min, UTC) if first else None,
        until=datetime.combine(last + timedelta(days=1), time.min, UTC) if last else None,
        before=int(before) if before.isascii() and before.isdigit() and len(before) <= _NUMBER_DIGITS else None,
    )


def _url(asked: Mapping[str, str]) -> str:
    names = ("event", "actor", "subject", "outcome", "tenant", "from", "to", "before")
    return "?" + urlencode({name: value for name in names if (value := asked.get(name, ""))})


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    return render(request, "audit/log.html", {"section": "audit", "audit": shown})
