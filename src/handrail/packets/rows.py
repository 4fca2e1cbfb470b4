"""The guarded ways to a packet's rows, for queries and actions alike."""

from __future__ import annotations

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import get_scoped
from handrail.kernel.errors import NotFound
from handrail.packets.models import Packet, Revision


def get_packet_row(actor: Actor, ref: str, capability: Capability, *, recent: bool = True) -> Packet:
    """The one guarded way to a packet. Raises NotFound, Denied."""
    return get_scoped(actor, Packet.objects.select_related("tenant"), capability, recent=recent, ref=ref)


def get_revision_row(
    actor: Actor, ref: str, number: int | None, capability: Capability, *, recent: bool = True
) -> Revision:
    """The revision ``number`` of a packet, or its newest. Raises NotFound, Denied."""
    packet = get_packet_row(actor, ref, capability, recent=recent)
    rows = Revision.objects.select_related("packet__tenant", "definition", "assembly").filter(packet=packet)
    rows = rows if number is None else rows.filter(number=number)
    row = rows.order_by("-number").first()
    if row is None:
        raise NotFound(f"The packet {ref} has no such revision.")
    return row
