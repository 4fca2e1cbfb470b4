"""What the rules take away of one exchange or span: it is sanitised by itself, and the report says so.

The report of a whole annex counts by rule and place only. A row of an original that somebody looks at goes through the
same sanitiser alone, and so does each header or attribute of one that was opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.packets.viewing.content import RemovedHere
from handrail.packets.viewing.flatten import entry_name

# Nobody reads the rules of more headers, and no rule needs more of a text or list to be seen at work.
_MOST, _LONGEST, _LISTED, _DEEPEST = 120, 2000, 400, 40


def of_exchange(entry: Any, context: SanitiseContext) -> tuple[RemovedHere, ...]:
    return _of("har/v1", {"log": {"entries": [entry]}}, context)


def of_span(span: Any, context: SanitiseContext) -> tuple[RemovedHere, ...]:
    return _of("otlp/v1", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, context)


def rules_of_exchange(entry: dict[str, Any], context: SanitiseContext) -> dict[str, str]:
    """By the name that a line has (``flatten``), the rule that took the header or parameter away, or changed it."""
    return dict(_exchange(entry, context))


def rules_of_span(span: dict[str, Any], context: SanitiseContext) -> dict[str, str]:
    found = {}
    for item in _listed(span, "attributes"):
        name = entry_name(item)
        removed = of_span({"attributes": [item]}, context)
        if name is not None and removed:
            found[f"attributes: {name}.stringValue"] = found[f"attributes: {name}.intValue"] = _words(removed)
    for key in ("name", "kind", "status"):
        if key in span and (removed := of_span({key: span[key]}, context)):
            found[key if key != "status" else "status.message"] = _words(removed)
    return found


def _exchange(entry: dict[str, Any], context: SanitiseContext) -> Iterator[tuple[str, str]]:
    for side in ("request", "response"):
        found = entry.get(side)
        part = found if isinstance(found, dict) else {}
        url = {"url": part["url"]} if side == "request" and isinstance(part.get("url"), str) else {}
        for key in ("headers", "cookies", "queryString"):
            for item in _listed(part, key):
                removed = of_exchange({side: {**url, key: [item]}}, context)
                here = [one for one in removed if one.place.startswith(f"{side}.{_PLACES.get(key, key)}")]
                if here and (name := entry_name(item)) is not None:
                    yield f"{side}.{key}: {name}", _words(here)
        if url and (removed := of_exchange({side: url}, context)):
            yield "request.url", _words(removed)
        for key in ("postData", "content"):
            if isinstance(part.get(key), dict) and (removed := of_exchange({side: {key: part[key]}}, context)):
                yield f"{side}.{key}.text", _words(removed)


_PLACES = {"queryString": "query"}


def _of(sanitiser: str, document: Any, context: SanitiseContext) -> tuple[RemovedHere, ...]:
    result = sanitise(sanitiser, json.dumps(_cut(document)).encode(), context=context)
    return tuple(RemovedHere(one["rule"], one["place"], one["count"]) for one in result.report.get("removed", ()))


def _cut(value: Any, depth: int = 0) -> Any:
    """The same, with no text or list longer than a page can ask for."""
    if isinstance(value, str):
        return value[:_LONGEST]
    if depth > _DEEPEST:
        return None
    if isinstance(value, dict):
        return {key[:_LONGEST]: _cut(one, depth + 1) for key, one in list(value.items())[:_LISTED]}
    return [_cut(one, depth + 1) for one in value[:_LISTED]] if isinstance(value, list) else value


def _words(removed: Any) -> str:
    return ", ".join(dict.fromkeys(one.rule for one in removed))


def _listed(of: dict[str, Any], key: str) -> list[Any]:
    found = of.get(key)
    return found[:_MOST] if isinstance(found, list) else []
