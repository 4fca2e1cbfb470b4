"""Host names in one form: lower case, A-labels (IDNA 2008), no dot at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import idna

_ASCII = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126}")
_LONGEST = 253


@lru_cache(maxsize=8192)
def normal_host(raw: str) -> str | None:
    """``raw`` in the one form in which names are compared, None for any other text."""
    text = raw.strip().rstrip(".。").lower()
    if not text.isascii() or "xn--" in text:
        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError, IndexError):
            return None
    return text if len(text) <= _LONGEST and _ASCII.fullmatch(text) else None


def end_of(host: str, ends: Iterable[str]) -> str | None:
    """The longest of ``ends`` that ``host`` is or lies under, on the border of a label. Both are in the one form."""
    found = [end for end in ends if host == end or host.endswith(f".{end}")]
    return max(found, key=len, default=None)
