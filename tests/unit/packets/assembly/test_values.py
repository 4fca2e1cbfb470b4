"""Single values and lists: what is found on them beyond the plain kinds of hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handrail.connectors.registry import Registry
from handrail.kernel.errors import Misconfigured
from handrail.packets.assembly import artifacts
from handrail.packets.assembly.assemble import assemble
from tests.unit.packets.assembly.estate import Estate, codes, event, sample, tables


def test_quotation_in_a_single_value_is_held() -> None:
    estate = Estate()
    estate["/roster"]["emails"] = ["the customer threatened to leave over this outage"]
    assembled = estate.assemble()
    assert assembled.packet["fields"]["contacts"] == {"held": ["internal-note"]}
    assert assembled.blocking


def test_list_whose_source_is_gone_is_held_whole() -> None:
    estate = Estate()
    estate.case["timeline"] = "lost"
    assembled = estate.assemble()
    assert assembled.packet["fields"]["timeline"] == {"held": ["missing-lineage"]}


def test_list_over_its_limit_is_held_whole() -> None:
    short = sample(("at_most: 10000", "at_most: 2"))
    assembled = Estate().assemble(short)
    assert assembled.packet["fields"]["timeline"] == {"held": ["unfit-value"]}


@pytest.mark.requirement("P-06")
def test_entry_that_can_not_be_decided_is_held_not_left_out() -> None:
    estate = Estate()
    del estate.case["timeline"][2]["visibility"]
    assembled = estate.assemble()
    assert assembled.packet["fields"]["timeline"][2] == {"held": ["audience-mismatch", "missing-lineage"]}


def test_optional_value_that_is_absent_is_null_with_lineage() -> None:
    estate = Estate()
    estate.case["timeline"] = estate.case["timeline"][:2]
    assembled = estate.assemble()
    assert assembled.trace["fields"]["impact.end"]["source"] == "case"
    assert ("open-ended", "impact.end") in codes(assembled)
    assert not assembled.blocking


@pytest.mark.requirement("P-04")
def test_table_that_is_not_active_holds_its_field() -> None:
    fewer = {name: table for name, table in tables().items() if name != "plan-labels"}
    assert ("missing-row", "tenant.plan") in codes(Estate().assemble(tables=fewer))


def test_second_source_that_says_nothing_is_missing_lineage() -> None:
    estate = Estate()
    del estate.case["plan"]
    assert ("missing-lineage", "tenant.plan") in codes(estate.assemble())


def test_inventory_that_is_gone_is_missing_lineage() -> None:
    estate = Estate()
    del estate.records["/connectors"]
    assert ("missing-lineage", "connector.entity_id") in codes(estate.assemble())


def test_texts_are_cleaned_and_lines_kept_where_the_profile_says() -> None:
    estate = Estate()
    estate.case["timeline"].append(event("update", "One\r\n\u202etwo\u200b <b>three</b>"))
    entry = estate.assemble().packet["fields"]["timeline"][-1]
    assert entry["text"] == "One\ntwo <b>three</b>"


def test_artifact_that_no_sort_takes_is_held_as_unsorted() -> None:
    narrow = sample(("    other: {clear: never}\n", ""))
    assert ("unsanitised-artifact", "unsorted-1") in codes(Estate().assemble(narrow))


def test_artifact_whose_cleared_bytes_were_exchanged_is_held() -> None:
    inputs = Estate().inputs()
    har = inputs.artifacts[0]
    assert har.sanitised is not None
    forged = replace(har, sanitised=replace(har.sanitised, data=b"{}"))
    assert ("unsanitised-artifact", "har-1") in codes(assemble(replace(inputs, artifacts=[forged])))


def test_artifact_without_an_id_is_held() -> None:
    estate = Estate()
    estate["/cases/CASE-7/attachments"]["items"].append({"kind": "har"})
    assembled = estate.assemble()
    assert [one.reasons for one in assembled.held if one.type == "har"] == [("its record names no id or no digest",)]


def test_artifacts_of_a_profile_without_annexes_are_none() -> None:
    text_of_annexes = sample().spec.annexes
    assert text_of_annexes is not None
    plain = replace(sample(), annexes=None)
    inputs = Estate().inputs()
    assert artifacts.read_artifacts(plain, inputs.snapshots, Estate().open, salt=inputs.salt) == ()
    with pytest.raises(Misconfigured, match="no annexes"):
        artifacts.through(Registry({}), plain)


def test_own_rule_that_can_not_be_decided_holds() -> None:
    estate = Estate()
    estate["/tenants/ten_a"]["status"] = None
    assert ("tenant-not-active", "revision") in codes(estate.assemble())


def test_profile_says_of_itself_what_the_rooms_above_need() -> None:
    profile = sample()
    assert (profile.lane, profile.tlp, profile.recipients) == ("vendor-intake", "AMBER+STRICT", ("vendor-support",))
    assert (profile.title, profile.owner) == ("Vendor escalation of an outage", "support-governance@example.com")
    assert (profile.shows, profile.never) == (("service", "identifier", "contact"), ("internal-note",))
    assert (profile.signers.threshold, profile.expires_after_seconds) == (2, 43200)
    assert profile.connectors == ("attachments", "cases", "evidence", "federation", "registry")
    assert profile.tenant_key({"tenant": "ten_a"}) == "ten_a"
    assert "privacy" in profile.roles


def test_artifact_without_the_type_that_an_earlier_profile_extracts_is_held_by_its_rules() -> None:
    """Its conditions mean the extracted value, never the type that the profile gave the artifact."""
    earlier = sample(
        ("kind: string, content_type", "kind: string, type: string, content_type"),
        ("  types:\n", "  sorts:\n"),
        ("annex.size > 5000000 && annex.cleared", 'annex.type == "secret"'),
    )
    held = {hold.target for hold in Estate().assemble(earlier).holds if hold.code == "big-annex"}
    assert held == {"har-1", "other-1"}
