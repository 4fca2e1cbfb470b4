"""Asking for a packet twice, as a client does whose first answer got lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handrail.packets.actions import assembling, votes
from handrail.packets.errors import Exists
from handrail.packets.models import DeliveryEntry, Packet, Revision
from tests.factories.packets import Packets


def approved(desk: Packets) -> Revision:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    return revision


def delivered(desk: Packets) -> Revision:
    revision = desk.released()
    desk.deliver(revision)
    return revision


def consumed(desk: Packets) -> Revision:
    revision = delivered(desk)
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    desk.deliver(revision)
    return revision


def rejected(desk: Packets) -> Revision:
    revision = desk.assemble()
    votes.reject(ref=revision.packet.ref, revision=1, reason="Wrong case.", by=desk.person("ada"))
    revision.refresh_from_db()
    return revision


def asked(desk: Packets) -> Revision:
    return Revision.objects.select_related("packet").get(pk=desk.ask().id)


@pytest.mark.parametrize("stands", [asked, Packets.assemble, approved, delivered, consumed, rejected])
def test_request_of_a_case_that_has_its_packet_changes_nothing(
    desk: Packets, stands: Callable[[Packets], Revision]
) -> None:
    revision = stands(desk)
    before = revision.state
    with pytest.raises(Exists) as refused:
        assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    revision.refresh_from_db()
    assert (refused.value.ref, revision.state) == (revision.packet.ref, before)
    assert (Packet.objects.count(), Revision.objects.count()) == (1, 1)
    assert not DeliveryEntry.objects.filter(kind="recall").exists()


def test_again_after_a_rejection_makes_the_next_revision(desk: Packets) -> None:
    rejected(desk)
    assert desk.assemble().number == 2
