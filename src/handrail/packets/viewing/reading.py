"""Bytes of an annex as a JSON value, within the limits of the sanitisers."""

from __future__ import annotations

import json
from typing import Any

from handrail.packets.sanitise.guard import SanitiseRefused, read_json


def document_of(data: bytes) -> Any:
    """The JSON value, a list of them where there is one a line; None where it is neither."""
    try:
        return read_json(data, lines=True)
    except SanitiseRefused:
        return values_of_lines(data)


def values_of_lines(data: bytes, *, most: int = 200_000) -> list[Any] | None:
    """One JSON value a line; None where a line is none."""
    found = []
    try:
        for line in data.decode("utf-8-sig").splitlines()[:most]:
            if line.strip():
                found.append(json.loads(line))
    except (ValueError, RecursionError):
        return None
    return found or None


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
