"""Who clears a hold, and what is refused: nothing is written then."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.access.models import Membership
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets.actions import holds
from handrail.packets.errors import Drifted
from handrail.packets.models import Clearance, HoldRow, Revision
from tests.factories.installation import define
from tests.factories.packets import Packets, retire
from tests.unit.definitions.profile_samples import PROFILE

REASON = "Checked with the registry's owner by phone."


@pytest.fixture
def held(desk: Packets) -> Revision:
    """A revision with a source conflict, which an identity owner may clear."""
    desk.sources.case["plan"] = "biz"
    Membership.objects.filter(user=desk.people["cy"]).update(roles=["escalation-owner", "identity-owner"])
    return desk.assemble()


def clear(desk: Packets, revision: Revision, name: str, *, code: str = "source-conflict", reason: str = REASON) -> None:
    hold = HoldRow.objects.filter(revision=revision, code=code).first()
    target = hold.target if hold else "nowhere"
    holds.clear(
        ref=revision.packet.ref, revision=revision.number, code=code, target=target, reason=reason, by=desk.person(name)
    )


def add_hold(revision: Revision, *, code: str, clears: list[str]) -> None:
    """A hold like the conflict, under another code and with other clearers."""
    like = HoldRow.objects.get(revision=revision, code="source-conflict")
    names = [field.attname for field in HoldRow._meta.concrete_fields if not field.primary_key]
    told = {name: getattr(like, name) for name in names} | {"code": code, "clears": clears, "position": 99}
    HoldRow.objects.bulk_create([HoldRow(**told)])


def test_clear_keeps_who_why_and_in_which_role(desk: Packets, held: Revision) -> None:
    clear(desk, held, "cy")
    kept = Clearance.objects.get()
    assert (kept.by, kept.role, kept.reason) == (desk.person("cy").name, "identity-owner", REASON)


def test_clear_twice_is_refused(desk: Packets, held: Revision) -> None:
    clear(desk, held, "cy")
    with pytest.raises(Conflict):
        clear(desk, held, "cy")
    assert Clearance.objects.count() == 1


@pytest.mark.parametrize("reason", ["", " \u200b", "x" * 501])
def test_clear_without_a_usable_reason_is_invalid(desk: Packets, held: Revision, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        clear(desk, held, "cy", reason=reason)
    assert refused.value.faults[0].where == "reason"
    assert not Clearance.objects.exists()


def test_clear_a_hold_that_there_is_none_of_finds_nothing(desk: Packets, held: Revision) -> None:
    with pytest.raises(NotFound):
        clear(desk, held, "cy", code="no-such-hold")


def test_clear_without_the_capability_is_denied(desk: Packets, held: Revision) -> None:
    Membership.objects.filter(user=desk.people["cy"]).update(roles=["auditor", "identity-owner"])
    with pytest.raises(Denied):
        clear(desk, held, "cy")


def test_clear_what_nobody_clears_is_refused(desk: Packets, held: Revision) -> None:
    add_hold(held, code="for-nobody", clears=[])
    with pytest.raises(Conflict) as refused:
        clear(desk, held, "cy", code="for-nobody")
    assert refused.value.code == "hold-stays"


def clearers() -> list[str]:
    """Every role that a hold of a shipped profile names as its clearer."""
    shipped = (Path(__file__).parents[3] / "definitions/profiles").glob("*.yaml")
    rules = [rule for path in shipped for rule in compile_profile(path.read_text("utf-8")).holds.values()]
    return sorted({role for rule in rules for role in rule.clears})


@pytest.mark.parametrize("role", clearers())
def test_clear_by_a_clearer_that_a_shipped_profile_names(desk: Packets, held: Revision, role: str) -> None:
    add_hold(held, code="theirs", clears=[role])
    Membership.objects.filter(user=desk.people["cy"]).update(roles=[role])
    clear(desk, held, "cy", code="theirs")
    assert Clearance.objects.get().role == role


def test_a_packet_outlives_another_version_of_its_profile(desk: Packets) -> None:
    revision = desk.assemble()
    retire(DefinitionKind.PACKET)
    define(desk.workspace, PROFILE.replace("version: 2", "version: 3"), DefinitionKind.PACKET)
    with pytest.raises(Drifted):
        desk.approve(revision, "ada")
    Membership.objects.filter(user=desk.people["eve"]).update(roles=["governance-owner"])
    following = desk.build(desk.newest.pk)
    for target in ("profile", "schema"):
        assert following.state == "held"
        named = {"ref": following.packet.ref, "revision": following.number, "by": desk.person("eve")}
        asked = holds.clear(code="definition-changed", target=target, reason=REASON, **named)
        following = desk.build(asked.id)
    desk.approve(following, "ada", "ben")
    assert following.state == "approved"


@pytest.fixture
def alike(desk: Packets) -> Revision:
    """A revision with two source conflicts: one reason, two fields."""
    desk.sources.case["plan"] = "biz"
    revision = desk.assemble()
    like = HoldRow.objects.get(revision=revision, code="source-conflict")
    names = [field.attname for field in HoldRow._meta.concrete_fields if not field.primary_key]
    told = {name: getattr(like, name) for name in names} | {"target": "tenant.status", "position": 99}
    HoldRow.objects.bulk_create([HoldRow(**told)])
    return revision


def clear_all(desk: Packets, revision: Revision, *targets: str) -> None:
    named = {"ref": revision.packet.ref, "revision": revision.number, "code": "source-conflict", "reason": REASON}
    holds.clear_all(targets=targets, by=desk.person("eve"), **named)


def test_like_holds_are_cleared_in_one_act_and_one_revision(desk: Packets, alike: Revision) -> None:
    clear_all(desk, alike, "tenant.plan", "tenant.status", "tenant.plan")
    assert {(row.target, row.reason) for row in Clearance.objects.all()} == {
        ("tenant.plan", REASON),
        ("tenant.status", REASON),
    }
    assert desk.newest.number == 2
    assert [one["target"] for one in desk.newest.cause_detail] == ["tenant.plan", "tenant.status"]


@pytest.mark.parametrize(
    ("targets", "error"), [([], Invalid), (["tenant.plan", "nowhere"], NotFound), (["x"] * 201, NotFound)]
)
def test_like_holds_are_cleared_all_or_none(
    desk: Packets, alike: Revision, targets: list[str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        clear_all(desk, alike, *targets)
    assert not Clearance.objects.exists()
    assert desk.newest.number == 1
