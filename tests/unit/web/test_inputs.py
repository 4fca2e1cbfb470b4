"""Forms made from declared fields: each type has its control, and what is typed becomes a value of that type."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.definitions.inputs.format import TaskField
from handrail.definitions.inputs.schema import TASK, InputSchema
from handrail.kernel.errors import Fault, Invalid
from handrail.web.shell import inputs

DECLARED = {
    name: TaskField(**declared)
    for name, declared in {
        "name": {"type": "string", "minLength": 2, "maxLength": 40, "description": "As it is called."},
        "story?": {"type": "string", "maxLength": 4000},
        "mail?": {"type": "string", "format": "email"},
        "day?": {"type": "string", "format": "date"},
        "code?": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "colour?": {"type": "string", "enum": ["red", "true", "1"]},
        "level?": {"type": "integer", "enum": [1, 2]},
        "count?": {"type": "integer", "minimum": 0, "maximum": 9},
        "share?": {"type": "number", "minimum": 0},
        "sure?": {"type": "boolean"},
        "parts?": {"type": "array", "items": {"type": "integer"}, "maxItems": 3, "uniqueItems": True},
        "words?": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        "rows?": {"type": "array", "items": {"type": "object"}},
        "extra?": {"type": "object"},
    }.items()
}
SCHEMA = InputSchema(DECLARED, TASK)
VALUES: list[tuple[str, str, Any]] = [
    ("name", " Anna ", "Anna"),
    ("story", "one\r\ntwo", "one\ntwo"),
    ("colour", "true", "true"),
    ("colour", "1", "1"),
    ("level", "2", 2),
    ("count", "7", 7),
    ("share", "2.5e-1", 0.25),
    ("sure", "false", False),
    ("parts", "1\r\n\r\n 2 ", [1, 2]),
    ("words", "b", ["b"]),
    ("rows", '{"a": 1}\n{"b": [true]}', [{"a": 1}, {"b": [True]}]),
    ("extra", '{"a": {"b": null}}', {"a": {"b": None}}),
]
WRONG = [
    ("count", "\uff11\uff12", "expected integer"),
    ("count", "1_0", "expected integer"),
    ("count", "10", "expected at most 9"),
    ("share", "nan", "expected number"),
    ("share", "1e999", "expected number"),
    ("sure", "maybe", "expected boolean"),
    ("level", "3", "expected one of 1, 2"),
    ("parts", "1\n1", "expected no item twice"),
    ("mail", "nobody", "expected the format email"),
    ("extra", "[1]", "expected object"),
    ("extra", '{"a": 1, "a": 2}', "expected object"),
    ("extra", '{"a": NaN}', "expected object"),
    ("extra", "{" * 2000, "expected object"),
]


def typed(**given_texts: str) -> dict[str, str]:
    return {f"task.{name}": text for name, text in {"name": "Anna", **given_texts}.items()}


@pytest.mark.parametrize(("name", "text", "value"), VALUES)
def test_what_is_typed_becomes_a_value_of_the_declared_type(name: str, text: str, value: Any) -> None:
    made = inputs.payload(DECLARED, typed(**{name: text}))
    assert SCHEMA.validate(made)[name] == value


@pytest.mark.parametrize(("name", "text", "expected"), WRONG)
def test_what_can_be_no_value_stays_typed_and_is_refused_beside_its_field(name: str, text: str, expected: str) -> None:
    asked = typed(**{name: text})
    with pytest.raises(Invalid) as refused:
        SCHEMA.validate(inputs.payload(DECLARED, asked))
    field = next(one for one in inputs.fields(DECLARED, asked, refused.value.faults) if one.label == name)
    assert expected in field.fault
    assert field.typed == text
    assert not inputs.faults_elsewhere(refused.value.faults, DECLARED)


def test_each_type_has_its_control_with_its_limits_and_help() -> None:
    made = {one.label: one for one in inputs.fields(DECLARED, {})}
    assert {name: one.control for name, one in made.items()} == {
        **dict.fromkeys(("name", "mail", "code"), "text"),
        **dict.fromkeys(("story", "parts", "words", "rows"), "lines"),
        **dict.fromkeys(("colour", "level", "sure"), "choice"),
        **dict.fromkeys(("count", "share"), "number"),
        "day": "date",
        "extra": "json",
    }
    assert made["name"].hint == "As it is called. At least 2 characters."
    assert (made["name"].least, made["name"].most, made["name"].optional) == ("2", "40", False)
    assert made["sure"].choices == (("true", "Yes"), ("false", "No"))
    assert made["level"].choices == (("1", "1"), ("2", "2"))
    assert made["parts"].hint == "One integer per line. At most 3 lines. No line twice."
    assert made["code"].hint == "Must match ^[A-Z]{3}$"


def test_fault_of_the_whole_belongs_to_no_field() -> None:
    whole = Fault("task", "more than 65536 bytes")
    assert inputs.faults_elsewhere([whole, Fault("task.parts[1]", "expected integer")], DECLARED) == [whole]


@given(
    st.fixed_dictionaries(
        {"name": st.from_regex(r"[a-z]{2,10}", fullmatch=True)},
        optional={
            "count": st.integers(0, 9),
            "share": st.floats(0, 1e9),
            "sure": st.booleans(),
            "parts": st.lists(st.integers(-(2**50), 2**50), unique=True, min_size=1, max_size=3),
            "extra": st.dictionaries(st.text('ab"\\\n', min_size=1), st.text("xy\r\n\u202e")),
        },
    )
)
def test_values_that_fill_a_form_come_back_as_they_were(values: dict[str, Any]) -> None:
    back = inputs.payload(DECLARED, inputs.typed_of(values, DECLARED))
    assert SCHEMA.validate(back) == SCHEMA.validate(values)
