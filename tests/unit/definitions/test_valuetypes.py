"""Values from outside are taken only as what they were declared to be, and only where canonical JSON can keep them."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.definitions.language.valuetypes import MAX_INTEGER, ValueType, check
from handrail.kernel.canonical import canonical_bytes
from tests.lanes import examples


@given(value=st.floats() | st.integers())
def test_check_takes_no_number_that_canonical_json_refuses(value: float) -> None:
    try:
        taken = check(value, ValueType("number"))
    except ValueError:
        return
    assert canonical_bytes(taken)


@pytest.mark.parametrize("value", [MAX_INTEGER + 1, float(MAX_INTEGER + 1), -1e300])
def test_check_refuses_whole_numbers_that_lose_digits(value: float) -> None:
    with pytest.raises(ValueError, match="beyond"):
        check(value, ValueType("number"))


@pytest.mark.parametrize(("value", "base"), [("5", "integer"), (1, "boolean"), (True, "integer"), (1.5, "integer")])
def test_check_coerces_nothing(value: object, base: str) -> None:
    with pytest.raises(ValueError, match=f"expected {base}"):
        check(value, ValueType(base))  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=st.dictionaries(st.text(), JSON))
def test_check_takes_no_object_that_canonical_json_refuses(value: dict[str, object]) -> None:
    try:
        taken = check(value, ValueType("object"))  # type: ignore[arg-type]
    except ValueError:
        return
    assert b"\\u0000" not in canonical_bytes(taken)


@pytest.mark.parametrize("inner", [MAX_INTEGER + 1, float("inf"), "a\x00b", "\ud800", {"\x00": 1}, ["x" * 70_000]])
@pytest.mark.parametrize("base", ["object", "list"])
def test_check_looks_into_objects_and_lists(inner: object, base: str) -> None:
    wanted = ValueType("object", many=base == "list")
    value = {"deep": [{"er": inner}]}
    with pytest.raises(ValueError, match=r"beyond|finite|can't be kept|at most"):
        check([value] if wanted.many else value, wanted)  # type: ignore[arg-type,list-item]


@pytest.mark.parametrize("text", ["a\x00b", "\udfff"])
def test_check_refuses_texts_that_the_database_can_not_keep(text: str) -> None:
    with pytest.raises(ValueError, match="can't be kept"):
        check(text, ValueType("string"))


@pytest.mark.parametrize(
    ("value", "wanted", "sentence"),
    [
        ([1] * 10_001, ValueType("integer", many=True), "a list of 10001; at most 10000 are taken"),
        ({"deep": [1] * 10_001}, ValueType("object"), "a list of 10001; at most 10000 are taken"),
        ("x" * 65_537, ValueType("string"), "a text of 65537 characters; at most 65536 are taken"),
        ("\x00", ValueType("string"), "a text with a null character or half a surrogate pair, which can't be kept"),
        (1e300, ValueType("number"), "a whole number beyond ±9007199254740991, which canonical JSON can't keep"),
        (2**53, ValueType("integer"), "an integer beyond ±9007199254740991"),
        (float("nan"), ValueType("number"), "a number that is not finite"),
        (None, ValueType("string"), "expected string, got null"),
        ("x", ValueType("string", many=True), "expected a list of string, got string"),
    ],
)
def test_check_keeps_its_sentences_because_they_are_part_of_hold_digests(
    value: object, wanted: ValueType, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        check(value, wanted)  # type: ignore[arg-type]
