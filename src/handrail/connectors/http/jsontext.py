"""JSON from outside, read strictly: what two readers could understand differently is refused (as in RFC 7493)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, cast

from pydantic import JsonValue

from handrail.kernel.hostile import is_storable

MAX_DEPTH = 64
# In the place of what ``parse_page`` can't give: a text that nothing takes.
UNUSABLE = "\0"
# A string, as far as it goes, or a bracket. Nothing is looked at twice.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[\[\]{}]', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"


class NotJson(Exception):
    """The bytes are not JSON, or JSON that is too deep or means two things."""


def parse_json(data: bytes) -> JsonValue:
    """The JSON value in ``data`` (UTF-8).

    Raises NotJson: malformed, nested over ``MAX_DEPTH``, a name twice in one object, NaN or an infinity (also by
    overflow), an integer over 4300 digits, U+0000 or half a surrogate pair in a text (PostgreSQL can keep neither).
    """
    try:
        value = json.loads(
            data.decode("utf-8-sig"),
            parse_constant=_no_constant,
            parse_float=_finite,
            object_pairs_hook=_each_name_once,
        )
    except (ValueError, RecursionError):
        raise NotJson from None
    _check(value)
    return cast("JsonValue", value)


def parse_page(data: bytes) -> JsonValue:
    """The JSON value in ``data``, in which each item is judged by itself: a page of tasks, of which one must not keep
    the others off. What ``parse_json`` refuses is ``UNUSABLE`` in its place, or a text that nothing can keep.

    Raises NotJson for what is malformed as a whole.
    """
    try:
        value = json.loads(
            # Other bytes become half surrogate pairs, which nothing takes either.
            _shallow(data).decode("utf-8-sig", "surrogateescape"),
            parse_constant=lambda _: UNUSABLE,
            parse_float=lambda text: number if math.isfinite(number := float(text)) else UNUSABLE,
            parse_int=_integer,
            object_pairs_hook=lambda pairs: found if len(found := dict(pairs)) == len(pairs) else UNUSABLE,
        )
    except (ValueError, RecursionError):
        raise NotJson from None
    return cast("JsonValue", value)


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:  # over 4300 digits
        return UNUSABLE


def _shallow(data: bytes) -> bytes:
    """``data`` with ``UNUSABLE`` for whatever begins deeper than ``MAX_DEPTH``."""
    kept, depth, copied = bytearray(), 0, 0
    for token in _TOKEN.finditer(data):
        if token[0] in _OPENING:
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += data[copied : token.start()] + json.dumps(UNUSABLE).encode()
                copied = len(data)
        elif token[0] in _CLOSING:
            depth -= 1
            if depth == MAX_DEPTH and copied == len(data):
                copied = token.end()
    return bytes(kept + data[copied:]) if kept else data


def _no_constant(_: str) -> float:
    raise NotJson


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotJson
    return number


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson
    return found


def _check(value: Any) -> None:
    """Walk level by level: the walk itself must not recurse."""
    level = [value]
    for depth in range(MAX_DEPTH + 1):
        if any(isinstance(item, str) and not is_storable(item) for item in level):
            raise NotJson
        if depth == MAX_DEPTH and any(isinstance(item, dict | list) for item in level):
            raise NotJson
        level = [child for item in level for child in _children(item)]


def _children(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item
        yield from item.values()
    elif isinstance(item, list):
        yield from item
