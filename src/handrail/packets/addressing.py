"""The lane of one revision, for the kinds that have to know more: the vendor's case, or an upload address."""

from __future__ import annotations

import json

from handrail.connectors import lane as lanes
from handrail.connectors.lane import AddressedLane, Addressee, Lane, TakesAddress
from handrail.packets import uploads
from handrail.packets.models import Revision


def lane_of(revision: Revision) -> Lane:
    """Raises Misconfigured without the lane, and LaneFailed where the packet doesn't say what it has to."""
    lane = lanes.get(revision.packet.lane)
    if not isinstance(lane, AddressedLane):
        return lane
    document = {"inputs": revision.packet.inputs, "packet": json.loads(revision.assembly.packet)}
    upload = uploads.usable(revision.packet) if isinstance(lane, TakesAddress) else None
    return lane.addressed(Addressee(document, upload))


def noted(lane: Lane) -> dict[str, int]:
    """What an intent says of the address that it uses: never the address."""
    return {uploads.NOTED: lane.address.number} if isinstance(lane, TakesAddress) and lane.address else {}
