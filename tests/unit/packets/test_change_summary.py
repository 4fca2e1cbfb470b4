"""What moved, told so that the difference is seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.packets.change_summary import LIMIT, summarise

DIGEST = "sha256:" + "0" * 12 + "a" * 52
TRACE = {"id": "att_trace", "kind": "trace"}
HAR = {"id": "att_har", "kind": "har"}
LONG = "The same beginning, " * 20


@pytest.mark.parametrize(
    ("before", "after", "from_", "to"),
    [
        ("active", "suspended", "active", "suspended"),
        (3, 4, "3", "4"),
        (None, "x", "null", "x"),
        ("", "x", "nothing", "x"),
        ([HAR], [HAR, TRACE], "1 entry", "2: 1 added: att_trace"),
        ([HAR, TRACE], [TRACE], "2 entries", "1: 1 removed: att_har"),
        ([HAR], [{**HAR, "kind": "trace"}], "1 entry", "1: 1 changed: att_har"),
        ([HAR, TRACE], [TRACE, HAR], "2 entries", "2: in another order"),
        (["a"], ["a", "a"], "1 entry", "2: the same ones, in another number"),
        ([], [str(n) for n in range(5)], "0 entries", "5: 5 added: 0, 1, 2 and 2 more"),
        ([{"text": "Internal."}], [], "1 entry", "0: 1 removed"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, '{"b": 2}', '{"b": 3}'),
        ({"a": 1}, {}, '{"a": 1}', "{}"),
        (DIGEST, "sha256:" + "1" * 64, "sha256:000000000000…", "sha256:111111111111…"),
        (f"{LONG}one", f"{LONG}two", "…The same beginning, one", "…The same beginning, two"),
        ("same", "same\u200b", "same", "same, the same to the eye"),
    ],
)
def test_told_shows_the_difference(before: Any, after: Any, from_: str, to: str) -> None:
    assert summarise(before, after) == (from_, to)


VALUES = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=300)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_told_is_bounded_and_never_the_same_twice(before: Any, after: Any) -> None:
    if before == after:
        return
    one, other = summarise(before, after)
    assert one != other
    assert max(len(one), len(other)) < 4 * LIMIT
    assert not set("\u202e\x00\n") & set(one + other)
