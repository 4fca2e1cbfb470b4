"""The tenant dashboard: counts, what stopped, what is under way, and the latest runs."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.runbooks.queries import exceptions as exception_queries
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries.exceptions import UNRESOLVED, ExceptionFilter, ExceptionSummary
from handrail.runbooks.queries.runs import RunFilter, RunSummary
from handrail.runbooks.states import RUN, RunState
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest
from handrail.web.support import submission
from handrail.web.support.part import SupportPart

RECENT = 15


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``runs`` is None for roles that may not see them. ``unresolved`` holds the newest of ``unresolved_count``."""

    tenant: TenantSummary
    counts: dict[RunState, int]
    runs: list[RunSummary] | None
    unresolved: list[ExceptionSummary]
    unresolved_count: int
    may_start: bool

    @property
    def moving(self) -> int:
        return sum(n for state, n in self.counts.items() if state in RUN.active)

    @property
    def completed(self) -> int:
        return self.counts.get(RunState.COMPLETED, 0)

    @property
    def status(self) -> tuple[str, str]:
        """One sentence on how the tenant is, with its tone."""
        if waiting := self.unresolved_count:
            return "stop", f"{waiting} stopped run{'' if waiting == 1 else 's'} not resolved yet"
        if self.moving:
            return "move", f"{self.moving} run{'' if self.moving == 1 else 's'} in progress"
        return "good", "Nothing is waiting for a person"


def present(actor: Actor, key: str) -> Dashboard:
    """Raises NotFound, Denied."""
    tenant = access.get_tenant(actor, key)
    sees_runs = actor.may(Capability.RUN_VIEW)
    sees_exceptions = actor.may(Capability.EXCEPTION_VIEW)
    waiting = ExceptionFilter(tenant=key, handling=UNRESOLVED, limit=RECENT)
    return Dashboard(
        tenant=tenant,
        counts=runbooks.count_states(actor, RunFilter(tenant=key)) if sees_runs else {},
        runs=runbooks.list_runs(actor, RunFilter(tenant=key, limit=RECENT)) if sees_runs else None,
        unresolved=exception_queries.list_exceptions(actor, waiting) if sees_exceptions else [],
        unresolved_count=exception_queries.count_exceptions(actor, waiting) if sees_exceptions else 0,
        may_start=actor.may(Capability.RUN_PREVIEW) and tenant.closed_at is None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest, tenant: str) -> HttpResponse:
    def show(part: SupportPart) -> HttpResponse:
        context = {"dashboard": present(request.actor, tenant), "support": part}
        request.opened = ("tenant", tenant)
        return render(request, "runs/tenant.html", context, status=part.status)

    return submission.answer(request, submission.at_tenant(tenant), show)
