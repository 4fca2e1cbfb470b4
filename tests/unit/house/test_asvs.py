"""docs/security/asvs.toml answers every requirement of the standard's levels 1 and 2, and names what is there."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.factories.doors import program_of

asvs = program_of("asvs")


@pytest.fixture
def entries() -> dict[str, dict[str, Any]]:
    return tomllib.loads((asvs.ROOT / asvs.TABLE).read_text(encoding="utf-8"))


def test_every_requirement_of_levels_one_and_two_is_answered_once(
    entries: dict[str, dict[str, Any]],
    counted: Callable[[str], None],
) -> None:
    assert list(asvs.faults_of(entries)) == []
    assert Counter(asvs.standard().values()) == {1: 70, 2: 183}
    answers = ", ".join(f"{n} {answer}" for answer, n in Counter(e["answer"] for e in entries.values()).items())
    counted(f"ASVS 5.0: {len(entries)} answered: {answers}")


@pytest.mark.parametrize(
    ("number", "change", "fault"),
    [
        ("3.3.3", None, "3.3.3 is missing"),
        ("3.3.3", {"level": 1}, "3.3.3 has another level"),
        ("3.3.3", {"answer": "yes"}, "3.3.3 has an unknown answer"),
        ("3.3.3", {"how": " "}, "3.3.3 says nothing"),
        ("3.3.3", {"shown": []}, "3.3.3 names neither test nor code"),
        ("3.3.3", {"shown": ["tests/none.py"]}, "3.3.3 names tests/none.py, which is not there"),
        (
            "3.3.3",
            {"shown": ["tests/unit/house/test_asvs.py::test_none"]},
            "3.3.3 names tests/unit/house/test_asvs.py::test_none, which is not there",
        ),
    ],
)
def test_fault_of_the_table_is_named(
    entries: dict[str, dict[str, Any]], number: str, change: dict[str, Any] | None, fault: str
) -> None:
    if change is None:
        del entries[number]
    else:
        entries[number] |= change
    assert list(asvs.faults_of(entries)) == [fault]


def test_requirement_of_level_three_is_not_in_the_table(entries: dict[str, dict[str, Any]]) -> None:
    entries["3.1.1"] = entries["3.3.3"]
    assert "3.1.1 is not a requirement of level 1 or 2" in list(asvs.faults_of(entries))
