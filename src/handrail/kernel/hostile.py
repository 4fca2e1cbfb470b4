"""Text from outside is hostile: it is bounded, stripped of controls and markup tricks, and only then kept or shown."""

from __future__ import annotations

import unicodedata

# Controls, formats (bidirectional overrides, zero-width joiners, tags), private use, surrogates, unassigned.
_REFUSED = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_KEPT = frozenset("\n\t")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can keep ``text`` at all: it knows neither NUL nor half a surrogate pair."""
    return (text.isascii() and "\0" not in text) or not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def clean_text(text: str, *, limit: int, multiline: bool = False) -> str:
    """``text`` in NFC without control, format, private or unassigned characters, at most ``limit`` characters.

    A text that had to be cut ends in ``…``. Without ``multiline`` every run of white space is one space; with it lines
    end in ``\\n``. Escaping for HTML is the template's work, not done here.
    """
    normal = unicodedata.normalize("NFC", unix_lines(text[: limit * 4]))
    kept = "".join(
        c if c in _KEPT or unicodedata.category(c) not in _REFUSED else " " if c in "\v\f" else "" for c in normal
    )
    if not multiline:
        kept = " ".join(kept.split())
    kept = kept.strip()
    whole = len(kept) <= limit and not text[limit * 4 :].strip()
    return kept if whole or not kept else kept[: limit - 1].rstrip() + "…"


def unix_lines(text: str) -> str:
    """``text`` with ``\\n`` for every line break. A form's text area counts a break as one character and sends two."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
