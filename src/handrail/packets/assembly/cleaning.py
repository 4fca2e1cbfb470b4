"""Texts from outside, made safe to keep and to show; and the search for inside texts in what would leave."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TypeVar

from pydantic import JsonValue

from handrail.definitions.language.valuetypes import MAX_TEXT
from handrail.kernel.hostile import clean_text
from handrail.packets.findings.folding import folded

K = TypeVar("K")

# So many words in a row are a quotation: a part of an inside text counts from there.
SHINGLE = 6
# Numbers and times alone are in two texts by chance, however many.
_REAL_WORDS = 4
# Shorter than this, or of fewer words, a text is too short to tell a quotation from chance.
MIN_QUOTE = 16
MIN_WORDS = 3

_WORD = re.compile(r"\w+")
# Chinese, Japanese, Korean and Thai are written without blanks: each character is a word there.
_SCRIPTS = "\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WITHOUT_BLANKS = re.compile(f"[{_SCRIPTS}]")
_WORDS = re.compile(f"[{_SCRIPTS}]|[^\\W{_SCRIPTS}]+")
_WORD_CHARACTER = re.compile(r"\w")
_SENTENCE = re.compile(r"[\r\n]+|(?<=[.!?])\s+")


def clean(value: JsonValue, *, multiline: bool) -> JsonValue:
    """``value`` with every text cleaned; numbers and booleans as they are."""
    if isinstance(value, str):
        return _clean_text(value, multiline=multiline)
    if isinstance(value, list):
        return [clean(item, multiline=multiline) for item in value]
    return value


def _clean_text(text: str, *, multiline: bool) -> str:
    # Most texts are plain already; cleaning each character costs a hundred times more than seeing that.
    if text.isascii() and text.isprintable() and "  " not in text and text == text.strip() and len(text) <= MAX_TEXT:
        return text
    return clean_text(text, limit=MAX_TEXT, multiline=multiline)


class InsideTexts:
    """Texts that must not leave: whole, by the sentence, or any six words in a row of them. Case, accents, white space
    and punctuation make no difference."""

    def __init__(self, texts: Iterable[str]) -> None:
        texts = tuple(texts)
        self._shingles = {shingle for text in texts for shingle in _shingles(_words(text))}
        self._firsts = {shingle[0] for shingle in self._shingles}
        parts = (part for text in texts for part in (text, *_SENTENCE.split(text)))
        found = {quote for part in parts if _is_telling(quote := without_edges(_normal(part)))}
        self._by_start: dict[str, list[str]] = {}
        for quote in sorted(found):
            kept = self._by_start.setdefault(quote[:MIN_QUOTE], [])
            # Where a quote stands, whatever it begins with stands too: only the shortest have to be looked for.
            if not kept or not quote.startswith(kept[-1]):
                kept.append(quote)
        self._longest = {start: max(map(len, kept)) for start, kept in self._by_start.items()}

    def quoted_in(self, leaving: Iterable[tuple[K, str]]) -> list[K]:
        """The keys of those texts in which one of the inside texts stands, or a part of one."""
        return [key for key, text in leaving if self.is_quoted_in(text)]

    def is_quoted_in(self, text: str) -> bool:
        """Whether one of the inside texts stands in ``text``, or a part of one."""
        if self._by_start and len(text) >= MIN_QUOTE and self._quotes(_normal(text)):
            return True
        return bool(self._shingles) and self._shares_words(text)

    def _shares_words(self, text: str) -> bool:
        words = _words(text)
        return any(
            words[at] in self._firsts and tuple(words[at : at + SHINGLE]) in self._shingles
            for at in range(len(words) - SHINGLE + 1)
        )

    def _quotes(self, text: str) -> bool:
        for word in _WORD.finditer(text):
            at = word.start()
            start = text[at : at + MIN_QUOTE]
            candidates = self._by_start.get(start)
            if candidates and _begins_with_one(text[at : at + self._longest[start]], candidates):
                return True
        return False


def _begins_with_one(text: str, quotes: list[str]) -> bool:
    """``quotes`` is sorted, and none begins with another: only the last one that is not after ``text`` can fit."""
    place = bisect_right(quotes, text)
    return place > 0 and text.startswith(quotes[place - 1])


def _is_telling(quote: str) -> bool:
    return len(quote) >= MIN_QUOTE and len(quote.split(None, MIN_WORDS)) >= MIN_WORDS


def without_edges(text: str) -> str:
    """``text`` from its first to its last letter, digit or underscore.

    Each end is looked for from its own side: a pattern anchored at the end is tried again at every character of a long
    run, which takes time that grows with the square of the text.
    """
    first = _WORD_CHARACTER.search(text)
    if first is None:
        return ""
    last = _WORD_CHARACTER.search(text[::-1])
    assert last is not None  # there is the first one
    return text[first.start() : len(text) - last.start()]


def _words(text: str) -> list[str]:
    return _WORDS.findall(folded(text).text.casefold())


def _shingles(words: list[str]) -> Iterator[tuple[str, ...]]:
    for at in range(len(words) - SHINGLE + 1):
        shingle = tuple(words[at : at + SHINGLE])
        real = sum(word.isalpha() and _weight(word) > 1 for word in shingle)
        if real >= _REAL_WORDS and sum(map(_weight, shingle)) >= MIN_QUOTE:
            yield shingle


def _weight(word: str) -> int:
    """The letters that it would have in a script with blanks."""
    return 3 if len(word) == 1 and _WITHOUT_BLANKS.fullmatch(word) else len(word)


def _normal(text: str) -> str:
    return " ".join(_clean_text(text, multiline=False).casefold().split())


def texts_of(value: JsonValue) -> Iterable[str]:
    """Every text in ``value``, names of members left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_of(item)
