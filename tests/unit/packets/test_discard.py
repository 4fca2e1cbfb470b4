"""A packet asked for by mistake is discarded by the person who asked, before anybody signs; then its case is free."""

from __future__ import annotations

from functools import partial

import pytest

from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets import queries
from handrail.packets.actions import assembling, holds, votes
from handrail.packets.errors import Exists
from handrail.packets.models import Packet, Revision
from handrail.packets.queries import PacketFilter
from tests.factories.packets import Packets


def discard(desk: Packets, by: str = "dee", reason: str = "Wrong case.") -> int:
    return assembling.discard(ref=desk.packet.ref, reason=reason, by=desk.person(by))


def test_discard_ends_the_packet_and_says_who_and_why(desk: Packets) -> None:
    revision = desk.assemble()
    assert discard(desk) == 1
    revision.refresh_from_db()
    assert (revision.state, revision.ended_cause, revision.ended_reason) == ("withdrawn", "discarded", "Wrong case.")
    event = AuditEvent.objects.get(event="packet.discarded")
    assert (event.actor, event.subject, event.context["was"]) == ("dee@example.com", revision.packet.ref, "in_review")


def test_packet_that_is_being_assembled_can_be_discarded_and_nothing_is_built(desk: Packets) -> None:
    asked = desk.ask()
    discard(desk)
    assert assembling.build(revision_id=asked.id, by=desk.worker) is None
    assert Revision.objects.get().state == "withdrawn"


def test_case_of_a_discarded_packet_is_asked_for_anew(desk: Packets) -> None:
    first = desk.ask()
    discard(desk)
    again = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    assert (again.ref != first.ref, again.revision) == (True, 1)
    assert Packet.objects.get(ref=again.ref).replaces == Packet.objects.get(ref=first.ref)
    with pytest.raises(Exists) as there:
        assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    assert there.value.ref == again.ref


def test_packet_can_be_discarded_and_asked_for_over_and_over(desk: Packets) -> None:
    refs = []
    for _ in range(3):
        refs.append(assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee")).ref)
        assembling.discard(ref=refs[-1], reason="No.", by=desk.person("dee"))
    assert len(set(refs)) == 3


@pytest.mark.parametrize("act", ["again", "clear", "approve", "reject", "withdraw", "discard"])
def test_nothing_follows_a_discarded_packet(desk: Packets, act: str) -> None:
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    discard(desk)
    of = {"ref": revision.packet.ref, "revision": 1}
    acts = {
        "again": partial(assembling.again, ref=revision.packet.ref, reason="More.", by=desk.person("dee")),
        "clear": partial(
            holds.clear, **of, code="source-conflict", target="tenant.plan", reason="x", by=desk.person("eve")
        ),
        "approve": partial(votes.approve, **of, digest=revision.assembly.manifest_digest or "", by=desk.person("ada")),
        "reject": partial(votes.reject, **of, reason="x", by=desk.person("ada")),
        "withdraw": partial(votes.withdraw, **of, reason="x", by=desk.person("ada")),
        "discard": partial(discard, desk),
    }
    with pytest.raises(Conflict):
        acts[act]()
    assert Revision.objects.count() == 1


def test_discard_by_another_person_is_refused(desk: Packets) -> None:
    desk.assemble()
    with pytest.raises((Conflict, Denied)):
        discard(desk, by="ada")
    assert Revision.objects.get().ended_at is None


def test_discard_after_a_signature_on_any_revision_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    desk.assemble()
    with pytest.raises(Conflict) as refused:
        discard(desk)
    assert refused.value.code == "signed"


def test_discard_of_what_was_released_is_refused(desk: Packets) -> None:
    desk.released()
    with pytest.raises(Conflict) as refused:
        discard(desk)
    assert refused.value.code == "released"


def test_discard_without_a_reason_is_refused(desk: Packets) -> None:
    desk.assemble()
    with pytest.raises(Invalid):
        discard(desk, reason=" ")


def test_discard_of_a_packet_of_another_tenant_finds_nothing(desk: Packets) -> None:
    desk.assemble()
    with pytest.raises(NotFound):
        assembling.discard(ref="PKT-0000000000", reason="x", by=desk.person("dee"))


def test_discarded_packets_are_listed_only_where_they_are_asked_for(desk: Packets) -> None:
    desk.assemble()
    discard(desk)
    by = desk.person("dee")
    assert queries.list_packets(by) == []
    assert queries.list_packets(by, PacketFilter(state="withdrawn")) == []
    assert [one.ref for one in queries.list_packets(by, PacketFilter(state="discarded"))] == [desk.packet.ref]
