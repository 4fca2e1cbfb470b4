"""What a revision is compared with: what the vendor holds by the ledger, or the revision that is named."""

from __future__ import annotations

from typing import Any

import pytest

from handrail.kernel.errors import NotFound
from handrail.packets import comparison
from handrail.packets.assembly.compare import Documents, compare
from handrail.packets.models import Revision
from tests.factories.packets import Packets


def delivered(desk: Packets) -> Revision:
    revision = desk.released()
    desk.deliver(revision)
    return revision


def next_one(desk: Packets) -> Revision:
    desk.sources.case["count"] = int(desk.sources.case["count"]) + 1
    return desk.assemble()


def against(desk: Packets, revision: Revision, **named: Any) -> comparison.RevisionComparison:
    return comparison.diff(desk.person("ada"), revision.packet.ref, revision.number, **named)


def test_before_anything_was_delivered_all_is_new(desk: Packets) -> None:
    first = desk.assemble()
    for revision in (first, next_one(desk)):
        found = against(desk, revision)
        assert found.against is None
        assert {one.kind for one in found.differences.fields} == {"added"}
        assert [(one.where, one.kind) for one in found.differences.annexes] == [
            ("har-1", "added"),
            ("other-1", "added"),
        ]


def test_what_was_consumed_is_what_the_vendor_holds(desk: Packets) -> None:
    first = delivered(desk)
    desk.vendor.consume(str(first.assembly.manifest_digest))
    desk.deliver(first)
    next_one(desk)
    third = next_one(desk)
    found = against(desk, third)
    assert found.against is not None
    assert (found.against.number, found.against.manifest_digest) == (1, first.assembly.manifest_digest)
    assert found.against.delivered_at is not None
    assert found.against.consumed_at is not None
    assert [(one.before, one.after) for one in found.differences.fields] == [(3, 5)]
    assert found.differences.annexes == ()


def test_what_was_withdrawn_unopened_is_not_held(desk: Packets) -> None:
    first = delivered(desk)
    second = next_one(desk)
    assert against(desk, second).against is not None
    desk.deliver(first)  # the recall
    assert against(desk, second).against is None


def test_another_revision_can_be_named(desk: Packets) -> None:
    first = delivered(desk)
    second, third = next_one(desk), next_one(desk)
    for named in ({"against": 2}, {"previous": True}):
        found = against(desk, third, **named)
        assert found.against is not None
        assert found.against.number == second.number
    with pytest.raises(NotFound):
        against(desk, third, against=9)
    with pytest.raises(NotFound):
        against(desk, first, previous=True)


def listed(*entries: Any) -> Documents:
    nothing = Documents.nothing()
    return Documents({**nothing.packet, "fields": {"list": list(entries)}}, nothing.trace, nothing.holds)


def test_entries_of_a_list_are_matched_by_their_names() -> None:
    a, b, c = ({"id": name, "state": "up"} for name in "abc")
    found = compare(listed(a, b), listed(c, {**b, "state": "down"}, a)).fields
    assert [(one.where, one.kind, one.after) for one in found] == [
        ("list[0]", "added", c),
        ("list[1].state", "changed", "down"),
    ]


def test_entries_without_names_are_matched_where_they_are_equal() -> None:
    one, two, three = ({"at": number, "text": "x"} for number in range(3))
    found = compare(
        listed(one, two, three), listed({"at": 9, "text": "new"}, one, three, {"at": 8, "text": "y"})
    ).fields
    assert [(each.where, each.kind) for each in found] == [
        ("list[0]", "added"),
        ("list[1]", "removed"),
        ("list[3]", "added"),
    ]


def test_long_lists_have_an_end() -> None:
    old, new = ([{"at": number, "text": side} for number in range(5000)] for side in "ab")
    assert len(compare(listed(*old), listed(*new)).fields) == 5000
