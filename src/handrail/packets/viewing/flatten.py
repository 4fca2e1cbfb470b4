"""A JSON value as lines of a name and a text each, and two of them side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from handrail.packets.viewing.content import LINES, ComparedLine, shown_text

_DEEPEST = 12


def lines_of(value: Any, name: str = "") -> dict[str, str]:
    """Name to text of every value in ``value``, at most ``LINES``. Lists of named values are by their names."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for place, text in _walk(value, name, 0):
        seen[place] += 1
        found[place if seen[place] == 1 else f"{place} ({seen[place]})"] = text
        if len(found) == LINES:
            break
    return found


def compared(before: Any, after: Any, rules: Mapping[str, str], *, with_original: bool) -> tuple[ComparedLine, ...]:
    """Both sides' lines by name, in the order of the original. ``rules``: by name, what took a value away."""
    new = lines_of(after)
    if not with_original:
        return tuple(ComparedLine(name, text, text, "") for name, text in new.items())
    old = lines_of(before)
    names = [*old, *(name for name in new if name not in old and new[name])]
    return tuple(ComparedLine(name, old.get(name), new.get(name), rules.get(name, "")) for name in names)


def _walk(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST or not isinstance(value, dict | list) or not value:
        if value not in ({}, []):
            yield name, shown_text(value)
        return
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _walk(one, f"{name}.{key[:80]}" if name else key[:80], depth + 1)
        return
    for number, one in enumerate(value, start=1):
        named = entry_name(one)
        if named is None:
            yield from _walk(one, f"{name}[{number}]", depth + 1)
        else:
            yield from _walk(one.get("value"), f"{name}: {named}", depth + 1)


def entry_name(entry: Any) -> str | None:
    """The name of a header, parameter or attribute, in lower case; None for anything else."""
    if not isinstance(entry, dict) or "value" not in entry:
        return None
    found = entry.get("name", entry.get("key"))
    return found.lower()[:80] if isinstance(found, str) else None
