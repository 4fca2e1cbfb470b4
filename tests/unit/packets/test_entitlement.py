"""That what a customer is entitled to has changed is cleared by a person, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handrail.definitions.states import DefinitionKind
from handrail.packets.actions import assembling, holds, votes
from handrail.packets.models import HoldRow, Packet, Revision
from tests.factories.installation import Installation, define
from tests.factories.packets import Packets, connected, retire
from tests.unit.definitions.profile_samples import PROFILE

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("P-05")]
DRIFT = "entitlement-drift"
HOLDS = f"holds:\n  {DRIFT}: {{owner: escalation-owner, clears: [escalation-owner]}}\n"
CLEARED = PROFILE.replace("holds:\n", HOLDS, 1)


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a", profile=CLEARED).packets) as one:
        yield one


def drifted(desk: Packets) -> Revision:
    desk.assemble()
    desk.sources["/tenants/ten_a"]["revision"] = 5
    return desk.assemble()


def is_held(revision: Revision) -> bool:
    return HoldRow.objects.filter(revision=revision, code=DRIFT, cleared=None).exists()


def anew(desk: Packets, by: str = "dee") -> Revision:
    """The packet is discarded, and its case asked for again."""
    newest = Packet.objects.latest("pk")
    assembling.discard(ref=newest.ref, reason="Once more.", by=desk.person(by))
    asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person(by))
    return desk.build(asked.id)


def clear(desk: Packets, revision: Revision) -> None:
    hold = HoldRow.objects.get(revision=revision, code=DRIFT)
    told = {"code": hold.code, "target": hold.target, "reason": "Their plan was renewed.", "by": desk.person("ada")}
    holds.clear(ref=revision.packet.ref, revision=revision.number, **told)  # type: ignore[arg-type]


def test_assembling_again_by_anybody_clears_nothing(desk: Packets) -> None:
    assert is_held(drifted(desk))
    for by in ("dee", "eve", "dee"):
        assert is_held(desk.assemble(by))


def test_entitlement_that_changed_back_is_still_held(desk: Packets) -> None:
    drifted(desk)
    desk.sources["/tenants/ten_a"]["revision"] = 4
    assert is_held(desk.assemble())


def test_withdrawal_of_the_revision_clears_nothing(desk: Packets) -> None:
    second = drifted(desk)
    votes.withdraw(ref=second.packet.ref, revision=2, reason="No.", by=desk.person("cy"))
    assert is_held(desk.assemble())


def test_another_version_of_the_profile_clears_nothing(desk: Packets) -> None:
    drifted(desk)
    retire(DefinitionKind.PACKET)
    define(desk.workspace, CLEARED.replace("version: 2", "version: 3"), DefinitionKind.PACKET)
    assert is_held(desk.assemble())


def test_discarding_the_packet_and_asking_for_its_case_again_clears_nothing(desk: Packets) -> None:
    drifted(desk)
    first = anew(desk)
    assert (first.number, is_held(first)) == (1, True)
    asked = assembling.again(ref=first.packet.ref, reason="New evidence.", by=desk.person("dee"))
    assert is_held(desk.build(asked.id))
    assert is_held(anew(desk))


def test_packet_that_was_discarded_before_it_was_built_hides_no_hold(desk: Packets) -> None:
    drifted(desk)
    assembling.discard(ref=Packet.objects.latest("pk").ref, reason="No.", by=desk.person("dee"))
    asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    assembling.discard(ref=asked.ref, reason="No.", by=desk.person("dee"))
    asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    assert is_held(desk.build(asked.id))


def test_case_of_a_packet_without_a_hold_is_asked_for_without_one(desk: Packets) -> None:
    desk.assemble()
    first = anew(desk)
    assert not is_held(first)


def test_person_who_clears_it_clears_it_for_good(desk: Packets) -> None:
    clear(desk, drifted(desk))
    for _ in range(2):
        desk.build(desk.newest.pk) if desk.newest.state == "assembling" else desk.assemble()
        assert not is_held(desk.newest)


def test_where_nobody_can_clear_it_discarding_is_the_way_out(db: None) -> None:
    with connected(Installation(None, tenant="ten_a").packets) as desk:
        assert is_held(drifted(desk))
        assert not is_held(anew(desk))
