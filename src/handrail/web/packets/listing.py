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
from handrail.kernel.errors import Fault, Invalid
from handrail.packets import inbox, queries
from handrail.packets.inbox import HeldPacket, ToSign
from handrail.packets.queries import PAGE, PacketFilter, PacketSummary
from handrail.packets.states import RevisionState
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class PacketList:
    """``to_sign``, ``held``: in place of the rows, what waits for the actor, where that is asked for.
    ``faults``: filters that name nothing there is; then nothing is listed."""

    wanted: PacketFilter
    rows: list[PacketSummary]
    tenants: list[TenantSummary]
    profiles: list[str]
    states: list[RevisionState]
    may_assemble: bool
    older_url: str | None
    to_sign: list[ToSign] | None = None
    held: list[HeldPacket] | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def filtered(self) -> bool:
        return bool(
            self.wanted.tenant or self.wanted.profile or self.wanted.state or self.wanted.before or self.wanted.after
        )


def present(actor: Actor, asked: Mapping[str, str]) -> PacketList:
    """Raises Denied. A filter that names nothing there is lists nothing, and says so."""
    wanted = PacketFilter(
        tenant=asked.get("tenant", ""),
        profile=asked.get("profile", ""),
        state=asked.get("state", ""),
        before=paging.instant(asked.get("before", "")),
        after=asked.get("after", ""),
    )
    waiting, rows = asked.get("waiting", ""), []
    faults = paging.unknown(asked, state=(*RevisionState, queries.DISCARDED), waiting=("signature", "holds"))
    if asked.get("before") and wanted.before is None:
        faults = (*faults, Fault("before", "this is not a time"))
    if not faults and not waiting:
        try:
            rows = queries.list_packets(actor, wanted)
        except Invalid as error:
            faults = error.faults
    return PacketList(
        wanted=wanted,
        rows=rows,
        tenants=access.list_tenants(actor),
        profiles=queries.list_profiles(actor),
        states=list(RevisionState),
        may_assemble=actor.may(Capability.PACKET_ASSEMBLE),
        older_url=_older(wanted, rows[-1].ref) if len(rows) == PAGE else None,
        to_sign=inbox.list_to_sign(actor, limit=inbox.LOOKED_AT) if waiting == "signature" else None,
        faults=faults,
        held=inbox.list_held_packets(actor, limit=inbox.LOOKED_AT) if waiting == "holds" else None,
    )


def _older(wanted: PacketFilter, after: str) -> str:
    return paging.query(tenant=wanted.tenant, profile=wanted.profile, state=wanted.state, after=after)


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    status = Invalid.status if shown.faults else 200
    return render(request, "packets/packets.html", {"section": "packets", "packets": shown}, status=status)
