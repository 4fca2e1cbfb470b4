"""``Link`` headers (RFC 8288), read generously: a next page that is badly written is still a next page."""

from __future__ import annotations

import re

_REL = re.compile(r"""(?:^|[;,\s>])rel\*?\s*=\s*("[^"]*"?|'[^']*'?|[^\s;,]+)""", re.IGNORECASE)


def is_related(header: str, relation: str) -> bool:
    """Whether any link of the header has ``relation`` (lower case), in any spelling."""
    return relation in _relations(header)


def target(header: str, relation: str) -> str | None:
    """The URI reference of the only link with ``relation``; None where there is none, or several."""
    found = set()
    for part in header.split("<")[1:]:
        uri, _, parameters = part.partition(">")
        if relation in _relations(parameters):
            found.add(uri.strip())
    return found.pop() if len(found) == 1 else None


def _relations(parameters: str) -> set[str]:
    names = set()
    for value in _REL.findall(parameters):
        bare = value.rpartition("''")[2] if value.startswith(("UTF", "utf")) else value.strip("\"'")  # rel*=UTF-8''next
        names |= set(bare.lower().split())
    return names
