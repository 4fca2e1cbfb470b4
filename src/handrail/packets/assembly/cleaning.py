"""Texts from outside, made safe to keep and to show; and the search for inside texts in what would leave."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from pydantic import JsonValue

from handrail.definitions.language.valuetypes import MAX_TEXT
from handrail.kernel.hostile import clean_text

K = TypeVar("K")

# Shorter than this, or of fewer words, a text is too short to tell a quotation from chance.
MIN_QUOTE = 16
MIN_WORDS = 3

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[\r\n]+|(?<=[.!?])\s+")
_EDGES = re.compile(r"^\W+|\W+$")


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
    """Texts that must not leave, whole or by the sentence. Case and white space make no difference."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_start: dict[str, set[str]] = {}
        for text in texts:
            for part in (text, *_SENTENCE.split(text)):
                self._add(_EDGES.sub("", _normal(part)))

    def _add(self, quote: str) -> None:
        if len(quote) >= MIN_QUOTE and len(quote.split()) >= MIN_WORDS:
            self._by_start.setdefault(quote[:MIN_QUOTE], set()).add(quote)

    def quoted_in(self, leaving: Iterable[tuple[K, str]]) -> list[K]:
        """The keys of those texts in which one of the inside texts stands."""
        if not self._by_start:
            return []
        return [key for key, text in leaving if len(text) >= MIN_QUOTE and self._quotes(_normal(text))]

    def _quotes(self, text: str) -> bool:
        for word in _WORD.finditer(text):
            at = word.start()
            candidates = self._by_start.get(text[at : at + MIN_QUOTE])
            if candidates and any(text.startswith(quote, at) for quote in candidates):
                return True
        return False


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
