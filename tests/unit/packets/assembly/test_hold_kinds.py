"""Every kind of hold, alone and in pairs: it is found, it blocks or not, and nothing that it holds leaves."""

from __future__ import annotations

from itertools import combinations

import pytest

from handrail.definitions.profile.holds import BUILT_IN, IN_TEXTS
from handrail.kernel.canonical import digest
from handrail.packets.assembly.assemble import assemble
from handrail.packets.assembly.register import MESSAGES
from handrail.packets.assembly.results import Assembled
from tests.unit.packets.assembly.estate import Estate, codes, leaving, sample
from tests.unit.packets.assembly.kinds import KINDS, PLANTED, Kind


def spoilt(*kinds: Kind) -> Assembled:
    estate = Estate()
    for kind in kinds:
        kind.spoil(estate)
    inputs = estate.inputs()
    for kind in kinds:
        inputs = kind.change(inputs)
    return assemble(inputs)


def refuse_leak(assembled: Assembled) -> None:
    for path, data in leaving(assembled).items():
        assert PLANTED.encode() not in data.lower(), path


@pytest.mark.requirement("P-05")
def test_kinds_cover_every_built_in_hold() -> None:
    assert {kind.code for kind in KINDS} == set(BUILT_IN)


def test_assemble_in_order_holds_only_what_never_leaves() -> None:
    assert codes(Estate().assemble()) == {("unsanitised-artifact", "other-1")}
    assert Estate().assemble().blocking == ()


@pytest.mark.requirement("P-05")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_assemble_holds(kind: Kind) -> None:
    assembled = spoilt(kind)
    found = [hold for hold in assembled.holds if (hold.code, hold.target) == (kind.code, kind.target)]
    assert [hold.blocks for hold in found] == [kind.blocks]
    refuse_leak(assembled)


@pytest.mark.parametrize("pair", list(combinations(KINDS, 2)), ids=lambda pair: " + ".join(kind.name for kind in pair))
def test_assemble_holds_both(pair: tuple[Kind, Kind]) -> None:
    assembled = spoilt(*pair)
    expected = {(kind.code, kind.target) for kind in pair}
    if "artifact without lineage" in {kind.name for kind in pair}:
        expected = {(code, "har-3" if target == "har-2" else target) for code, target in expected}
    if "record above the audience" in {kind.name for kind in pair}:
        expected = {(code, target) for code, target in expected if code not in IN_TEXTS}  # nothing of it would leave
    assert expected <= codes(assembled)
    assert bool(assembled.blocking) == any(kind.blocks for kind in pair)
    refuse_leak(assembled)


@pytest.mark.requirement("P-06")
def test_held_field_shows_a_placeholder() -> None:
    packet = spoilt(*(kind for kind in KINDS if kind.name == "two sources disagree")).packet
    assert packet["fields"]["tenant"]["plan"] == {"held": ["source-conflict"]}


@pytest.mark.requirement("P-02")
def test_held_entry_shows_a_placeholder_in_its_place() -> None:
    timeline = spoilt(*(kind for kind in KINDS if kind.name == "internal note among the entries")).packet["fields"][
        "timeline"
    ]
    assert timeline[3] == {"held": ["internal-note"]}
    assert timeline[0]["text"] == "Logins fail for every user."


def test_hold_belongs_to_whom_the_profile_names() -> None:
    hold = next(hold for hold in spoilt(KINDS[3]).holds if hold.code == "not-in-inventory")
    assert (hold.owner, hold.clears) == ("identity-owner", ("identity-owner",))


def test_hold_without_a_rule_belongs_to_the_hold_owner_and_nobody_clears_it() -> None:
    rule = sample().rule("missing-row")
    assert (rule.owner, rule.clears) == ("escalation-owner", ())


def test_messages_of_holds_stay_because_they_leave_in_packages() -> None:
    """The digest of what commit 91eede3 wrote into holds.json: an upgrade changes no byte of an unchanged packet."""
    assert digest(dict(MESSAGES)) == "sha256:5839ec2729cb6d95c3600f5d18e75c1a0c381399682d45c935544060a50ac162"
