"""YAML in, plain data with places out; anything else is Invalid."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.definitions.source import loader
from handrail.definitions.source.faults import TextMark
from handrail.definitions.source.loader import Document, load
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Fault, Invalid
from tests.lanes import examples


def refusal(text: str) -> Invalid:
    with pytest.raises(Invalid) as caught:
        load(text, file="x.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0o17", 15),
        ("0x1F", 31),
        ("012", 12),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2026-11-22", "2026-11-22"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("=", "="),
    ],
)
def test_load_types_by_yaml_1_2(text: str, value: Any) -> None:
    loaded = load(f"key: {text}\n").data["key"]
    assert loaded == value
    assert type(loaded) is type(value)


def test_load_remembers_places() -> None:
    document = load("a: 1\nb:\n  - x\n  - {c: y}\n")
    assert document.data == {"a": 1, "b": ["x", {"c": "y"}]}
    assert document.mark(("b", 1, "c")) == TextMark(4, 9)
    assert document.key_mark(("b", 1, "c")) == TextMark(4, 6)
    assert document.mark(("b", 7, "nowhere")) == document.mark(("b",))


def test_load_keeps_block_texts() -> None:
    assert load("a: |\n  one\n  two\n").data == {"a": "one\ntwo\n"}


def test_load_refuses_an_alias_bomb_without_building_it() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    faults = refusal(bomb).faults
    assert any("anchors" in fault.message for fault in faults)
    assert any("aliases" in fault.message and fault.line == 2 for fault in faults)


def test_load_refuses_depth() -> None:
    error = refusal("a: " + "[" * 40 + "]" * 40)
    assert "32 levels" in error.faults[0].message
    assert error.faults[0].line == 1


@pytest.mark.parametrize("text", ["[" * 260_000, "{" * 260_000, "? " * 100_000, "- " * 100_000, "x: y\n" * 50_000])
def test_load_refuses_floods_soon(text: str) -> None:
    assert refusal(text).faults[0].line is not None


def test_load_refuses_oversize() -> None:
    error = refusal("a: " + "x" * loader.MAX_BYTES)
    assert str(loader.MAX_BYTES) in error.message


def test_load_counts_bytes_not_characters() -> None:
    assert str(loader.MAX_BYTES) in refusal("é" * (loader.MAX_BYTES // 2 + 1)).message


def test_load_refuses_too_many_values() -> None:
    assert "10000 values" in refusal("a:\n" + "- 1\n" * 10_001).message


def test_load_refuses_an_empty_file() -> None:
    assert "empty" in refusal("# nothing\n").message


def test_load_names_file_line_and_column() -> None:
    error = refusal("a: 1\nb: [1, 2\nc: 3\n")
    assert error.message.startswith("x.yaml has 1 fault.")
    assert (error.faults[0].line, error.faults[0].column) == (3, 2)
    assert error.code == "definition-invalid"


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff", "\ue000", "\ud800"])
def test_load_refuses_hidden_characters(char: str) -> None:
    fault = refusal(f"a: 1\nb: x{char}y\n").faults[0]
    assert (fault.line, fault.column) == (2, 5)
    assert f"U+{ord(char):04X}" in fault.message


def test_load_accepts_windows_line_ends() -> None:
    assert load("a: 1\r\nb: 2\r\n").data == {"a": 1, "b": 2}


@settings(max_examples=examples(50), deadline=None)
@given(st.text(max_size=200))
def test_load_of_any_text_raises_nothing_but_invalid(text: str) -> None:
    check_any(text)


PIECES = [
    "a", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "'", '"', "|", ">", "&a ", "*a", "!x ", "!!int ", "? ", "#",
    "%YAML 1.2\n", "---\n", "...\n", "<<", "\\", "\\u0000", "@", "`", "1", ".inf", "\t", "é", "|2\n", ">-\n", "=",
]  # fmt: skip


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_load_of_any_yaml_like_text_raises_nothing_but_invalid(text: str) -> None:
    check_any(text)


def check_any(text: str) -> None:
    """Either faults with places, or JSON with a place for every value."""
    faults, document = outcome(text)
    if document is None:
        assert faults
    else:
        canonical_bytes(document.data)
        assert () in document.values


def outcome(text: str) -> tuple[tuple[Fault, ...], Document | None]:
    try:
        return (), load(text)
    except Invalid as error:
        return error.faults, None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc ", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=examples(33), deadline=None)
@given(json_values)
def test_load_reads_back_json(value: Any) -> None:
    text = canonical_bytes(value).decode()
    faults, document = outcome(text)
    if document is None:
        assert any("U+" in fault.message for fault in faults)
    else:
        assert document.data == value


def test_resolve_refuses_overflowing_floats() -> None:
    with pytest.raises(ValueError, match="too large"):
        loader.resolve("1e999")
    assert math.isfinite(loader.resolve("1e300"))  # type: ignore[arg-type]
