"""Cleared holds: what clearing lets go, and that it counts for exactly the facts that were decided on."""

from __future__ import annotations

import pytest

from handrail.packets.assembly.results import Assembled, Hold
from tests.unit.packets.assembly.clearing import clear
from tests.unit.packets.assembly.estate import AT, Estate, sample

REASON = "Checked with the registry's owner by phone."


def hold_of(assembled: Assembled, code: str, target: str = "") -> Hold:
    return next(hold for hold in assembled.holds if hold.code == code and target in hold.target)


def in_conflict() -> Estate:
    estate = Estate()
    estate.case["plan"] = "biz"
    return estate


def test_clear_lets_the_value_of_the_first_source_go_in_the_next_revision() -> None:
    held = in_conflict().assemble()
    decision = clear(
        hold_of(held, "source-conflict"), roles={"senior-support", "operator"}, by="ana", reason=REASON, at=AT
    )
    assembled = in_conflict().assemble(clearances=[decision])
    assert held.blocking
    assert not assembled.blocking
    assert assembled.packet["fields"]["tenant"]["plan"] == "Enterprise"
    assert assembled.digests["holds.json"] != held.digests["holds.json"]


def test_clear_is_noted_without_person_or_reason() -> None:
    decision = clear(
        hold_of(in_conflict().assemble(), "source-conflict"),
        roles={"identity-owner"}, by="ana@example.com", reason=REASON, at=AT,
    )  # fmt: skip
    documents = in_conflict().assemble(clearances=[decision]).documents
    assert b'"cleared":{"at":"2026-11-22T12:00:00.000000Z","role":"identity-owner"}' in documents["holds.json"]
    assert not any(b"ana@example.com" in data or b"by phone" in data for data in documents.values())


@pytest.mark.requirement("P-10")
def test_clear_does_not_count_for_other_facts() -> None:
    decision = clear(
        hold_of(in_conflict().assemble(), "source-conflict"), roles={"identity-owner"}, by="ana", reason=REASON, at=AT
    )
    estate = in_conflict()
    estate.case["plan"] = "free"
    assert hold_of(estate.assemble(clearances=[decision]), "source-conflict").cleared is None


def test_clear_of_a_value_that_is_too_long_still_counts_after_an_upgrade() -> None:
    """The digest as commit 91eede3 computed it, which people have cleared."""
    estate = Estate()
    estate.case["plan"] = "x" * 65_537
    assert hold_of(estate.assemble(), "missing-lineage", "tenant.plan").digest == (
        "sha256:4aa5224ee86f452394463ca8f366151b171721ee43fd5c5f42d73405c32024e1"
    )


def test_clear_of_a_field_without_source_leaves_it_empty() -> None:
    estate = Estate()
    estate.case["timeline"] = estate.case["timeline"][1:]
    held = estate.assemble()
    decision = clear(hold_of(held, "missing-lineage"), roles={"escalation-owner"}, by="ana", reason=REASON, at=AT)
    assembled = estate.assemble(clearances=[decision])
    assert not assembled.blocking
    assert assembled.packet["fields"]["impact"]["start"] == {"held": ["missing-lineage"]}


def test_clear_of_an_own_annex_rule_lets_the_cleared_bytes_go() -> None:
    strict = sample(("annex.size > 5000000 && annex.cleared", "annex.cleared"))
    held = Estate().assemble(strict)
    decision = clear(hold_of(held, "big-annex"), roles={"privacy"}, by="ana", reason=REASON, at=AT)
    assembled = Estate().assemble(strict, clearances=[decision])
    assert [annex.name for annex in held.annexes] == []
    assert [annex.name for annex in assembled.annexes] == ["har-1"]


def test_clearance_by_a_role_that_no_longer_clears_does_not_count() -> None:
    decision = clear(
        hold_of(in_conflict().assemble(), "source-conflict"), roles={"senior-support"}, by="ana", reason=REASON, at=AT
    )
    stricter = sample(("clears: [identity-owner, senior-support]", "clears: identity-owner"))
    assert hold_of(in_conflict().assemble(stricter, clearances=[decision]), "source-conflict").cleared is None
