"""Stand-ins in cleared text, numbered in order of first sight, so that tests can say which of them are the same."""

from __future__ import annotations

import re

_SPOKEN = re.compile(r"(~[a-z]{2,5}|hidden|private)-[a-z]{5}(?:-[a-z]{5}){2}(?![a-z-])")


def numbered(text: str) -> str:
    """``/~num-lusab-babad-gutih`` as ``/~num1``, another one of its kind as ``~num2``; ``hidden1.okta.com``."""
    seen: dict[str, dict[str, str]] = {}

    def short(found: re.Match[str]) -> str:
        kind = seen.setdefault(found[1], {})
        return kind.setdefault(found[0], f"{found[1]}{len(kind) + 1}")

    return _SPOKEN.sub(short, text)
