"""Text from outside, made harmless."""

from __future__ import annotations

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel.hostile import _long_runs, clean_text, normalized

REFUSED = {"Cc", "Cf", "Co", "Cs", "Cn"}


def test_clean_text_says_so_where_only_what_is_not_looked_at_was_cut() -> None:
    assert clean_text("a" + "\u200b" * 40 + "b", limit=10) == "a…"
    assert clean_text("a" + " " * 60, limit=10) == "a"


@given(text=st.text(max_size=300), limit=st.integers(1, 80), multiline=st.booleans())
def test_clean_text_is_bounded_and_holds_no_controls(text: str, limit: int, multiline: bool) -> None:
    cleaned = clean_text(text, limit=limit, multiline=multiline)
    assert len(cleaned) <= limit
    assert {unicodedata.category(c) for c in cleaned if c not in "\n\t"} & REFUSED == set()


@given(text=st.text(max_size=100))
def test_clean_text_twice_changes_nothing_more(text: str) -> None:
    once = clean_text(text, limit=1000)
    assert clean_text(once, limit=1000) == once


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("pay\u202edegnahc", "paydegnahc"),
        ("zero\u200bwidth", "zerowidth"),
        ("line\r\nline", "line line"),
        ("  spaces  \t inside ", "spaces inside"),
        ("e\u0301", "é"),
        ("bell\x07", "bell"),
    ],
)
def test_clean_text_strips_what_misleads(text: str, cleaned: str) -> None:
    assert clean_text(text, limit=100) == cleaned


def test_clean_text_keeps_lines_when_asked() -> None:
    assert clean_text("one\ntwo", limit=100, multiline=True) == "one\ntwo"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_clean_text_ends_lines_in_one_way(ending: str) -> None:
    assert clean_text(f"one{ending}{ending}two{ending}", limit=100, multiline=True) == "one\n\ntwo"


def test_clean_text_shows_that_it_cut() -> None:
    assert clean_text("x" * 50, limit=10) == "x" * 9 + "…"


# Marks of many classes, in any order; some are decomposed, one only for NFKC.
marks = st.text(st.sampled_from("aé한\u0301\u0323\u0f71\u0f72\u0f73\u0344\u0345\u3099\uff9e\u1161\0"), max_size=120)


@given(marks | st.text(max_size=60), st.sampled_from(("NFC", "NFKC")))
def test_normal_form_is_the_one_of_the_library(text: str, form: Literal["NFC", "NFKC"]) -> None:
    assert normalized(text, form) == unicodedata.normalize(form, text)
    assert normalized(text * 9, form) == unicodedata.normalize(form, text * 9)


def test_every_mark_is_among_those_that_are_sorted() -> None:
    for c in map(chr, range(0x110000)):
        if unicodedata.combining(c):
            assert _long_runs("NFD").fullmatch(c * 31), hex(ord(c))
