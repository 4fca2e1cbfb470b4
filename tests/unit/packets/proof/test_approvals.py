"""The approvals statement and what makes it open a manifest."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from handrail.kernel.errors import Invalid
from handrail.packets.proof import approvals
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.findings import Code
from tests.unit.packets.proof import making

MADE = making.make_manifest()
APPROVED = making.approve(MADE)


def codes(given: Approvals) -> list[Code]:
    return [code for code, _ in approvals.faults(MADE, given)]


@pytest.mark.requirement("P-08")
def test_statement_binds_the_manifest_digest() -> None:
    document = json.loads(APPROVED.payload())
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["subject"] == [{"name": "manifest", "digest": {"sha256": MADE.digest().removeprefix("sha256:")}}]
    assert [vote["signer"] for vote in document["predicate"]["approvals"]] == ["usr-ada", "usr-ben"]


def test_payload_survives_a_round_trip() -> None:
    assert approvals.from_payload(APPROVED.payload()) == APPROVED


def test_from_payload_refuses_another_spelling() -> None:
    with pytest.raises(Invalid, match="canonical"):
        approvals.from_payload(APPROVED.payload().replace(b'"_type"', b' "_type"'))


def test_from_payload_refuses_another_statement() -> None:
    with pytest.raises(Invalid):
        approvals.from_payload(MADE.payload())


def test_faults_is_empty_for_a_quorum() -> None:
    assert codes(APPROVED) == []


def test_faults_finds_another_manifest() -> None:
    assert codes(making.approve(making.make_manifest(revision=3))) == [Code.OTHER_MANIFEST]


def test_faults_finds_too_few() -> None:
    assert codes(making.approve(MADE, "usr-ben")) == [Code.SHORT_OF_SIGNERS]


def test_faults_counts_a_person_once() -> None:
    twice = Approvals(MADE.digest(), APPROVED.votes[:1] * 2)
    assert codes(twice) == [Code.MALFORMED_APPROVALS, Code.SHORT_OF_SIGNERS]


def test_faults_says_why_the_assembler_may_not() -> None:
    found = list(approvals.faults(MADE, making.approve(MADE, "usr-ada", "usr-ben", "usr-dee")))
    assert found == [(Code.NOT_A_SIGNER, "usr-dee may not approve this revision (assembler)")]


@pytest.mark.parametrize("after", [timedelta(seconds=-1), timedelta(hours=12)])
def test_faults_finds_a_vote_out_of_time(after: timedelta) -> None:
    assert codes(making.approve(MADE, after=after)) == [Code.APPROVED_OUT_OF_TIME] * 2


def test_faults_finds_votes_out_of_order() -> None:
    swapped = Approvals(MADE.digest(), tuple(reversed(APPROVED.votes)))
    assert codes(swapped) == [Code.MALFORMED_APPROVALS]


def test_vote_refuses_hostile_text() -> None:
    with pytest.raises(ValueError, match="clean it first"):
        Approval("usr\x1b[2J", making.NOW)
