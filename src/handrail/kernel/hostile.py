"""Text from outside is hostile: it is bounded, stripped of controls and markup tricks, and only then kept or shown."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

# Controls, formats (bidirectional overrides, zero-width joiners, tags), private use, surrogates, unassigned.
_REFUSED = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_KEPT = frozenset("\n\t")
# As many marks on one character as no language writes (Unicode Standard Annex 15, "Stream-Safe Text Format").
_MARKS = 30
_MARKS_END = 0x20000  # all marks are in the first two planes
_Apart = Literal["NFD", "NFKD"]


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep ``text`` at all: it knows neither NUL nor half a surrogate pair."""
    return (text.isascii() and "\0" not in text) or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def has_unseen(text: str) -> bool:
    """Whether ``text`` has characters that ``clean_text`` would drop."""
    return any(unicodedata.category(c) in _REFUSED for c in text)


def clean_text(text: str, *, limit: int, multiline: bool = False) -> str:
    """``text`` in NFC without control, format, private or unassigned characters, at most ``limit`` characters.

    A text that had to be cut ends in ``…``. Without ``multiline`` every run of white space is one space; with it lines
    end in ``\\n``. Escaping for HTML is the template's work, not done here.
    """
    normal = normalized(unix_lines(text[: limit * 4]), "NFC")
    kept = "".join(
        c if c in _KEPT or unicodedata.category(c) not in _REFUSED else " " if c in "\v\f" else "" for c in normal
    )
    if not multiline:
        kept = " ".join(kept.split())
    kept = kept.strip()
    whole = len(kept) <= limit and not text[limit * 4 :].strip()
    return kept if whole or not kept else kept[: limit - 1].rstrip() + "…"


def normalized(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """``text`` in a Unicode normal form, as ``unicodedata.normalize`` gives it, in time that grows with its length.

    The library sorts the marks on one character by insertion, which takes the square of their number where they come
    in the wrong order: 200,000 of them take minutes. So long runs of marks are sorted before it sees them.
    """
    if text.isascii():
        return text
    apart: _Apart = "NFD" if form == "NFC" else "NFKD"
    return unicodedata.normalize(form, _long_runs(apart).sub(lambda run: _in_order(run[0], apart), text))


def _in_order(marks: str, apart: _Apart) -> str:
    # U+0000 between them keeps each where it stands while they are decomposed.
    decomposed = unicodedata.normalize(apart, "\0".join(marks)).replace("\0", "")
    return "".join(sorted(decomposed, key=unicodedata.combining))


@lru_cache
def _long_runs(apart: _Apart) -> re.Pattern[str]:
    """More marks in a row than ``_MARKS``; some vowel signs are none, and become marks when they are decomposed."""
    marks = (c for c in map(chr, range(0x300, _MARKS_END)) if unicodedata.combining(unicodedata.normalize(apart, c)[0]))
    return re.compile(f"[{''.join(marks)}]{{{_MARKS + 1},}}")  # law: kept, made on first use


def unix_lines(text: str) -> str:
    """``text`` with ``\\n`` for every line break. A form's text area counts a break as one character and sends two."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
