"""What internal texts are looked for: quotations are found as before, in time that grows with the texts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.packets.assembly import cleaning
from handrail.packets.assembly.cleaning import MIN_QUOTE, MIN_WORDS, SHINGLE, InsideTexts, without_edges
from tests.factories.linear import CLASSES, makers, too_slow, within

hostile = st.text(st.sampled_from("ab Z0_!?.,-\n\r\t ẹ́́\u200b\u202e\u00a0ß"), max_size=120)


@given(st.text(max_size=200) | hostile)
def test_edges_are_those_that_the_pattern_took_away(text: str) -> None:
    assert without_edges(text) == re.sub(r"^\W+|\W+$", "", text)


def quoted_as_before(inside: Sequence[str], leaving: Sequence[str]) -> list[int]:
    """As it was written first: every quote at every word."""
    quotes = {
        re.sub(r"^\W+|\W+$", "", cleaning._normal(part))
        for text in inside
        for part in (text, *cleaning._SENTENCE.split(text))
    }
    quotes = {quote for quote in quotes if len(quote) >= MIN_QUOTE and len(quote.split()) >= MIN_WORDS}
    return [
        number
        for number, text in enumerate(leaving)
        if len(text) >= MIN_QUOTE
        and any(
            cleaning._normal(text).startswith(quote, word.start())
            for word in re.finditer(r"\w+", cleaning._normal(text))
            for quote in quotes
        )
    ]


sentences = st.lists(
    st.lists(st.sampled_from(["the", "key", "is", "a", "b", "tenant", "x.", "\n"]), max_size=14).map(" ".join),
    max_size=4,
)


def test_part_of_a_note_in_a_script_without_blanks_is_a_quotation() -> None:
    inside = InsideTexts(["客户威胁要因为这次故障离开我们的服务"])
    assert inside.is_quoted_in("客户威胁要因为这次故障离开")
    assert not inside.is_quoted_in("所有用户登录失败")


@given(sentences, sentences)
def test_quotations_are_those_that_were_found_before(inside: list[str], leaving: list[str]) -> None:
    found = InsideTexts(inside).quoted_in(list(enumerate(leaving)))
    assert set(quoted_as_before(inside, leaving)) <= set(found)
    in_common = {
        number for number, text in enumerate(leaving) if six_words(text) & set().union(*map(six_words, inside))
    }
    assert set(found) <= {*quoted_as_before(inside, leaving), *in_common}


def six_words(text: str) -> set[str]:
    words = re.findall(r"\w+", text)
    return {" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}


NOTE = "Their own engineer changed the signing key on Friday without telling anybody, says Ana."


@pytest.mark.parametrize(
    "text",
    [
        "We hear that their own engineer changed the signing key.",
        "it was CHANGED: the signing key, on\nFriday, without approval",
        "chang\u00aded the sign\u200ding key on Friday, without asking",
    ],
)
def test_part_of_a_note_is_a_quotation(text: str) -> None:
    assert InsideTexts([NOTE]).is_quoted_in(text)


@pytest.mark.parametrize(
    "text", ["The engineer changed the signing key.", "on Friday without telling", "2026-11-20 07:58:00"]
)
def test_few_words_of_a_note_are_no_quotation(text: str) -> None:
    assert not InsideTexts([NOTE, "2026-11-20 07:58:00 and 2026-11-20 07:58:00 again"]).is_quoted_in(text)


def test_quotations_are_looked_for_in_linear_time() -> None:
    inside = InsideTexts([NOTE, "a b c d e f g", "the same words over and over and over again " * 40])
    texts = list(makers([*CLASSES.values(), "the same ", "a b ", "over and "], [("", "")]))

    def work() -> list[str]:
        return [f"{name}: {why}" for name, make in texts if (why := too_slow(inside.is_quoted_in, make, (8192,)))]

    assert within(60, work) == []


def test_quotation_is_found_behind_another_that_begins_alike() -> None:
    inside = InsideTexts(
        ["the role was removed by hand", "the role was removed by hand on Monday", "the role was replaced"]
    )
    assert inside.quoted_in([(1, "Note: the role was removed by hand."), (2, "the role was re")]) == [1]
