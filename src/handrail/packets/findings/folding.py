"""The readings of one text: how it looks is one thing, how it is written another.

Full-width letters, ligatures, accents, soft hyphens, zero-width and control characters make no difference; each run of
white space is one space, or one line break. Every reading knows which place of the text each of its characters is from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Mn", "Me"})
_BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
# What looks like the Latin letter beside it. Dashes and quotes of all kinds are one of each.
_ALIKE = str.maketrans(
    "аеорсхуіѕјԁһοАВЕКМНОРСТХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"  # noqa: RUF001 - they are what is meant
    "\u2010\u2011\u2012\u2013\u2014\u2212\u2018\u2019\u201c\u201d\u201e",
    'aeopcxyisjdhoABEKMHOPCTXABEZHIKMNOPTYX------\'\'"""',
)

# Letters that nobody sees.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Letters that no normal form takes apart.
_SPELLED = {
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
}


class TextReading(NamedTuple):
    """``places[i]`` is where in the text ``text[i]`` stands; one more at the end. None: they are the same."""

    text: str
    places: Sequence[int] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The part of the text itself."""
        if self.places is None:
            return start, end
        return self.places[start], max(self.places[end], self.places[end - 1] + 1)


def folded(text: str) -> TextReading:
    """As people read it."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return TextReading(text, None)
    out: list[str] = []
    places: list[int] = []
    space, since = "", 0
    for at, character in enumerate(text):
        for one in _plain(character):
            if one in " \n":
                since = since if space else at
                space = "\n" if "\n" in (one, space) else " "
                continue
            if space:
                out.append(space)
                places.append(since)
                space = ""
            out.append(one)
            places.append(at)
    places.append(len(text))
    return TextReading("".join(out), places)


def joined(reading: TextReading) -> TextReading | None:
    """Without line breaks, and the hyphens before them; None where it is on one line."""
    if "\n" not in reading.text:
        return None
    out: list[str] = []
    places: list[int] = []
    whole = reading.text
    for at, character in enumerate(whole):
        if character == "\n" or (character == "-" and whole[at + 1 : at + 2] == "\n"):
            continue
        out.append(character)
        places.append(at if reading.places is None else reading.places[at])
    places.append(len(whole) if reading.places is None else reading.places[-1])
    return TextReading("".join(out), places)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """What is read where ``character`` is written."""
    if character in _BREAKS:
        return "\n"
    if character in "\t\u00b7" or unicodedata.category(character) == "Zs":
        return " "
    if character in _BLANK:
        return ""
    if character in _SPELLED:
        return _SPELLED[character]
    apart = unicodedata.normalize("NFKD", character.translate(_ALIKE))
    return "".join(one for one in apart if unicodedata.category(one) not in _UNSEEN).translate(_ALIKE)
