"""The home page: what one person can act on now, by what it is, the oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.definitions import queries as definitions
from handrail.notifications import queries as notifications
from handrail.packets import inbox
from handrail.runbooks.queries import brakes, reviews, waves
from handrail.runbooks.queries import exceptions as exception_queries
from handrail.runbooks.queries.exceptions import MINE, OLDEST, UNASSIGNED, UNRESOLVED, ExceptionFilter
from handrail.runbooks.states import WaveState
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

SHOWN = 8
# Whether a wave is the actor's to steer is asked of each, so no more than these are looked at.
LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class HomeGroup:
    """``rows``: the oldest of ``count``, shown by ``template``; ``url``: the list with exactly these."""

    slug: str
    title: str
    template: str
    url: str
    rows: Sequence[object]
    count: int

    @property
    def more(self) -> bool:
        return self.count > len(self.rows)


@dataclass(frozen=True, slots=True)
class Home:
    """``groups``: those in which something waits; ``quiet``: the titles of the others that the actor's roles have.
    ``undelivered``: messages that no channel has. ``tenants``: the first of ``tenant_count``."""

    groups: list[HomeGroup]
    quiet: list[str]
    undelivered: int
    tenants: list[TenantSummary]
    tenant_count: int
    may_start: bool
    may_assemble: bool

    @property
    def group(self) -> dict[str, HomeGroup]:
        """By slug."""
        return {one.slug: one for one in self.groups}


def present(actor: Actor) -> Home:
    groups = list(_groups(actor))
    sees_tenants = actor.may(Capability.TENANT_VIEW)
    found = access.find_tenants(actor, "", limit=SHOWN) if sees_tenants else []
    return Home(
        groups=[one for one in groups if one.count],
        quiet=[one.title for one in groups if not one.count],
        undelivered=notifications.count_undelivered(actor),
        tenants=[one for one in found if one.closed_at is None],
        tenant_count=access.count_tenants(actor) if sees_tenants else 0,
        may_start=actor.may(Capability.RUN_START),
        may_assemble=actor.may(Capability.PACKET_ASSEMBLE),
    )


def _groups(actor: Actor) -> Iterator[HomeGroup]:
    """What the actor's roles let them act on, in the order in which it is shown."""
    for of in (_to_sign, _holds, _mine, _unassigned, _waves, _brakes, _decisions, _reviews):
        yield from of(actor)


def _to_sign(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.PACKET_APPROVE):
        rows = inbox.list_to_sign(actor, limit=inbox.LOOKED_AT)
        title = "Escalation packets awaiting your approval"
        url = reverse("packets") + paging.query(waiting="signature")
        yield HomeGroup("to-sign", title, "packets/parts/to_sign.html", url, rows[:SHOWN], len(rows))


def _holds(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.PACKET_CLEAR_HOLD):
        rows, count = inbox.list_held_packets(actor, limit=SHOWN), inbox.count_held_packets(actor)
        url = reverse("packets") + paging.query(waiting="holds")
        yield HomeGroup("holds", "Your holds", "packets/parts/held.html", url, rows, count)


def _mine(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.EXCEPTION_RESOLVE):
        yield _exceptions(actor, "mine", "Exceptions taken over by you", owner=MINE)


def _unassigned(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.EXCEPTION_TAKE):
        yield _exceptions(actor, "unassigned", "Stopped and not taken over", owner=UNASSIGNED)


def _exceptions(actor: Actor, slug: str, title: str, *, owner: str) -> HomeGroup:
    given = {"handling": UNRESOLVED, "owner": owner, "sort": OLDEST}
    wanted = ExceptionFilter(handling=UNRESOLVED, owner=owner, sort=OLDEST, limit=SHOWN)
    rows, count = exception_queries.list_exceptions(actor, wanted), exception_queries.count_exceptions(actor, wanted)
    url = reverse("exceptions") + paging.query(**given)
    return HomeGroup(slug, title, "runs/parts/exception_table.html", url, rows, count)


def _waves(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.RUN_PAUSE):
        stopped = waves.list_waves(actor, state=WaveState.STOPPED, limit=LOOKED_AT)
        mine = [one for one in stopped[::-1] if actor.tenant_ids is None or one.by == actor.name]
        url = reverse("waves") + paging.query(state=WaveState.STOPPED)
        yield HomeGroup("waves", "Waves that stopped", "runs/parts/stopped_waves.html", url, mine[:SHOWN], len(mine))


def _brakes(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.RUN_PAUSE):
        held = [one for one in brakes.list_brakes(actor) if one.why_not_resume is None]
        title, template = "Paused until somebody resumes it", "runs/parts/held_brakes.html"
        yield HomeGroup("brakes", title, template, reverse("brakes"), held[::-1][:SHOWN], len(held))


def _decisions(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may_everywhere(Capability.DEFINITION_DECIDE):
        rows, count = definitions.list_to_decide(actor, limit=SHOWN), definitions.count_to_decide(actor)
        url = reverse("definitions") + paging.query(waiting="decision")
        yield HomeGroup("decisions", "Proposals to decide", "definitions/parts/table.html", url, rows, count)


def _reviews(actor: Actor) -> Iterator[HomeGroup]:
    if actor.may(Capability.RUN_REVIEW):
        rows, count = reviews.list_reviews(actor, own=False, limit=SHOWN), reviews.count_waiting(actor)
        title, url = "Completed runs to look at again", reverse("reviews") + paging.query(own="0")
        yield HomeGroup("reviews", title, "runs/parts/review_table.html", url, rows, count)


@require_safe
def root(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's view
    return redirect("home")


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    if request.actor is NOBODY:
        return render(request, "shell/home_nobody.html")
    return render(request, "shell/home.html", {"section": "home", "home": present(request.actor)})
