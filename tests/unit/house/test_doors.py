"""The table of doors says what the code says: every door, every act, every page's need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from handrail.access.decisions import DECISIONS
from tests.factories.doors import ACTS, pairs, program
from tests.integration.web.test_roles import CHANGES, NEEDS, OWN


def test_every_door_and_every_act_is_in_the_table(counted: Callable[[str], None]) -> None:
    assert sorted(program.faults()) == []
    doors = ", ".join(f"{len(found)} {kind}" for kind, found in program.existing().items())
    counted(f"{len(ACTS)} acts through doors: {doors}; {len(DECISIONS)} kinds of decisions need a person")


@pytest.mark.parametrize("kind", program.KINDS)
def test_a_door_that_is_in_no_act_is_a_fault(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = program.existing()
    monkeypatch.setattr(program, "existing", lambda: {**doors, kind: doors[kind] | {"a new door"}})
    assert list(program.faults()) == [f"{kind}: a new door is in no act of docs/reference/doors.toml"]


def test_an_act_whose_door_is_gone_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = program.existing()
    monkeypatch.setattr(program, "existing", lambda: {**doors, "api": doors["api"] - {"approve_packet"}})
    assert list(program.faults()) == ["api: approve_packet is in doors.toml, and is gone"]


def test_a_function_that_acts_in_somebodys_name_and_is_in_no_act_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = program.acting()
    monkeypatch.setattr(program, "acting", lambda: functions | {"packets.actions.votes.veto"})
    assert list(program.faults()) == [
        "packets.actions.votes.veto acts in somebody's name, and is in no act of doors.toml"
    ]


@pytest.mark.parametrize("changes", [{"capability": "packet:aprove"}, {"scope": "all"}, {"who": "nobody"}])
def test_a_word_that_means_nothing_is_a_fault(changes: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    acts, internal = program.load()
    wrong = [dataclasses.replace(acts[0], **changes), *acts[1:]]
    monkeypatch.setattr(program, "load", lambda: (wrong, internal))
    assert list(program.faults()) == ["log in: who, scope or capability is not one that there is"]


def test_every_kind_of_decision_is_in_the_table() -> None:
    assert {act.capability for act in ACTS if act.person == "yes" and not act.own_word} == DECISIONS


def test_pages_need_what_the_table_says() -> None:
    """What test_roles.py shows of every page, as every role, holds for the table."""
    found = {door: act.capability or None for door, act in pairs("pages").items() if door.startswith("admin")}
    shown = {**NEEDS, **CHANGES, **dict.fromkeys(OWN)}
    # The page, and the form in it.
    of_two_acts = {"admin/t/<tenant>", "admin/operations/<run>", "admin/exceptions/<exception>/follow-up"}
    assert {d: c for d, c in found.items() if d not in of_two_acts} == {
        d: c for d, c in shown.items() if d not in of_two_acts
    }


def test_decisions_that_end_something_need_a_reason() -> None:
    ending = {"reject a revision", "withdraw or recall a revision", "reject a definition", "deprecate a definition"}
    also = {"clear a hold", "resolve an exception packet", "assemble the next revision"}
    assert ending | also <= {act.name for act in ACTS if act.reason}
