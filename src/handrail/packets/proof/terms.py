"""The building blocks of the signed documents: bounded text, names, digests and instants."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Annotated, Final, Literal

from handrail.kernel.hostile import clean_text
from handrail.packets.proof.rules import MAX_SAFE_INTEGER, Integer, Moment, String

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
MAX_TEXT = 500
MAX_SLUG = 100

_STARTER = "\u25a1"
# Noncharacters, and what Unicode keeps for characters without a shape.
_NEVER = "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
_RESERVED = re.compile(f"[\ufdd0-\ufdef\u2065\ufff0-\ufff8\U000e0000-\U000e0fff{_NEVER}]")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PACKET_REF = re.compile(r"PKT-[0-9A-HJKMNP-TV-Z]{10}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


def _clean(text: str) -> None:
    if clean_text(text, limit=MAX_TEXT) != text and _is_unclean(text):  # PF-25
        raise ValueError("holds control, formatting or doubled white-space characters: clean it first")


def _is_unclean(text: str) -> bool:
    """Also by the Unicode of another year: the sender's Python may know characters that this one doesn't, and what it
    signed is the same text here. Reserved for formatting, or for nobody, some are refused in every year."""
    known = "".join(_STARTER if unicodedata.category(c) == "Cn" and not _RESERVED.match(c) else c for c in text)
    return clean_text(known, limit=MAX_TEXT) != known


Text = Annotated[str, String(1, MAX_TEXT, check_text=_clean)]
Slug = Annotated[str, String(most=MAX_SLUG, shape=_SLUG.fullmatch)]
Digest = Annotated[str, String(shape=_DIGEST.fullmatch)]  # PF-25
PacketRef = Annotated[str, String(shape=_PACKET_REF.fullmatch)]
Count = Annotated[int, Integer(0, MAX_SAFE_INTEGER)]
Ordinal = Annotated[int, Integer(1, MAX_SAFE_INTEGER)]
Instant = Annotated[datetime, Moment()]
Hexadecimal = Annotated[str, String(shape=_HEXADECIMAL.fullmatch)]
StatementType = Literal["https://in-toto.io/Statement/v1"]
