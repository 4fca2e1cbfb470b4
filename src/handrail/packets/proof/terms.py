"""The building blocks of the signed documents: bounded text, names, digests and instants."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from handrail.kernel.hostile import clean_text
from handrail.packets.proof.rules import MAX_SAFE_INTEGER, Integer, Moment, String

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
MAX_TEXT = 500
MAX_SLUG = 100

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PACKET_REF = re.compile(r"PKT-[0-9A-HJKMNP-TV-Z]{10}")
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


def _clean(text: str) -> None:
    if clean_text(text, limit=MAX_TEXT) != text:  # PF-25
        raise ValueError("holds control, formatting or doubled white-space characters: clean it first")


Text = Annotated[str, String(1, MAX_TEXT, check_text=_clean)]
Slug = Annotated[str, String(most=MAX_SLUG, shape=_SLUG.fullmatch)]
Digest = Annotated[str, String(shape=_DIGEST.fullmatch)]  # PF-25
PacketRef = Annotated[str, String(shape=_PACKET_REF.fullmatch)]
Count = Annotated[int, Integer(0, MAX_SAFE_INTEGER)]
Ordinal = Annotated[int, Integer(1, MAX_SAFE_INTEGER)]
Instant = Annotated[datetime, Moment()]
Hexadecimal = Annotated[str, String(shape=_HEXADECIMAL.fullmatch)]
StatementType = Literal["https://in-toto.io/Statement/v1"]
