"""Which runs are moving, done or stopped: the list with its filters, counts and the link to older ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.queries import TenantSummary
from handrail.kernel.clock import now
from handrail.runbooks.queries import refusals as refusal_queries
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries.refusals import RefusedTask
from handrail.runbooks.queries.runs import PAGE, RunFilter, RunSummary
from handrail.runbooks.states import RunState
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# Refused tasks are shown while somebody may still fix them: so many, and from so many days.
REFUSED = 10
REFUSED_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class StateCount:
    state: RunState
    count: int
    url: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Operations:
    wanted: RunFilter
    runs: list[RunSummary]
    counts: list[StateCount]
    tenants: list[TenantSummary]
    runbooks: list[str]
    states: list[RunState]
    all_url: str
    live_url: str
    older_url: str | None
    refused: list[RefusedTask]

    @property
    def total(self) -> int:
        return sum(c.count for c in self.counts)

    @property
    def filtered(self) -> bool:
        return bool(self.wanted.tenant or self.wanted.runbook or self.wanted.state or self.wanted.before)

    @property
    def first_page(self) -> bool:
        return self.wanted.before is None


def present(actor: Actor, asked: Mapping[str, str]) -> Operations:
    """Raises Denied. A filter value that names nothing known finds nothing."""
    wanted = _filter(asked)
    runs = runbooks.list_runs(actor, wanted)
    counts = runbooks.count_states(actor, tenant=wanted.tenant, runbook=wanted.runbook)
    return Operations(
        wanted=wanted,
        runs=runs,
        counts=[StateCount(s, n, _url(wanted, state=s), s == wanted.state) for s, n in counts.items()],
        tenants=access.list_tenants(actor),
        runbooks=runbooks.list_runbook_names(actor),
        states=list(RunState),
        all_url=_url(wanted, state=""),
        live_url=_url(wanted),
        older_url=_url(wanted, before=runs[-1].created_at.isoformat()) if len(runs) == PAGE else None,
        refused=[]
        if wanted != RunFilter()
        else refusal_queries.list_refusals(actor, since=now() - REFUSED_FOR, limit=REFUSED),
    )


def _filter(asked: Mapping[str, str]) -> RunFilter:
    state = asked.get("state", "")
    return RunFilter(
        tenant=asked.get("tenant", ""),
        runbook=asked.get("runbook", ""),
        state=state if state in set(RunState) else "",
        before=paging.instant(asked.get("before", "")),
    )


def _url(wanted: RunFilter, **changed: str) -> str:
    kept = {"tenant": wanted.tenant, "runbook": wanted.runbook, "state": wanted.state} | changed
    return paging.query(**kept)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    template = "runs/parts/operations_live.html" if request.htmx else "runs/operations.html"
    return render(request, template, {"section": "operations", "operations": shown})
