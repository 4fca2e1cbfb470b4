"""The four walks that ARCHITECTURE draws lead through modules that are there, and are as short as promised."""

from __future__ import annotations

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SECTION = TEXT.partition("## Four walks\n")[2].partition("\n## ")[0]
# A room's sentence may go on in further lines, which are indented.
WALKS = dict(re.findall(r"^\*\*(.+?)\*\*\n((?:\d+\. .*\n(?: {3}.*\n)*)+)", SECTION + "\n", re.MULTILINE))
# The most rooms.
LIMITS = {
    "Task → report": 10,
    "Revision digest → intake verify": 14,
    "Form → finalization": 10,
    "Proposal → compiled": 10,
}

# Rooms whose values later rooms are given, and so know by name; the ledger of runs, which each of their actions writes.
VALUES = {
    "handrail.work.lease",
    "handrail.runbooks.engine.ledger",
    "handrail.support.input",
    "handrail.definitions.source.loader",
    "handrail.definitions.language.conditions",
    "handrail.packets.proof.manifest",
}


def rooms(walk: str) -> list[str]:
    return re.findall(r"^\d+\. `([^`]+)`", WALKS[walk], re.MULTILINE)


def test_every_numbered_line_is_a_room_of_a_walk() -> None:
    assert len(re.findall(r"^\d+\. ", SECTION, re.MULTILINE)) == sum(len(rooms(walk)) for walk in WALKS) > 40


def test_four_walks_are_drawn() -> None:
    assert set(WALKS) == set(LIMITS)


@pytest.mark.parametrize("walk", WALKS)
def test_every_room_is_there_and_numbered(walk: str) -> None:
    lines = re.findall(r"^\d+\..*$", WALKS[walk], re.MULTILINE)
    assert [line.partition(".")[0] for line in lines] == [str(number) for number in range(1, len(rooms(walk)) + 1)]
    assert [room for room in rooms(walk) if not (ROOT / "src" / "handrail" / room).is_file()] == []


@pytest.mark.parametrize("walk", LIMITS)
def test_a_walk_is_short_and_comes_to_no_room_twice(walk: str) -> None:
    assert len(rooms(walk)) <= LIMITS[walk]
    assert len(set(rooms(walk))) == len(rooms(walk))


@pytest.mark.parametrize("walk", LIMITS)
def test_no_room_turns_back_to_an_earlier_one(walk: str) -> None:
    graph = grimp.build_graph("handrail", exclude_type_checking_imports=True, cache_dir=None)
    names = [f"handrail.{room.removesuffix('.py').replace('/', '.')}" for room in rooms(walk)]
    back = [
        (later, earlier)
        for at, later in enumerate(names)
        for earlier in names[:at]
        if graph.direct_import_exists(importer=later, imported=earlier) and earlier not in VALUES
    ]
    assert back == []
