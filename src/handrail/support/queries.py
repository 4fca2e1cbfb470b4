"""Support requests as the actor may see them: the latest of a tenant or a run, and what a form needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from handrail.access import guards
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability
from handrail.access.models import User
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.connectors import desk as desks
from handrail.connectors.desk import Severity, interrupted
from handrail.kernel.clock import now
from handrail.support import permissions
from handrail.support.context import RequestContext, find_context
from handrail.support.models import SupportRequest
from handrail.support.permissions import ModeChoice
from handrail.support.states import HandoffMode, HandoffOutcome, PrimaryContext, outcome

UNNAMED_DESK = "the service desk"


@dataclass(frozen=True, slots=True)
class Handoff:
    """A request and the outcome of its handoff. ``external_url`` is there only where it is proven: link it, else show
    the reference as text. ``failure``: what failed or is unknown, and what to do, in at most 300 characters."""

    ref: str
    tenant: str
    run: str | None
    primary_context: PrimaryContext
    mode: HandoffMode
    severity: Severity
    created_at: datetime
    outcome: HandoffOutcome
    external_reference: str | None
    external_url: str | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class DeskSummary:
    """The configured desk, as far as a form shows it. ``name`` is None when there is none.

    ``pages_hold_reference``: the pasted address of a ticket's page can stand for its reference.
    """

    name: str | None = None
    reference_example: str | None = None
    origin: str | None = None
    pages_hold_reference: bool = False

    @property
    def configured(self) -> bool:
        return self.name is not None


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Panel:
    """All that the page of a tenant or run shows about support. ``own``: the request that the actor asked about by its
    reference, if they raised it here themselves. Without ``support:request`` it and ``latest`` are None."""

    primary_context: PrimaryContext
    latest: Handoff | None
    own: Handoff | None
    why_not_request: Refusal | None
    desk: DeskSummary
    modes: tuple[ModeChoice, ...]
    severities: tuple[Severity, ...]
    contact: Contact


@dataclass(frozen=True, slots=True)
class FoundRequest:
    """``run`` is None for a request about the tenant."""

    ref: str
    external_reference: str | None
    tenant: str
    tenant_name: str
    run: str | None
    created_at: datetime


def find_requests(actor: Actor, text: str, *, limit: int) -> list[FoundRequest]:
    """Of each tenant or run in the actor's scope, its newest request with exactly this reference or external ticket.
    Raises Denied."""
    actor.require(Capability.SUPPORT_REQUEST)
    rows = guards.scoped(actor, SupportRequest.objects.select_related("tenant", "run"))
    rows = rows.filter(Q(ref=text.upper()) | Q(external_ticket_reference=text)).order_by("-created_at", "-pk")
    places: dict[tuple[int, int | None], SupportRequest] = {}
    for row in rows[: limit * limit]:
        places.setdefault((row.tenant_id, row.run_id), row)
    return [_found(row) for row in list(places.values())[:limit]]


def _found(row: SupportRequest) -> FoundRequest:
    return FoundRequest(
        ref=row.ref,
        external_reference=row.external_ticket_reference,
        tenant=row.tenant.key,
        tenant_name=row.tenant.name,
        run=row.run.ref if row.run else None,
        created_at=row.created_at,
    )


@snapshot()
def latest_for_tenant(actor: Actor, key: str) -> Handoff | None:
    """The latest request whose primary context is the tenant. Raises NotFound, Denied."""
    return _latest(find_context(actor, Capability.SUPPORT_REQUEST, tenant=key, run=None))


@snapshot()
def latest_for_run(actor: Actor, ref: str) -> Handoff | None:
    """The latest request raised from the run. Raises NotFound (a run of another tenant too), Denied."""
    return _latest(find_context(actor, Capability.SUPPORT_REQUEST, tenant=None, run=ref))


@snapshot()
def panel_for_tenant(actor: Actor, key: str, *, raised: str | None = None) -> Panel:
    """For the tenant's page. ``raised``: a reference to ask about. Raises NotFound, and Denied as that page does."""
    return _panel(actor, find_context(actor, Capability.TENANT_VIEW, tenant=key, run=None), raised)


@snapshot()
def panel_for_run(actor: Actor, ref: str, *, raised: str | None = None) -> Panel:
    """For the run's page. ``raised``: a reference to ask about. Raises NotFound, and Denied as that page does."""
    return _panel(actor, find_context(actor, Capability.RUN_VIEW, tenant=None, run=ref), raised)


def desk_summary() -> DeskSummary:
    """The one configured desk, or an empty summary."""
    desk = desks.configured()
    if desk is None:
        return DeskSummary()
    config = desk.config
    return DeskSummary(desk.name, config.reference_example, config.web_origin, config.pages_hold_reference)


def contact_of(actor: Actor) -> Contact:
    """The actor's own name and address; empty for a process, which has none."""
    if actor.kind is not ActorKind.PERSON or actor.user_id is None:
        return Contact("", "")
    user = User.objects.filter(pk=actor.user_id).first()
    return Contact((user.get_full_name() if user else "") or actor.name, actor.name)


def handoff_of(request: SupportRequest) -> Handoff:
    """``request`` as it stands now. If the process that raised it died, that shows, without a write."""
    mode = HandoffMode(request.external_handoff_mode)
    reference, failure = request.external_ticket_reference, request.external_handoff_failure_summary
    came = outcome(mode, reference=reference, failure=failure, deadline_at=request.handoff_deadline_at, at=now())
    if came is HandoffOutcome.UNKNOWN and failure is None:
        failure = interrupted().summary(desk=desk_summary().name or UNNAMED_DESK, reference=request.ref)
    return Handoff(
        ref=request.ref,
        tenant=request.tenant.key,
        run=request.run.ref if request.run else None,
        primary_context=PrimaryContext(request.primary_context),
        mode=mode,
        severity=Severity(request.severity),
        created_at=request.created_at,
        outcome=came,
        external_reference=reference,
        external_url=request.external_ticket_url,
        failure=failure,
    )


def _latest(about: RequestContext) -> Handoff | None:
    row = _requests(about).order_by("-created_at", "-pk").first()
    return handoff_of(row) if row else None


def _own(actor: Actor, about: RequestContext, ref: str) -> Handoff | None:
    row = _requests(about).filter(ref=ref, initiator=actor.name).first()
    return handoff_of(row) if row else None


def _requests(about: RequestContext) -> QuerySet[SupportRequest]:
    """The tenant is asked for beside the run too, so that a row that names both wrongly stays unseen."""
    rows = SupportRequest.objects.select_related("tenant", "run").filter(
        workspace_id=about.tenant.workspace_id, tenant=about.tenant
    )
    if about.run is not None:
        return rows.filter(run=about.run)
    return rows.filter(primary_context=PrimaryContext.TENANT)


def _panel(actor: Actor, about: RequestContext, raised: str | None) -> Panel:
    refusal = permissions.why_not_request(actor)
    return Panel(
        primary_context=about.primary,
        latest=_latest(about) if refusal is None else None,
        own=_own(actor, about, raised) if refusal is None and raised else None,
        why_not_request=permissions.why_not_request(actor, closed=about.tenant.closed_at is not None),
        desk=desk_summary(),
        modes=permissions.mode_choices(desks.configured()),
        severities=tuple(Severity),
        contact=contact_of(actor),
    )
