"""Replies and recalls have one byte form each, and count only under a signature that holds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import dsse, recall, reply
from handrail.packets.proof.recall import PackageRecall, RecallReason, RecallRequest
from handrail.packets.proof.reply import REASONED, ReplyKind, ReplyReason, VendorReply
from tests.unit.packets.proof.making import KEY, OTHER_KEY, RING

DIGEST = "sha256:" + "ab" * 32
AT = datetime(2026, 3, 2, 11, 0, 0, 5, tzinfo=UTC)
WHY = ReplyReason("no-capture", "The capture ends before the failure.", "A capture of a whole log-in")
REJECTED = VendorReply(DIGEST, "vendor-signing-intake", 2, ReplyKind.REJECTED, AT, "VND-7", (WHY,))
RECALLED = PackageRecall(
    DIGEST,
    "PKT-7K3M9QX2ZA",
    3,
    "vendor-signing-intake",
    RecallReason.WRONG_CONTENT,
    RecallRequest.DELETE,
    AT,
    "The wrong customer's capture.",
)

lines = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, categories=["L", "N"]), min_size=1, max_size=40)
slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}", fullmatch=True)
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def some_replies(draw: st.DrawFn) -> VendorReply:
    kind = draw(st.sampled_from(ReplyKind))
    reasons = draw(st.lists(st.builds(ReplyReason, slugs, lines, lines), min_size=1, max_size=3))
    ticket = "" if kind is ReplyKind.DELETED else draw(lines)
    wanted = tuple(reasons) if kind in REASONED else ()
    return VendorReply(DIGEST, draw(slugs), draw(st.integers(1, 1000)), kind, draw(instants), ticket, wanted)


@given(some_replies())
def test_every_reply_is_read_back_as_it_was_written(one: VendorReply) -> None:
    assert reply.from_payload(one.payload()) == one


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_whatever_else_is_no_reply_and_no_recall(raw: bytes) -> None:
    for read in (reply.from_payload, recall.from_payload):
        with pytest.raises(Invalid):
            read(raw)


def changed(payload: bytes, where: list[str | int], value: Any) -> bytes:
    document = json.loads(payload)
    inner = document
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    return canonical_bytes(document)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["_type"], "https://in-toto.io/Statement/v0.1"),
        (["predicateType"], "https://handrail.example/packet-recall/v1"),
        (["more"], True),
        (["subject", 0, "name"], "another"),
        (["subject"], []),
        (["predicate", "number"], True),
        (["predicate", "number"], 0),
        (["predicate", "number"], "2"),
        (["predicate", "reply"], "liked"),
        (["predicate", "reply"], "accepted"),
        (["predicate", "reasons"], []),
        (["predicate", "reasons", 0, "more"], "x"),
        (["predicate", "reasons", 0, "message"], "two  spaces"),
        (["predicate", "reasons", 0, "message"], "\u202etxet"),
        (["predicate", "reasons"], [{"code": "a", "message": "b", "wanted": ""}] * 51),
        (["predicate", "replied_at"], "2026-03-02T11:00:00Z"),
        (["predicate", "ticket"], "T" * 121),
        (["predicate", "lane"], "Vendor"),
    ],
)
def test_a_reply_of_any_other_form_is_refused(where: list[str | int], value: Any) -> None:
    with pytest.raises(Invalid):
        reply.from_payload(changed(REJECTED.payload(), where, value))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["predicateType"], "https://handrail.example/packet-reply/v1"),
        (["predicate", "revision"], True),
        (["predicate", "revision"], 0),
        (["predicate", "asks"], "forget"),
        (["predicate", "reason"], "because"),
        (["predicate", "packet"], "EXC-7K3M9QX2ZA"),
        (["predicate", "words"], "one\nline"),
        (["predicate", "words"], 7),
        (["predicate", "more"], 7),
    ],
)
def test_a_recall_of_any_other_form_is_refused(where: list[str | int], value: Any) -> None:
    assert recall.from_payload(RECALLED.payload()) == RECALLED
    with pytest.raises(Invalid):
        recall.from_payload(changed(RECALLED.payload(), where, value))


def test_other_spellings_of_the_same_reply_are_refused() -> None:
    spaced = json.dumps(json.loads(REJECTED.payload())).encode()
    with pytest.raises(Invalid, match="canonical"):
        reply.from_payload(spaced)


def test_the_recall_of_a_manifest_is_found_among_others() -> None:
    others = [
        b"nothing",
        dsse.sign(RECALLED.payload(), OTHER_KEY),
        dsse.sign(replace(RECALLED, manifest_digest="sha256:" + "cd" * 32).payload(), KEY),
        dsse.sign(REJECTED.payload(), KEY),
    ]
    assert recall.find(others, DIGEST, keys=RING) is None
    assert recall.find([*others, dsse.sign(RECALLED.payload(), KEY)], DIGEST, keys=RING) == RECALLED
