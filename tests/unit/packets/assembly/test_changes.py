"""What changes between revisions: profile, tables, entitlements, sources; and what the comparison says of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from handrail.connectors.outcome import ReadFailed
from handrail.definitions.table import compile_table
from handrail.packets.assembly.assemble import assemble
from handrail.packets.assembly.changes import Previous, stale
from handrail.packets.assembly.compare import Documents, affected_fields, compare
from handrail.packets.assembly.results import Assembled
from handrail.packets.assembly.sources import reread
from tests.unit.definitions.profile_samples import table
from tests.unit.packets.assembly.clearing import clear
from tests.unit.packets.assembly.estate import AT, GIVEN, HAR, Estate, codes, event, sample, tables

DRIFTED = ("entitlement-drift", "sources.tenant")


def after(first: Assembled) -> Previous:
    return Previous.of(first)


def test_assemble_after_another_table_holds_until_somebody_accepts_it() -> None:
    first = Estate().assemble()
    newer = {**tables(), "plan-labels": compile_table(table("plan-labels", "{ent: Enterprise, biz: B}", 2))}
    second = Estate().assemble(tables=newer, previous=after(first))
    third = Estate().assemble(tables=newer, previous=after(second))
    hold = next(hold for hold in third.holds if hold.code == "definition-changed")
    assert hold.target == "tables.plan-labels"
    decision = clear(hold, roles={"governance-owner"}, by="gil", reason="The new labels were agreed.", at=AT)
    fourth = Estate().assemble(tables=newer, previous=after(third), clearances=[decision])
    fifth = Estate().assemble(tables=newer, previous=after(fourth))
    assert second.blocking
    assert not fourth.blocking
    assert not fifth.blocking


@pytest.mark.requirement("P-05")
def test_assemble_after_the_entitlement_moved_holds_however_often_it_is_assembled() -> None:
    first = Estate().assemble()
    moved = Estate()
    moved["/tenants/ten_a"]["revision"] = 5
    revision = moved.assemble(previous=after(first))
    for _ in range(3):
        assert DRIFTED in codes(revision)
        revision = moved.assemble(previous=after(revision))


@pytest.mark.requirement("P-05")
def test_entitlement_that_moved_back_is_held_until_a_person_clears_it() -> None:
    first = Estate().assemble()
    moved = Estate()
    moved["/tenants/ten_a"]["revision"] = 5
    second = moved.assemble(previous=after(first))
    third = Estate().assemble(previous=replace(after(second), settled=after(first).states))
    assert DRIFTED in codes(third)


def test_entitlement_that_is_as_a_person_left_it_is_not_held() -> None:
    first = Estate().assemble()
    moved = Estate()
    moved["/tenants/ten_a"]["revision"] = 5
    accepted = replace(after(first), settled=after(moved.assemble()).states)
    assert DRIFTED not in codes(moved.assemble(previous=accepted))
    assert DRIFTED in codes(Estate().assemble(previous=accepted))


def test_previous_is_the_same_from_documents() -> None:
    first = Estate().assemble()
    holds = {"holds": [hold.document() for hold in first.holds]}
    assert Previous.from_documents(first.trace, holds) == Previous.of(first)


def test_reread_of_an_unchanged_estate_are_the_same() -> None:
    estate = Estate()
    inputs = estate.inputs()
    estate.at += timedelta(minutes=30)
    assert reread(sample(), GIVEN, inputs.snapshots, estate.read) == ()


def test_reread_shows_what_drifted_from_what_to_what() -> None:
    estate = Estate()
    inputs = estate.inputs()
    estate["/tenants/ten_a"]["plan"] = "biz"
    estate["/tenants/ten_a"]["revision"] = 5
    moved = reread(sample(), GIVEN, inputs.snapshots, estate.read)
    assert [(one.source, one.name, one.before, one.after) for one in moved] == [
        ("tenant", "version", "4", "5"),
        ("tenant", "plan", "ent", "biz"),
    ]
    assert affected_fields(sample(), moved) == ("tenant.plan",)


def test_reread_counts_a_value_that_drifted_under_the_same_token() -> None:
    estate = Estate()
    inputs = estate.inputs()
    estate["/tenants/ten_a"]["status"] = "frozen"
    moved = reread(sample(), GIVEN, inputs.snapshots, estate.read)
    assert [one.name for one in moved] == ["status"]


def test_reread_of_a_source_that_does_not_answer_prove_nothing() -> None:
    estate = Estate()
    inputs = estate.inputs()
    estate.failing.add("/roster")
    with pytest.raises(ReadFailed):
        reread(sample(), GIVEN, inputs.snapshots, estate.read)


def test_stale_is_told_at_any_later_time() -> None:
    snapshots = Estate().inputs().snapshots
    assert list(stale(sample(), snapshots, AT + timedelta(minutes=59))) == []
    late = {change.target for change in stale(sample(), snapshots, AT + timedelta(minutes=91))}
    assert late == {"sources.case", "sources.inventory"}


def test_record_from_the_future_is_stale() -> None:
    estate = Estate()
    estate.case["updated_at"] = "2026-11-22T12:10:00Z"
    assert ("stale-source", "sources.case") in codes(estate.assemble())


def test_record_whose_time_has_no_zone_is_stale() -> None:
    estate = Estate()
    estate.case["updated_at"] = "2026-11-22T11:59:00"
    assert ("stale-source", "sources.case") in codes(estate.assemble())


def test_source_without_its_version_is_stale() -> None:
    estate = Estate()
    del estate["/tenants/ten_a"]["revision"]
    assert ("stale-source", "sources.tenant") in codes(estate.assemble())


def test_compare_of_a_revision_with_itself_finds_nothing() -> None:
    one = Documents.of(Estate().assemble())
    later = Estate(at=AT + timedelta(minutes=3))
    assert compare(one, one).same
    assert compare(one, Documents.of(later.assemble())).same


def test_compare_says_what_moved() -> None:
    before = Estate()
    later = Estate()
    later.case["count"] = 4
    later.case["timeline"].insert(1, event("update", "A late entry."))
    later["/roster"]["lane"] = "other"
    later.attach("ATT-9", "har", next(iter(later.blobs.values())))
    found = compare(Documents.of(before.assemble()), Documents.of(later.assemble()))
    assert [(one.where, one.kind) for one in found.fields] == [("impact.count", "changed"), ("timeline[1]", "added")]
    assert found.fields[0].before == 3
    assert [(one.where, one.kind) for one in found.holds] == [("lane-mismatch on lane", "added")]
    assert [(one.where, one.kind) for one in found.annexes] == [("har-2", "added")]
    assert "case.version" in {one.where for one in found.sources}


def test_compare_tells_a_value_that_became_held() -> None:
    later = Estate()
    later.case["plan"] = "biz"
    found = compare(Documents.of(Estate().assemble()), Documents.of(later.assemble()))
    assert [(one.where, one.before, one.after) for one in found.fields] == [
        ("tenant.plan", "Enterprise", {"held": ["source-conflict"]})
    ]


def test_drift_while_reading_holds_the_revision() -> None:
    estate = Estate()
    inputs = estate.inputs()
    estate["/tenants/ten_a"]["revision"] = 5
    drift = reread(inputs.profile, inputs.inputs, inputs.snapshots, estate.read)
    assembled = assemble(replace(inputs, drift=drift))
    assert ("entitlement-drift", "sources.tenant") in codes(assembled)


def test_a_further_artifact_changes_no_stand_in_of_the_others() -> None:
    estate = Estate()
    estate.attach("ATT-3", "har", HAR.replace(b"/login?", b"/users/4711?"))
    first = {annex.artifact: annex.data for annex in estate.assemble().annexes}
    estate.attach("ATT-0", "har", HAR.replace(b"/login?", b"/users/4711/edit?"))

    second = {annex.artifact: annex.data for annex in estate.assemble().annexes}

    name = re.search(rb"/users/(~num-[a-z-]+)", first["ATT-3"] or b"")
    assert name is not None
    assert {ident: second[ident] for ident in first} == first
    assert name[1] + b"/edit" in (second["ATT-0"] or b"")


def test_annexes_show_the_hosts_and_ids_that_profile_and_records_name() -> None:
    estate = Estate()
    for ident, host in (
        ("ATT-3", "idp.acme.example"),
        ("ATT-4", "api.signing.example.com"),
        ("ATT-5", "other.example"),
    ):
        entry = json.loads(HAR)["log"]["entries"][0]
        entry["request"]["url"] = f"https://{host}/login"
        entry["response"]["headers"] = [{"name": "X-Signing-Request", "value": "req-01hzk4c9m1"}]
        estate.attach(ident, "har", json.dumps({"log": {"entries": [entry]}}).encode())

    shown = {annex.artifact: annex.data or b"" for annex in estate.assemble().annexes}

    assert b"https://idp.acme.example/login" in shown["ATT-3"]
    assert b"https://api.signing.example.com/login" in shown["ATT-4"]
    assert b"other.example" not in shown["ATT-5"]
    assert [b"req-01hzk4c9m1" in shown[ident] for ident in ("ATT-3", "ATT-4", "ATT-5")] == [False, True, False]
