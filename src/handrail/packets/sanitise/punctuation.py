"""What stands between the pieces of a line, and how a piece is spelled: worked out once for all lines that have it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from handrail.packets.sanitise.logwords import DOORS, NAMED_DOORS, without_marks

LONGEST = 200  # a longer piece is shown as open
_MARKS = str.maketrans({'"': "'", "`": "'", "{": "(", "}": ")", "\\": "/", "\t": " "})
_OPEN_ENDS = frozenset(",;|)]}>")
_SAME = re.compile(r"([^\sA-Za-z0-9])\1{3,}")
_LETTERS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Separator(NamedTuple):
    """How it is shown, and whether it ends a clause, or groups of digits that may be one number."""

    shown: str
    ends_clause: bool
    ends_numbers: bool


@lru_cache(maxsize=512)
def separator(part: str) -> Separator:
    shown = _SAME.sub(r"\1\1\1", " ".join(part.translate(_MARKS).split(" ")))[:LONGEST]
    bare = part.strip()
    return Separator(shown, not _OPEN_ENDS.isdisjoint(part), bool(bare) and bare not in "()")


class Spelling(NamedTuple):
    """Whether a piece opens doors, or does so where a value follows at once, and its last word."""

    opens: bool
    opens_at_once: bool
    last: str


@lru_cache(maxsize=2048)
def spelling(core: str) -> Spelling:
    letters = _LETTERS.findall(core if core.isascii() else without_marks(core))
    if not letters:
        return Spelling(opens=False, opens_at_once=False, last="")
    letters = [part.lower() for part in letters]
    parts = {*letters, "".join(letters)}
    return Spelling(not DOORS.isdisjoint(parts), not NAMED_DOORS.isdisjoint(parts), letters[-1])
