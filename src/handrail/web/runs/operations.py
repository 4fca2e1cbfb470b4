"""Which runs are moving, done or stopped: the list with its filters, counts and the link to older ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid
from handrail.runbooks.queries import refusals as refusal_queries
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries import task_systems
from handrail.runbooks.queries.refusals import RefusedTask
from handrail.runbooks.queries.runs import PAGE, RunFilter, RunSummary
from handrail.runbooks.queries.situations import Situation
from handrail.runbooks.queries.task_systems import LastPull
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
    """``first`` and ``last`` are days, both included, in UTC. ``faults``: why nothing was listed, each with its field
    in words; empty where all filters name something."""

    wanted: RunFilter
    first: date | None
    last: date | None
    faults: list[Fault]
    runs: list[RunSummary]
    counts: list[StateCount]
    tenants: list[TenantSummary]
    runbooks: list[str]
    states: list[RunState]
    situations: list[Situation]
    all_url: str
    live_url: str
    older_url: str | None
    refused: list[RefusedTask]
    may_start: bool
    stopped_pull: LastPull | None

    @property
    def total(self) -> int:
        return sum(c.count for c in self.counts)

    @property
    def filtered(self) -> bool:
        return self.wanted != RunFilter() or bool(self.faults)

    @property
    def first_page(self) -> bool:
        return self.wanted.before is None and not self.wanted.after and not self.faults

    @property
    def status(self) -> int:
        return Invalid.status if self.faults else 200


def present(actor: Actor, asked: Mapping[str, str]) -> Operations:
    """Raises Denied. Where a filter names nothing that there is, nothing is listed, and ``faults`` say why."""
    first, last = paging.day(asked.get("from", "")), paging.day(asked.get("to", ""))
    wanted = _filter(asked, first, last)
    faults = [
        _named(Fault(name, _NO_TIME)) for name in ("from", "to", "before") if asked.get(name) and not _time(asked, name)
    ]
    runs: list[RunSummary] = []
    counts: dict[RunState, int] = {}
    if not faults:
        try:
            runs, counts = runbooks.list_runs(actor, wanted), runbooks.count_states(actor, wanted)
        except Invalid as error:
            faults = [_named(fault) for fault in error.faults]
    more = len(runs) == PAGE
    return Operations(
        wanted=wanted,
        first=first,
        last=last,
        faults=faults,
        runs=runs,
        counts=[StateCount(s, n, _url(asked, state=s), s == wanted.state) for s, n in counts.items()],
        tenants=access.list_tenants(actor),
        runbooks=runbooks.list_runbook_names(actor),
        states=list(RunState),
        situations=list(Situation),
        all_url=_url(asked, state=""),
        live_url=_url(asked),
        older_url=_url(asked, after=runs[-1].ref) if more else None,
        refused=[]
        if wanted != RunFilter() or faults
        else refusal_queries.list_refusals(actor, since=now() - REFUSED_FOR, limit=REFUSED),
        may_start=actor.may(Capability.RUN_PREVIEW),
        stopped_pull=task_systems.stopped_pull(actor),
    )


# The fields of the form by the names of their filters, as the form labels them.
_LABELS = {
    "tenant": "Tenant",
    "runbook": "Runbook",
    "state": "State",
    "situation": "Situation",
    "from": "From day",
    "to": "To day",
    "until": "To day",
    "before": "Before",
    "after": "Older runs",
}
_NO_TIME = "this is not a date"


def _named(fault: Fault) -> Fault:
    return Fault(_LABELS.get(fault.where, fault.where), fault.message)


def _time(asked: Mapping[str, str], name: str) -> object:
    return paging.instant(asked[name]) if name == "before" else paging.day(asked[name])


def _filter(asked: Mapping[str, str], first: date | None, last: date | None) -> RunFilter:
    return RunFilter(
        tenant=asked.get("tenant", ""),
        runbook=asked.get("runbook", ""),
        state=asked.get("state", ""),
        situation=asked.get("situation", ""),
        task=asked.get("task", "").strip(),
        since=datetime.combine(first, time.min, UTC) if first else None,
        until=datetime.combine(last + timedelta(days=1), time.min, UTC) if last else None,
        before=paging.instant(asked.get("before", "")),
        after=asked.get("after", "") or asked.get("older_than", ""),
    )


def _url(asked: Mapping[str, str], **changed: str) -> str:
    names = ("tenant", "runbook", "state", "situation", "task", "from", "to")
    return paging.query(**{name: asked.get(name, "") for name in names} | changed)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    template = "runs/parts/operations_live.html" if request.htmx else "runs/operations.html"
    context = {"section": "operations", "operations": shown}
    return render(request, template, context, status=shown.status)
