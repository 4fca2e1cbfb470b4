"""A changed value, summarised for people: what is shown contains what differs, however long the value is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handrail.kernel.hostile import clean_text

LIMIT = 120
# So much that is the same stands before the first difference of a text that has to be cut.
LEAD = 20
NAMED = 3
NAME_LIMIT = 60
UNSEEN = "the same to the eye"
_DIGEST = re.compile(r"\bsha256:([0-9a-f]{12})[0-9a-f]{52}\b")
# What names a record among others, the first that it has. Of a record without one nothing is quoted.
_NAMES = ("id", "ref", "reference", "key", "name")


def _as_it_is(text: str) -> str:
    return text


def summarise(before: Any, after: Any, *, hide: Callable[[str], str] = _as_it_is) -> tuple[str, str]:
    """What it changed from and to, each in at most about 120 characters, cleaned. ``hide`` masks what is not quoted."""
    if isinstance(before, list) and isinstance(after, list):
        return (
            f"{len(before)} {'entry' if len(before) == 1 else 'entries'}",
            f"{len(after)}: {'; '.join(_entries(before, after, hide))}",
        )
    if isinstance(before, dict) and isinstance(after, dict):
        changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
        before, after = ({name: one[name] for name in changed if name in one} for one in (before, after))
    one, other = _cut(hide(_text(before)), hide(_text(after)))
    return one, other if other != one else f"{other}, {UNSEEN}"


def _entries(before: list[Any], after: list[Any], hide: Callable[[str], str]) -> Iterator[str]:
    was, now = _by_name(before, hide), _by_name(after, hide)
    found = {
        "added": [name for key, (name, _) in now.items() if key not in was],
        "removed": [name for key, (name, _) in was.items() if key not in now],
        "changed": [name for key, (name, entry) in now.items() if key in was and was[key][1] != entry],
    }
    if not any(found.values()):
        yield "in another order" if len(before) == len(after) else "the same ones, in another number"
    for kind, names in found.items():
        if names:
            known = [name for name in names[:NAMED] if name]
            more = f" and {len(names) - len(known)} more" if known and len(names) > len(known) else ""
            yield f"{len(names)} {kind}" + (f": {', '.join(known)}{more}" if known else "")


def _by_name(entries: list[Any], hide: Callable[[str], str]) -> dict[str, tuple[str, str]]:
    """What makes an entry this one, to the name that is shown of it and its whole text."""
    found = {}
    for entry in entries:
        text = _text(entry)
        name = _name(entry) if isinstance(entry, Mapping) else text
        found[name or text] = (clean_text(hide(_short(name)), limit=NAME_LIMIT), text)
    return found


def _name(entry: Mapping[str, Any]) -> str:
    return next((str(entry[key]) for key in _NAMES if isinstance(entry.get(key), str | int)), "")


def _cut(before: str, after: str) -> tuple[str, str]:
    start = 0
    if max(len(before), len(after)) > LIMIT:
        pairs = enumerate(zip(before, after, strict=False))
        differs = next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))
        start = max(differs - LEAD, 0)
    return _shown(before, start), _shown(after, start)


def _shown(text: str, start: int) -> str:
    cleaned = clean_text(text[start:], limit=LIMIT)
    return (f"…{cleaned}" if start else cleaned) or "nothing"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return _short(text)


def _short(text: str) -> str:
    return _DIGEST.sub(r"sha256:\1…", text)
