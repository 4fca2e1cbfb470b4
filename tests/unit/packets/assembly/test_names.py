"""Annexes keep their names over the revisions of a packet."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.assembly.results import Assembled, EarlierName
from tests.lanes import examples
from tests.unit.packets.assembly.estate import HAR, Estate, codes, sample


def named(assembled: Assembled) -> dict[str, str]:
    """Names by the ids of the artifacts."""
    return {one.artifact: one.name for one in (*assembled.annexes, *assembled.held)}


def earlier(assembled: Assembled) -> list[EarlierName]:
    return [EarlierName(one.artifact, one.type, one.name) for one in (*assembled.annexes, *assembled.held)]


def attach(estate: Estate, ident: str, number: int, kind: str = "har") -> None:
    estate.attach(ident, kind, HAR.replace(b"502", str(500 + number).encode()))


def test_artifact_that_sorts_first_and_comes_late_takes_no_name_away() -> None:
    estate = Estate()
    first = estate.assemble()
    attach(estate, "ATT-0", 3)
    second = estate.assemble(names=earlier(first))
    assert named(first) == {"ATT-1": "har-1", "ATT-2": "other-1"}
    assert named(second) == {"ATT-0": "har-2", "ATT-1": "har-1", "ATT-2": "other-1"}


def test_name_of_an_artifact_that_went_is_not_given_again() -> None:
    estate = Estate()
    attach(estate, "ATT-3", 3)
    first = estate.assemble()
    items: list[Any] = estate["/cases/CASE-7/attachments"]["items"]
    items[:] = [one for one in items if one["id"] != "ATT-3"]
    attach(estate, "ATT-4", 4)
    second = estate.assemble(names=earlier(first))
    assert named(first)["ATT-3"] == "har-2"
    assert named(second)["ATT-4"] == "har-3"


def test_artifact_of_another_type_now_has_a_name_of_that_type() -> None:
    estate = Estate()
    first = estate.assemble()
    estate["/cases/CASE-7/attachments"]["items"][1]["kind"] = "har"
    second = estate.assemble(names=earlier(first))
    assert named(second)["ATT-2"] == "har-2"
    estate["/cases/CASE-7/attachments"]["items"][1]["kind"] = "screenshot"
    third = estate.assemble(names=[*earlier(first), *earlier(second)])
    assert named(third)["ATT-2"] == "other-1"


def test_hold_of_an_artifact_follows_its_name() -> None:
    estate = Estate()
    first = estate.assemble()
    estate.attach("ATT-0", "screenshot", b"another")
    second = estate.assemble(names=earlier(first))
    held = {hold.target: hold.digest for hold in first.holds if hold.code == "unsanitised-artifact"}
    after = {hold.target: hold.digest for hold in second.holds if hold.code == "unsanitised-artifact"}
    assert after == {**held, "other-2": after["other-2"]}
    assert after["other-1"] == held["other-1"]


def test_limit_of_a_type_falls_on_what_came_last() -> None:
    estate = Estate()
    one = sample(("at_most: 20", "at_most: 1"))
    first = estate.assemble(one)
    attach(estate, "ATT-0", 3)
    second = estate.assemble(one, names=earlier(first))
    assert [annex.artifact for annex in second.annexes] == ["ATT-1"]
    assert ("unsanitised-artifact", "har-2") in codes(second)


def test_artifacts_without_an_id_keep_their_names_too() -> None:
    estate = Estate()
    items: list[Any] = estate["/cases/CASE-7/attachments"]["items"]
    for one in items:
        one["id"] = ""
    first = estate.assemble()
    second = estate.assemble(names=earlier(first))
    assert sorted(one.name for one in first.held) == sorted(one.name for one in second.held)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdefg"), max_size=6), min_size=1, max_size=5))
def test_name_is_one_artifacts_for_good(revisions: list[set[str]]) -> None:
    known: list[EarlierName] = []
    owner: dict[str, str] = {}
    for present in revisions:
        estate = Estate()
        estate["/cases/CASE-7/attachments"]["items"] = []
        for one in sorted(present, reverse=True):
            estate.attach(f"ATT-{one}", "screenshot", one.encode())
        assembled = estate.assemble(names=known)
        known += earlier(assembled)
        assert len(set(named(assembled).values())) == len(present)
        for artifact, name in named(assembled).items():
            assert owner.setdefault(name, artifact) == artifact


def test_packet_says_what_an_annex_is_where_its_profile_asks_for_it() -> None:
    described = sample(("  store: evidence\n", "  store: evidence\n  describe: true\n"))
    (annex,) = Estate().assemble(described).packet["annexes"]
    assert annex["description"] == (
        "HTTP capture of 1 entry, from 2026-11-22T09:00:00Z to 2026-11-22T09:00:00Z, 1 host shown, 1 failed"
    )
    assert (annex["entries"], annex["since"], annex["by"]) == (1, "2026-11-22T09:00:00Z", "")


def test_packet_of_a_profile_that_does_not_ask_is_as_it_was() -> None:
    (annex,) = Estate().assemble().packet["annexes"]
    assert set(annex) == {"name", "sort", "media_type", "size", "digest"}


def test_description_names_nothing_that_was_removed() -> None:
    described = sample(("  store: evidence\n", "  store: evidence\n  describe: true\n"))
    estate = Estate()
    planted = json.loads(HAR)
    planted["log"]["creator"] = {"name": "Planted Browser of Ada", "version": "7 planted"}
    estate.attach("ATT-9", "har", json.dumps(planted).encode())
    assert "lanted" not in estate.assemble(described).packet_bytes.decode()
