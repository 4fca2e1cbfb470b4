"""The forms in which traces and logs in OTLP/JSON are written down, made into one.

The specification's form; the Collector's file exporter, one object a line; ``instrumentationLibrarySpans`` of before
OTLP 0.19; Grafana Tempo's ``batches``; ``trace`` or ``result`` around them, as Tempo and Jaeger answer; names of fields
in snake case, as protobuf's own JSON writer keeps them, or in any other case.
"""

from __future__ import annotations

from typing import Any

from handrail.packets.sanitise.guard import JsonLines
from handrail.packets.sanitise.vocabulary import words

# Every name that a field of what may stay has in OTLP/JSON.
FIELDS = words(
    """
resourceSpans resourceLogs resource attributes droppedAttributesCount scopeSpans scopeLogs scope name version spans
logRecords traceId spanId parentSpanId kind startTimeUnixNano endTimeUnixNano events links status flags
droppedEventsCount droppedLinksCount code message timeUnixNano observedTimeUnixNano severityNumber severityText body
eventName key value stringValue intValue doubleValue boolValue arrayValue values schemaUrl traceState
"""
)
_NAMES = {name.lower(): name for name in FIELDS} | {
    "batches": "resourceSpans",
    "instrumentationlibraryspans": "scopeSpans",
    "instrumentationlibrarylogs": "scopeLogs",
    "instrumentationlibrary": "scope",
    "logs": "logRecords",
}
GROUPS = ("resourceSpans", "resourceLogs")
_WRAPPERS = ("trace", "result")  # of Tempo, and of gateways such as Jaeger's
_MOST_WRAPPERS = 3
_ITEMS = frozenset({"spans", "logrecords", "logs"})


def named(source: dict[str, Any]) -> dict[str, Any]:
    """``source`` with the names of OTLP/JSON. Two names of one list are one list; of two of a value, the first."""
    if source.keys() <= FIELDS:
        return source
    made: dict[str, Any] = {}
    for key, value in source.items():
        name = key if key in FIELDS else _NAMES.get(_plain(key), key)
        before = made.get(name)
        if name not in made or before is None:
            made[name] = value
        elif type(before) is list and type(value) is list:
            made[name] = before + value
        else:
            made[f"{key}\0"] = value  # a name that no field has: it is counted as one that isn't listed
    return made


def merged(document: Any) -> tuple[dict[str, list[Any]], list[dict[str, Any]]] | None:
    """The groups of spans and of logs in ``document``, and what stands beside them; None if it is not of this kind."""
    groups: dict[str, list[Any]] = {}
    beside = []
    for whole in document if type(document) is JsonLines else [document]:
        one = _unwrapped(whole)
        if one is None:
            return None
        for name in GROUPS:
            found = one.get(name)
            if found is None:
                continue
            if type(found) is not list or any(type(group) is not dict for group in found):
                return None
            groups.setdefault(name, []).extend(found)
        beside.append({key: value for key, value in one.items() if key not in GROUPS})
    return (groups, beside) if groups else None


def _unwrapped(document: Any) -> dict[str, Any] | None:
    """The object that has the groups. What stands beside a wrapper stays beside it."""
    beside: dict[str, Any] = {}
    for _ in range(_MOST_WRAPPERS):
        if type(document) is not dict:
            return None
        one = named(document)
        around = next((key for key in _WRAPPERS if type(one.get(key)) is dict), None)
        if around is None or any(name in one for name in GROUPS):
            return {**beside, **one}
        beside |= {key: value for key, value in one.items() if key != around}
        document = one[around]
    return None


def items(document: Any) -> int:
    """How many spans and log records ``document`` has anywhere, whatever the lists around them are called."""
    total = 0
    waiting = [document]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            for key, value in item.items():
                if type(value) is list and key != "attributes":
                    if key in _ITEMS or _plain(key) in _ITEMS:
                        total += len(value)
                    else:
                        waiting.append(value)
                elif type(value) is dict:
                    waiting.append(value)
        else:
            for inner in item if isinstance(item, list) else ():
                if type(inner) is dict and ("spanId" in inner or any(_plain(key) == "spanid" for key in inner)):
                    total += 1
                elif isinstance(inner, dict | list):
                    waiting.append(inner)
    return total


def _plain(key: str) -> str:
    return key.replace("_", "").lower()
