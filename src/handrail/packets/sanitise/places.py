"""Where in an artifact something stands, said so that a person finds it: never what stands there.

A place is made of numbers and of names that are our own: of fields, of headers and attributes that may stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

MOST_PLACES = 10
_NAMED = {
    "headers": "header",
    "queryString": "parameter",
    "params": "posted field",
    "attributes": "attribute",
}
_NUMBERED = {
    "entries": "entry",
    "pages": "page",
    "resourceSpans": "resource",
    "resourceLogs": "resource",
    "spans": "span",
    "logRecords": "log record",
    "events": "event",
    "links": "link",
}
_SILENT = frozenset({"log", "scopeSpans", "scopeLogs", "value", "stringValue", "intValue", "resource"})
_ADDRESSES = frozenset({"url", "redirectURL"})


class Places(NamedTuple):
    """The first places of something, and how many more there are."""

    places: tuple[str, ...]
    more: int

    def __str__(self) -> str:
        more = f"; and in {self.more} more" if self.more else ""
        return "; ".join(self.places) + more


def located(output: str, is_it: Callable[[str], bool]) -> Places:
    """Where in ``output``, a JSON value or one a line, texts are for which ``is_it`` answers yes."""
    places = list(dict.fromkeys(place for place, text in _texts(output) if is_it(text)))
    return Places(tuple(places[:MOST_PLACES]), max(0, len(places) - MOST_PLACES))


def _texts(output: str) -> Iterator[tuple[str, str]]:
    try:
        wholes: Iterable[Any] = [json.loads(output)]
    except json.JSONDecodeError:
        lines = [json.loads(line) for line in output.splitlines() if line]
        wholes = lines if all(type(line) is dict for line in lines) else []
        for line in wholes:
            yield from (
                (f"line {line['line']}" if type(line.get("line")) is int else "the file", text)
                for _, text in _walk(line, "", {})
            )
        return
    for whole in wholes:
        yield from _walk(whole, "", {})


def _walk(value: Any, place: str, counted: dict[str, int]) -> Iterator[tuple[str, str]]:
    if type(value) is str:
        yield place, value
    elif type(value) is dict:
        for key, inner in value.items():
            if type(inner) is list:
                yield from _listed(key, inner, place, counted)
            else:
                yield from _walk(inner, _joined(place, key), counted)


def _listed(key: str, listed: list[Any], place: str, counted: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Spans and records are counted through the whole artifact, all else where it stands."""
    through = key in {"spans", "logRecords"}
    for at, inner in enumerate(listed, 1):
        if key in _NAMED and type(inner) is dict:
            where = f"{_joined(place, _NAMED[key])} {inner.get('name') or inner.get('key')}"
            yield from ((where, text) for name, text in _walk(inner, "", counted) if name not in {"name", "key"})
        elif through:
            counted[key] = counted.get(key, 0) + 1
            yield from _walk(inner, f"{_NUMBERED[key]} {counted[key]}", counted)
        elif key in _NUMBERED:
            yield from _walk(inner, f"{place}, {_NUMBERED[key]} {at}".removeprefix(", "), counted)
        else:
            yield from _walk(inner, place if key in _SILENT else _joined(place, key), counted)


def _joined(place: str, key: str) -> str:
    if key in _SILENT:
        return place
    name = "address" if key in _ADDRESSES else key
    return f"{place}, {name}" if place and place[-1].isdigit() else f"{place} {name}".strip()
