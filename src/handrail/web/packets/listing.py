"""The list of escalation packets with its filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.packets import inbox, queries
from handrail.packets.inbox import HeldPacket, ToSign
from handrail.packets.queries import PAGE, PacketFilter, PacketSummary
from handrail.packets.states import RevisionState
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class PacketList:
    """``to_sign``, ``held``: in place of the rows, what waits for the actor, where that is asked for."""

    wanted: PacketFilter
    rows: list[PacketSummary]
    tenants: list[TenantSummary]
    profiles: list[str]
    states: list[RevisionState]
    may_assemble: bool
    older_url: str | None
    to_sign: list[ToSign] | None = None
    held: list[HeldPacket] | None = None

    @property
    def filtered(self) -> bool:
        return bool(
            self.wanted.tenant or self.wanted.profile or self.wanted.state or self.wanted.before or self.wanted.after
        )


def present(actor: Actor, asked: Mapping[str, str]) -> PacketList:
    """Raises Denied. A filter value that names nothing known finds nothing."""
    state = asked.get("state", "")
    wanted = PacketFilter(
        tenant=asked.get("tenant", ""),
        profile=asked.get("profile", ""),
        state=state if state in set(RevisionState) else "",
        before=paging.instant(asked.get("before", "")),
        after=asked.get("after", ""),
    )
    waiting = asked.get("waiting", "")
    rows = queries.list_packets(actor, wanted) if waiting not in {"signature", "holds"} else []
    return PacketList(
        wanted=wanted,
        rows=rows,
        tenants=access.list_tenants(actor),
        profiles=queries.list_profiles(actor),
        states=list(RevisionState),
        may_assemble=actor.may(Capability.PACKET_ASSEMBLE),
        older_url=_older(wanted, rows[-1].ref) if len(rows) == PAGE else None,
        to_sign=inbox.list_to_sign(actor, limit=inbox.LOOKED_AT) if waiting == "signature" else None,
        held=inbox.list_held_packets(actor, limit=inbox.LOOKED_AT) if waiting == "holds" else None,
    )


def _older(wanted: PacketFilter, after: str) -> str:
    return paging.query(tenant=wanted.tenant, profile=wanted.profile, state=wanted.state, after=after)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    return render(request, "packets/packets.html", {"section": "packets", "packets": shown})
