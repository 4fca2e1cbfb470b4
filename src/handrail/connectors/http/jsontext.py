"""JSON from outside, read strictly: what two readers could understand differently is refused (as in RFC 7493)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, cast

from pydantic import JsonValue

from handrail.kernel.hostile import is_storable

MAX_DEPTH = 64


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
