"""Entries that are matched with what other sources say of them, each with holds of its own."""

from __future__ import annotations

from typing import Any

import pytest

from handrail.definitions.profile.compiler import compile_profile
from handrail.kernel.clock import now
from handrail.packets.assembly.compare import affected_fields
from handrail.packets.assembly.drift import Drift
from handrail.packets.assembly.results import Assembled
from tests.unit.definitions.bad import edited
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.assembly.clearing import clear
from tests.unit.packets.assembly.estate import Estate, codes, tables

LIST = """\
  contacts: {from: roster.emails, carries: email}
  links:
    each: case.links
    extract: {id: string}
    match:
      listed: {among: inventory.items, by: {id: item.id}, unmatched: not-in-inventory, extract: {id: string, entity_id: string}}
      published: {among: federation.entities, by: {entity_id: item.listed.entity_id}, extract: {entity_id: string, key: string}}
    where: item.id != "conn_hidden"
    apart: true
    at_most: 5
    show: {entity_id!: {from: item.listed.entity_id, agrees: item.published.entity_id}, key: item.published.key}
"""  # noqa: E501
OWNED = "  not-in-inventory: {owner: identity-owner}\n"


def profile(*changes: tuple[str, str]) -> Any:
    text = edited(PROFILE, "  contacts: {from: roster.emails, carries: email}\n", LIST)
    text = edited(text, "      tags: [string]\n", "      tags: [string]\n      links: [object]\n")
    text = edited(text, "extract: {entity_ids", "extract: {items: [object], entity_ids")
    text = edited(
        text, "extract: {entity_id: string, signed", "extract: {entities: [object], entity_id: string, signed"
    )
    for old, new in changes:
        text = edited(text, old, new)
    return compile_profile(text, tables=tables())


def estate(*ids: str) -> Estate:
    """Three connectors in inventory and metadata; the case names ``ids`` of them."""
    made = Estate()
    made.case["links"] = [{"id": f"conn_{one}"} for one in ids]
    made["/connectors"]["items"] += [
        {"id": f"conn_{one}", "kind": "saml-idp", "entity_id": f"https://{one}.example"} for one in "abc"
    ]
    made["/metadata/ten_a"]["entities"] = [
        {"entity_id": f"https://{one}.example", "key": f"kid-{one}"} for one in "abc"
    ]
    return made


def links(assembled: Assembled) -> Any:
    return assembled.packet["fields"]["links"]


def test_each_entry_has_what_every_source_says_of_it() -> None:
    assembled = estate("b", "a").assemble(profile())
    assert links(assembled) == [
        {"entity_id": "https://b.example", "key": "kid-b"},
        {"entity_id": "https://a.example", "key": "kid-a"},
    ]


def test_lineage_of_a_matched_value_names_its_own_source() -> None:
    traced = estate("a").assemble(profile()).trace["fields"]["links[].key"]
    assert (traced["source"], traced["path"]) == ("federation", "/entities · /key")


def test_entry_outside_the_inventory_is_held_alone() -> None:
    assembled = estate("a", "x", "c").assemble(profile())
    held = {"held": ["not-in-inventory"]}
    assert [entry.get("key", entry) for entry in links(assembled)] == ["kid-a", held, "kid-c"]
    assert ("not-in-inventory", "links[1]") in codes(assembled)
    assert "conn_x" not in assembled.packet_bytes.decode() + assembled.holds_bytes.decode()


def test_entry_that_two_records_fit_is_held() -> None:
    made = estate("a", "b")
    made["/connectors"]["items"].append({"id": "conn_a", "entity_id": "https://other.example"})
    assert links(made.assemble(profile()))[0] == {"held": ["not-in-inventory"]}


def test_value_that_is_absent_on_both_sides_matches_nothing() -> None:
    made = estate("a")
    for item in made["/connectors"]["items"]:
        item["entity_id"] = None
    made["/metadata/ten_a"]["entities"] = [{"key": "kid-0"}]
    assert ("missing-lineage", "links[0]") in codes(made.assemble(profile()))


def test_entries_with_the_same_reason_have_holds_of_their_own_to_clear() -> None:
    made = estate("a", "b")
    for one in made["/metadata/ten_a"]["entities"]:
        one["entity_id"] = one["entity_id"].upper()
    disagreeing = profile(
        ("by: {entity_id: item.listed.entity_id}", "by: {key: item.listed.key}"),
        ("extract: {id: string, entity_id: string}}", "extract: {id: string, key: string, entity_id: string}}"),
    )
    for item, one in zip(made["/connectors"]["items"][1:], "abc", strict=True):
        item["key"] = f"kid-{one}"
    assembled = made.assemble(disagreeing)
    first = next(hold for hold in assembled.holds if hold.target == "links[0].entity_id")
    decision = clear(first, roles={"identity-owner"}, by="ida", reason="One of them is being renamed.", at=now())
    after = made.assemble(disagreeing, clearances=[decision])
    assert first.code == "source-conflict"
    assert [entry["entity_id"] for entry in links(after)] == ["https://a.example", {"held": ["source-conflict"]}]


def test_cleared_entry_without_a_record_stays_inside() -> None:
    made = estate("x")
    hold = next(hold for hold in made.assemble(profile()).holds if hold.target == "links[0]")
    decision = clear(hold, roles={"identity-owner"}, by="ida", reason="It is new.", at=now())
    after = made.assemble(profile(), clearances=[decision])
    assert links(after) == [{"held": ["not-in-inventory"]}]
    assert next(one for one in after.holds if one.target == "links[0]").cleared is not None


def test_targets_count_the_entries_that_are_shown() -> None:
    assembled = estate("hidden", "a", "x").assemble(profile())
    assert ("not-in-inventory", "links[1]") in codes(assembled)


@pytest.mark.parametrize("source", ["/connectors", "/metadata/ten_a"])
def test_list_that_can_not_be_read_holds_every_entry_as_missing_lineage(source: str) -> None:
    made = estate("a", "b")
    key = "items" if source == "/connectors" else "entities"
    made[source][key] = "lost"
    assert links(made.assemble(profile())) == [{"held": ["missing-lineage"]}] * 2


def test_record_above_the_audience_holds_the_list() -> None:
    made = estate("a")
    made["/connectors"]["tlp"] = "TLP:RED"
    labelled = profile(
        (
            "    fresh_for: 1h\n    class: identifier\n    extract: {items",
            "    fresh_for: 1h\n    class: identifier\n    tlp: tlp\n    extract: {tlp: string, items",
        )
    )
    assert links(made.assemble(labelled)) == {"held": ["audience-mismatch"]}


def test_change_of_a_matched_source_concerns_the_list() -> None:
    changed = [Drift("federation.entities", "1", "2")]
    assert affected_fields(profile(), changed) == ("links",)
