"""Lanes that have to know more of a packet, and lanes that can't be asked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import Addressee, ErrorKind, Lane, LaneFailed
from handrail.kernel.errors import Conflict
from handrail.packets import ledger
from handrail.packets.actions import votes
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import Release, Revision
from handrail.packets.states import DeliveryEventKind
from handrail.packets.status import fold
from tests.factories.packets import LANE, Packets, Vendor


@dataclass
class Portal(Vendor):
    """``knows``: whether the packet names a case. ``to``: what it was told."""

    knows: bool = True
    to: Addressee | None = None

    def addressed(self, to: Addressee) -> Lane:
        self.to = to
        if not self.knows:
            raise LaneFailed("The packet has no reference of Theirs.", ErrorKind.REFUSED)
        return self


def rows(revision: Revision) -> list[DeliveryRow]:
    return ledger.rows_of(revision.pk)


def test_a_packet_without_its_case_is_not_released(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    portal = Portal(LANE, knows=False)
    with lanes.use(lanes.Lanes({LANE: portal})):
        with pytest.raises(Conflict, match="no reference of Theirs") as refused:
            desk.release(revision)
        assert (refused.value.code, Release.objects.count()) == ("lane-address", 0)
        portal.knows = True
        desk.release(revision)
        desk.deliver(revision)
    assert len(portal.packages) == 1
    assert portal.to is not None
    assert isinstance(portal.to.document, dict)
    assert portal.to.document["inputs"] == revision.packet.inputs


def test_a_lane_that_can_not_be_asked_leaves_a_lost_answer_unknown(desk: Packets) -> None:
    desk.vendor.abilities = frozenset()
    revision = desk.released()
    desk.vendor.script = ["lost"]
    desk.deliver(revision)
    assert revision.due_at == revision.assembly.expires_at
    desk.deliver(revision)
    assert [call for call, _ in desk.vendor.calls] == ["deliver"]
    assert fold(rows(revision)).state == "unknown"


def test_a_lane_that_can_not_take_back_says_so(desk: Packets) -> None:
    desk.vendor.abilities = frozenset()
    revision = desk.released()
    desk.deliver(revision)
    votes.withdraw(ref=revision.packet.ref, revision=1, reason="Wrong case.", by=desk.person("ada"))
    desk.deliver(revision)
    last = rows(revision)[-1]
    assert last.kind is DeliveryEventKind.GIVEN_UP
    assert "Tell the vendor" in last.detail["why"]
    assert [call for call, _ in desk.vendor.calls] == ["deliver"]
    assert revision.due_at is None
