"""The strict reader, beside pydantic in its strict mode: what one refuses the other does, at the same places."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from handrail.kernel.errors import Invalid
from handrail.packets.proof import reading, rules
from handrail.packets.proof.reading import BrokenRule, strict
from handrail.packets.proof.rules import Integer, JsonName, Length, Moment, String
from handrail.packets.proof.terms import Digest, Slug, Text
from tests.lanes import examples


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@strict
class Inner:
    name: Slug
    count: Annotated[int, Integer(0, 9)]

    def holds_together(self) -> None:
        if self.name == "none" and self.count:
            raise ValueError("none has no count")


@strict
class Outer:
    kind: Annotated[Literal["one", "two"], JsonName("_kind")]
    colour: Colour
    inner: Annotated[tuple[Inner, ...], Length(1, 2)]
    at: Annotated[datetime, Moment()]
    text: Annotated[str, String(1, 5)] | None
    sure: bool = False


MODEL = ConfigDict(extra="forbid", strict=True, validate_by_alias=True)


def _utc(value: datetime) -> datetime:
    assert value.utcoffset() == UTC.utcoffset(None), "must be a UTC instant"
    return value


@validated(config=MODEL)
class TheirInner:
    name: Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    count: Annotated[int, Field(ge=0, le=9)]

    def __post_init__(self) -> None:
        assert not (self.name == "none" and self.count), "none has no count"


@validated(config=MODEL)
class TheirOuter:
    kind: Annotated[Literal["one", "two"], Field(alias="_kind")]
    colour: Colour
    inner: Annotated[tuple[TheirInner, ...], Field(min_length=1, max_length=2)]
    at: Annotated[datetime, AfterValidator(_utc)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=5)] | None
    sure: bool = False


THEIRS = TypeAdapter(TheirOuter)
GOOD: dict[str, Any] = {
    "_kind": "one",
    "colour": "red",
    "inner": [{"name": "a-b", "count": 3}],
    "at": "2026-03-02T09:30:00.123456Z",
    "text": None,
}
TEXTS = ("", "one", "red", "none", "abcdef", "A b", "a-b\n", "é")
TIMES = ("2026-03-02T09:30:00Z", "2026-03-02T09:30:00+01:00", "2026-03-02T09:30:00", "2026-02-30T09:30:00Z")
OBJECTS: tuple[Any, ...] = ([], {}, [1], {"name": "none", "count": 1}, {"name": "x", "count": 1, "more": 1})
ODD = st.sampled_from([None, True, 0, 1, 3.0, 1.5, -1, 10, 2**53, *TEXTS, *TIMES, *OBJECTS])


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """The good one with one to three values replaced, added or taken away, at either level."""
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    document["inner"] *= draw(st.integers(1, 3))
    for _ in range(draw(st.integers(1, 3))):
        inner = document.get("inner")
        at = (
            inner[0]
            if isinstance(inner, list) and inner and isinstance(inner[0], dict) and draw(st.booleans())
            else document
        )
        key = draw(st.sampled_from([*at, "kind", "other", "sure"]))
        if draw(st.integers(0, 3)):
            at[key] = draw(ODD)
        else:
            at.pop(key, None)
    return document


def places(raw: bytes) -> list[str]:
    try:
        reading.read(Outer, raw, what="thing")
    except Invalid as error:
        return [fault.where for fault in error.faults]
    return []


def their_places(raw: bytes) -> list[str]:
    try:
        THEIRS.validate_json(raw)
    except ValidationError as error:
        return [".".join(map(str, one["loc"])) for one in error.errors()]
    return []


@settings(max_examples=examples(150), deadline=None)
@given(documents())
def test_the_same_is_refused_at_the_same_places_as_by_pydantic(document: dict[str, Any]) -> None:
    raw = json.dumps(document).encode()
    ours, theirs = places(raw), their_places(raw)
    assert bool(ours) == bool(theirs)
    if not (
        isinstance(document.get("inner"), list) and len(document["inner"]) > 2
    ):  # pydantic counts only the members that are valid
        assert set(ours) == set(theirs) - ({"inner"} if any(one.startswith("inner.") for one in theirs) else set())


def test_what_was_read_prints_as_it_was() -> None:
    document = {**GOOD, "sure": True, "text": "five5"}
    read = reading.read(Outer, json.dumps(document).encode(), what="thing")
    assert reading.plain(read) == document
    assert read == Outer(
        "one", Colour.RED, (Inner("a-b", 3),), datetime(2026, 3, 2, 9, 30, 0, 123456, UTC), "five5", True
    )


def test_a_fault_names_field_and_rule_and_never_the_value() -> None:
    document = {**GOOD, "inner": [{"name": "hunter2 hunter2", "count": 12}], "hunter3": 1}
    with pytest.raises(Invalid) as caught:
        reading.read(Outer, json.dumps(document).encode(), what="thing")
    assert [str(fault) for fault in caught.value.faults] == [
        "inner.0.name: String should match pattern '^[a-z0-9]+(-[a-z0-9]+)*$'",
        "inner.0.count: Input should be less than or equal to 9",
        "hunter3: Unexpected keyword argument",
    ]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'{"_kind":"one","_kind":"one"}', "a key is given twice"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"{} {}", "Extra data"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"Infinity", "not JSON"),
        (json.dumps(GOOD).encode("utf-16"), "not UTF-8"),
    ],
)
def test_what_is_no_json_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        reading.read(Outer, raw, what="thing")


@pytest.mark.parametrize("digits", ["9" * 21, "-" + "9" * 30, "9" * 2_000_000])
def test_a_number_of_any_length_is_too_large_at_once(digits: str) -> None:
    raw = json.dumps(GOOD).replace("3}", digits + "}").encode()
    with pytest.raises(Invalid, match=r"inner\.0\.count: Input should be (less|greater) than or equal"):
        reading.read(Outer, raw, what="thing")


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(Invalid, match="text: Input should be a valid string"):
        reading.read(Outer, json.dumps({**GOOD, "text": "\ud800"}).encode(), what="thing")


def test_a_field_name_is_bounded_and_cleaned() -> None:
    with pytest.raises(Invalid) as caught:
        reading.read(Outer, json.dumps({**GOOD, "\x1b[2J" + "x" * 5000: 1}).encode(), what="thing")
    where = caught.value.faults[0].where
    assert len(where) <= 60
    assert where.isprintable()


def test_faults_are_counted_out() -> None:
    with pytest.raises(Invalid) as caught:
        reading.read(Outer, json.dumps({**GOOD, **{f"k{n}": n for n in range(10_000)}}).encode(), what="thing")
    assert len(caught.value.faults) == rules.MAX_FAULTS


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"inner": [Inner("a", 1)]}, "inner"),
        ({"inner": ()}, "inner"),
        ({"inner": ({"name": "a", "count": 1},)}, "inner.0"),
        ({"colour": "red"}, "colour"),
        ({"at": datetime(2026, 1, 1)}, "at"),  # noqa: DTZ001
        ({"kind": "three"}, "_kind"),
        ({"text": 5}, "text"),
        ({"sure": 1}, "sure"),
    ],
)
def test_making_one_holds_to_the_same_rules(change: dict[str, Any], where: str) -> None:
    good: dict[str, Any] = {"kind": "one", "colour": Colour.RED, "inner": (Inner("a", 1),)}
    good |= {"at": datetime(2026, 1, 1, tzinfo=UTC), "text": None}
    Outer(**good)
    with pytest.raises(BrokenRule) as caught:
        Outer(**good | change)
    assert [fault.where for fault in caught.value.faults] == [where]


def test_a_type_without_a_rule_can_not_be_declared() -> None:
    class Loose:
        anything: dict[str, Any]

    with pytest.raises(TypeError, match="declares no rule"):
        strict(Loose)


def test_terms_are_rules_of_their_own() -> None:
    @strict
    class Words:
        text: Text
        digest: Digest

    with pytest.raises(BrokenRule, match="clean it first"):
        Words("a\u202eb", "sha256:" + "0" * 64)
    with pytest.raises(BrokenRule, match="digest: String should match pattern"):
        Words("a", "sha256:" + "0" * 64 + "\n")
