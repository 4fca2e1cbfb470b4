"""A packet is for one lane. A profile that names another one later moves nothing to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection

from handrail.connectors import lane as lanes
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Conflict
from handrail.packets.actions import assembling, holds, votes
from handrail.packets.models import Assembly, Packet, Revision
from tests.factories.installation import define
from tests.factories.packets import LANE, Packets, Vendor, everything, retire
from tests.unit.definitions.profile_samples import PROFILE

OTHER = "vendor-second"
ELSEWHERE = PROFILE.replace("version: 2", "version: 3").replace("name: vendor-intake", f"name: {OTHER}")


def move_lane(desk: Packets) -> None:
    """The profile's next version names another lane, and the authoritative record agrees."""
    retire(DefinitionKind.PACKET)
    define(desk.workspace, ELSEWHERE, DefinitionKind.PACKET)
    desk.sources["/roster"]["lane"] = OTHER


def again(desk: Packets, revision: Revision) -> object:
    return assembling.again(ref=revision.packet.ref, reason="A late trace.", by=desk.person("dee"))


def approve(desk: Packets, revision: Revision) -> object:
    digest = str(revision.assembly.manifest_digest)
    named = {"ref": revision.packet.ref, "revision": revision.number, "by": desk.person("ada")}
    return votes.approve(digest=digest, seen=everything(revision), **named)


def clear(desk: Packets, revision: Revision) -> object:
    named = {"ref": revision.packet.ref, "revision": revision.number, "by": desk.person("eve")}
    return holds.clear(code="source-conflict", target="tenant.plan", reason="They mean the same.", **named)


@pytest.mark.requirement("P-11")
@pytest.mark.parametrize(("act", "plan"), [(again, "ent"), (approve, "ent"), (clear, "biz")])
def test_no_revision_follows_for_another_lane(
    desk: Packets, act: Callable[[Packets, Revision], object], plan: str
) -> None:
    desk.sources.case["plan"] = plan
    revision = desk.assemble()
    before = revision.state
    move_lane(desk)
    with pytest.raises(Conflict, match=OTHER) as refused:
        act(desk, revision)
    revision.refresh_from_db()
    assert (refused.value.code, revision.state, Revision.objects.count()) == ("lane-changed", before, 1)


def test_release_to_the_lane_before_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    move_lane(desk)
    with pytest.raises(Conflict) as refused:
        desk.release(revision)
    assert refused.value.code == "lane-changed"
    assert desk.vendor.calls == []


def test_the_case_is_assembled_for_the_new_lane_once_the_old_packet_is_withdrawn(desk: Packets) -> None:
    old = desk.assemble()
    move_lane(desk)
    ask = partial(assembling.request, profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    with pytest.raises(Conflict, match=old.packet.ref):
        ask()
    votes.withdraw(ref=old.packet.ref, revision=1, reason="Another lane now.", by=desk.person("ada"))
    new = desk.build(ask().id)
    desk.approve(new, "ada", "ben")
    second = Vendor(OTHER)
    with lanes.use(lanes.Lanes({LANE: desk.vendor, OTHER: second})):
        desk.release(new)
        desk.deliver(new)
    assert (list(second.packages), desk.vendor.calls) == ([new.assembly.manifest_digest], [])
    assert sorted(Packet.objects.values_list("lane", flat=True)) == [LANE, OTHER]


def test_a_manifest_for_another_lane_than_its_packet_is_not_released(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    with connection.cursor() as cursor:  # what no action can make
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE packets_packet DISABLE TRIGGER USER")
        cursor.execute("UPDATE packets_packet SET lane = %s", [OTHER])
        cursor.execute("ALTER TABLE packets_packet ENABLE TRIGGER USER")
    with pytest.raises(Conflict) as refused:
        desk.release(revision)
    assert refused.value.code == "lane-differs"
    assert Assembly.objects.get().manifest_digest == revision.assembly.manifest_digest
    assert revision.state == "approved"
