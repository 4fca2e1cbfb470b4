"""``otlp/v1``: a trace or log in OTLP/JSON rebuilt from an allow-list.

Spans keep their tree, kinds, times and status; identifiers get stand-ins of the same form, so that trace tools still
load it. The format: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from typing import Any

from handrail.packets.sanitise import attributes, guard
from handrail.packets.sanitise.attributes import Attributes
from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.otlpforms import FIELDS, items, merged, named
from handrail.packets.sanitise.redaction import Redaction, json_text
from handrail.packets.sanitise.templates import template
from handrail.packets.sanitise.urls import VALUE, Urls
from handrail.packets.sanitise.versions import is_version
from handrail.packets.sanitise.vocabulary import METHODS, words

CONTENT_TYPES = guard.CONTENT_TYPES | {
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/json-lines",
}
_NANOS = re.compile(r"1[0-9]{18}|0")  # from 2001 to 2033
_WORDS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]+")
_PUNCTUATION = frozenset(" .:-_()<>/*,")
_LONGEST_NAME, _MOST_DIGITS = 200, 4
_LARGEST = 10**11
_KINDS = words(
    """
SPAN_KIND_UNSPECIFIED SPAN_KIND_INTERNAL SPAN_KIND_SERVER SPAN_KIND_CLIENT SPAN_KIND_PRODUCER SPAN_KIND_CONSUMER
"""
)
_CLIENT = (3, "SPAN_KIND_CLIENT")
_CODES = words("STATUS_CODE_UNSET STATUS_CODE_OK STATUS_CODE_ERROR")
_SEVERITIES = words("TRACE DEBUG INFO WARN ERROR FATAL")
_SEVERITY_NUMBERS = frozenset(
    {"SEVERITY_NUMBER_UNSPECIFIED"}
    | {f"SEVERITY_NUMBER_{name}{number}" for name in _SEVERITIES for number in ("", *range(2, 5))}
)
_SEVERITY_TEXTS = frozenset(f"{name}{number}" for name in _SEVERITIES for number in ("", *range(1, 5))) | words(
    "WARNING CRITICAL NOTICE ALERT EMERGENCY VERBOSE SEVERE INFORMATION FINE FINER FINEST CONFIG OFF ALL EMERG ERR"
)
_SPAN = words(
    "traceId spanId parentSpanId name kind startTimeUnixNano endTimeUnixNano attributes events links status flags "
    "droppedAttributesCount droppedEventsCount droppedLinksCount"
)
_LOG = words(
    "timeUnixNano observedTimeUnixNano severityNumber severityText body attributes droppedAttributesCount flags "
    "traceId spanId eventName"
)
_COUNTS = ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount", "flags")
_SCOPES = {"resourceSpans": ("scopeSpans", "spans"), "resourceLogs": ("scopeLogs", "logRecords")}
_PAIR = frozenset({"key", "value"})
_CODE = frozenset({"code"})
_EVENT = words("timeUnixNano name attributes droppedAttributesCount")
_LINK = words("traceId spanId flags droppedAttributesCount")
_OUTER = words("document resourceSpans resourceLogs scopeSpans scopeLogs")
# Every key and name that may be written.
KEYS = FIELDS | attributes.KEYS


class Otlp:
    """One rebuilding. ``suspects`` are texts in which a first pass found a dropped value."""

    def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
        self.redaction = Redaction(context)
        self.urls = Urls(self.redaction, suspects)
        self.fields: Counter[str] = Counter()
        self.items = (0, 0)  # spans and log records of the original, and of the copy
        self._lost = 0  # lists and objects of which nothing is in the copy, for want of their name
        self._made = 0
        self._ids: dict[tuple[str, int], str] = {}
        self._spelled: dict[str, tuple[str, list[str]]] = {}
        self._attribute = Attributes(self.redaction, self.urls, self._spell)

    def rebuild(self, document: Any) -> str | None:
        """The safe trace as JSON, or None when ``document`` isn't one (objects with ``resourceSpans`` or logs)."""
        found = merged(document)
        if found is None:
            return None
        groups, beside = found
        for one in beside:
            self._rest(one, frozenset(), "document")
        # Each group becomes text by itself: as objects, all of them together take many times more.
        kept = [
            f'"{name}":[{",".join([json_text(self._group(group, *_SCOPES[name])) for group in groups[name]])}]'
            for name in _SCOPES
            if name in groups
        ]
        self.items = items(document) or self._lost, self._made
        return f"{{{','.join(kept)}}}"

    def _group(self, source: dict[str, Any], scopes: str, listed: str) -> dict[str, Any]:
        group = named(source)
        self._rest(group, {"resource", scopes}, f"resource{scopes.removeprefix('scope')}")
        resource = self._dict(group.get("resource"), "resource")
        self._rest(resource, {"attributes", "droppedAttributesCount"}, "resource")
        described = {"attributes": self._attributes(resource.get("attributes"), "resource.attributes")}
        self._keep_counts(described, resource, "resource")
        return {
            "resource": described,
            scopes: [self._scope(scope, scopes, listed) for scope in self._objects(group.get(scopes), scopes)],
        }

    def _scope(self, group: dict[str, Any], place: str, listed: str) -> dict[str, Any]:
        self._rest(group, {"scope", listed}, place)
        scope = self._dict(group.get("scope"), "scope")
        self._rest(scope, {"name", "version"}, "scope")
        shown: dict[str, Any] = {}
        if "name" in scope:
            shown["name"] = self.words(scope["name"], "scope")
        if version := scope.get("version"):
            shown["version"] = self._version(version)
        one = self._span if listed == "spans" else self._log
        found = self._objects(group.get(listed), listed)
        self._made += len(found)
        return {"scope": shown, listed: [one(item) for item in found]}

    def _version(self, version: Any) -> str:
        if type(version) is str and is_version(version):
            self.redaction.own.add(version)
            return version
        self.redaction.drop("unsafe-value", "scope", version)
        return VALUE

    def _span(self, span: dict[str, Any]) -> dict[str, Any]:
        self._rest(span, _SPAN, "spans")
        kept: dict[str, Any] = {
            "traceId": self._id(span.get("traceId"), 32),
            "spanId": self._id(span.get("spanId"), 16),
            "parentSpanId": self._id(span.get("parentSpanId"), 16),
            "name": self.words(span.get("name"), "spans.name"),
            "kind": self._enum(span.get("kind"), _KINDS, len(_KINDS), "spans.kind"),
            "startTimeUnixNano": self._nanos(span.get("startTimeUnixNano")),
            "endTimeUnixNano": self._nanos(span.get("endTimeUnixNano")),
        }
        kept = {key: value for key, value in kept.items() if value is not None}
        client = kept.get("kind") in _CLIENT
        kept["attributes"] = self._attributes(span.get("attributes"), "spans.attributes", client=client)
        kept["events"] = [self._event(event) for event in self._objects(span.get("events"), "spans.events")]
        kept["links"] = [self._link(link) for link in self._objects(span.get("links"), "spans.links")]
        status = self._dict(span.get("status"), "spans.status")
        self._rest(status, _CODE, "spans.status")
        code = self._enum(status.get("code"), _CODES, len(_CODES), "spans.status")
        kept["status"] = {} if code is None else {"code": code}
        self._keep_counts(kept, span, "spans")
        self.fields.update(kept.keys())
        return kept

    def _log(self, record: dict[str, Any]) -> dict[str, Any]:
        self._rest(record, _LOG, "logRecords")
        severity = record.get("severityText")
        known = type(severity) is str and severity.upper() in _SEVERITY_TEXTS
        if severity and not known:
            self.redaction.drop("unsafe-value", "logRecords.severityText", severity)
        kept: dict[str, Any] = {
            "timeUnixNano": self._nanos(record.get("timeUnixNano")),
            "observedTimeUnixNano": self._nanos(record.get("observedTimeUnixNano")),
            "severityNumber": self._enum(
                record.get("severityNumber"), _SEVERITY_NUMBERS, len(_SEVERITY_NUMBERS), "logRecords.severityNumber"
            ),
            "severityText": severity if known else VALUE if severity else None,
            "body": self._body(record.get("body")),
            "traceId": self._id(record.get("traceId"), 32),
            "spanId": self._id(record.get("spanId"), 16),
            "eventName": self.words(record["eventName"], "logRecords.eventName") if "eventName" in record else None,
        }
        if known:
            self.redaction.own.add(str(severity))
        kept = {key: value for key, value in kept.items() if value is not None}
        kept["attributes"] = self._attributes(record.get("attributes"), "logRecords.attributes")
        self._keep_counts(kept, record, "logRecords")
        self.fields.update(kept.keys())
        return kept

    def _body(self, body: Any) -> dict[str, Any] | None:
        """The shape of a message: its known words, and a mark for every other."""
        value = named(body) if type(body) is dict else {}
        text = value.get("stringValue")
        if body is not None:
            self.redaction.drop("body", "logRecords.body", body)
        if type(text) is not str:
            return None if body is None else {"stringValue": VALUE}
        return {"stringValue": template(text, self.urls.suspects, self.redaction)}

    def _keep_counts(self, kept: dict[str, Any], source: dict[str, Any], place: str) -> None:
        for name in _COUNTS:
            value = source.get(name)
            if type(value) is int and 0 <= value <= _LARGEST:
                kept[name] = value
            elif value is not None:
                self.redaction.drop("unsafe-value", place, value)

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        self._rest(event, _EVENT, "spans.events")
        kept: dict[str, Any] = {
            "timeUnixNano": self._nanos(event.get("timeUnixNano")),
            "name": self.words(event.get("name"), "spans.events"),
        }
        kept = {key: value for key, value in kept.items() if value is not None}
        kept["attributes"] = self._attributes(event.get("attributes"), "spans.events.attributes")
        self._keep_counts(kept, event, "spans.events")
        return kept

    def _link(self, link: dict[str, Any]) -> dict[str, Any]:
        self._rest(link, _LINK, "spans.links")
        kept = {"traceId": self._id(link.get("traceId"), 32), "spanId": self._id(link.get("spanId"), 16)}
        shown: dict[str, Any] = {key: value for key, value in kept.items() if value is not None}
        self._keep_counts(shown, link, "spans.links")
        return shown

    def _attributes(self, listed: Any, place: str, *, client: bool = False) -> list[dict[str, Any]]:
        kept = []
        items = self._objects(listed, place)
        judge = self._attribute
        judge.begin(items, client=client)
        for item in items:
            key = item.get("key")
            known = type(key) is str and judge.known(key)
            safe = judge.safe(str(key), item.get("value")) if known else None
            if safe is None:
                self.redaction.drop("unsafe-value" if known else "custom-attribute", place, item)
            else:
                kept.append({"key": key, "value": safe})
                self._rest(item, _PAIR, place)
        return kept

    # The smallest pieces.

    def words(self, value: Any, place: str) -> str | None:
        return None if value is None else self._spell(value, place)

    def _spell(self, value: Any, place: str) -> str:
        """A name with every word that isn't in the vocabulary replaced; a path in it keeps its shape."""
        if type(value) is not str or len(value) > _LONGEST_NAME or not value.isascii() or value in self.urls.suspects:
            self.redaction.drop("unsafe-value", place, value)
            return VALUE
        method, _, rest = value.partition(" ")
        if method in METHODS and rest.startswith(("/", "http://", "https://")):
            return f"{method} {self.urls.clean(rest, place)}"
        found = self._spelled.get(value)
        if found is None:
            found = self._spelled[value] = self._first_spell(value)
        self.redaction.count(found[1], place)
        return found[0]

    def _first_spell(self, value: str) -> tuple[str, list[str]]:
        """``value`` as it may be shown, and the rules under which something of it went."""
        numbered = sum(c.isdigit() for c in value) > _MOST_DIGITS
        rules: list[str] = []
        kept = "".join([self._word(piece, rules, numbered=numbered) for piece in _WORDS.findall(value)])
        if kept == value:
            self.redaction.spelled.add(value)
        return kept, rules

    def _word(self, piece: str, rules: list[str], *, numbered: bool) -> str:
        """``numbered``: there are so many digits in the whole that they may be one number, written in groups."""
        if piece in METHODS or (self.urls.spelled(piece) and not (numbered and piece.isdigit())):
            return piece
        if set(piece) <= _PUNCTUATION and len(piece) < 4:  # noqa: PLR2004 # joins words; longer runs could carry something
            return piece
        rules.append("unknown-word")
        return self.redaction.pseudonym(piece)

    def _id(self, value: Any, digits: int) -> str | None:
        if value in (None, ""):
            return None if value is None else ""
        key = (str(value), digits)
        if key not in self._ids:
            self.redaction.drop("identifier", "spans", value)
            self._ids[key] = self.redaction.trace_id(str(value), digits)
            self.redaction.own.add(self._ids[key])
        return self._ids[key]

    def _enum(self, value: Any, known: frozenset[str], numbers: int, place: str) -> int | str | None:
        """A name or number of an enumeration; what is none of it is left out, and counted."""
        if type(value) is int and 0 <= value < numbers:
            return value
        if type(value) is str and value in known:
            self.redaction.own.add(value)
            return value
        if value is not None:
            self.redaction.drop("unsafe-value", place, value)
        return None

    def _nanos(self, value: Any) -> str | None:
        raw = str(value) if type(value) is int else value
        if type(raw) is str and _NANOS.fullmatch(raw):
            self.redaction.own.add(raw)
            return raw
        if value is not None:
            self.redaction.drop("unsafe-value", "times", value)
        return None

    def _objects(self, value: Any, place: str) -> list[dict[str, Any]]:
        if type(value) is not list:
            if value is not None:
                self.redaction.drop("malformed", place, value)
            return []
        return [item if type(item) is dict and item.keys() <= FIELDS else self._dict(item, place) for item in value]

    def _dict(self, value: Any, place: str) -> dict[str, Any]:
        if type(value) is dict:
            return named(value)
        if value is not None:
            self.redaction.drop("malformed", place, value)
        return {}

    def _rest(self, source: dict[str, Any], known: Set[str], place: str) -> None:
        if source.keys() <= known:
            return
        for key in source.keys() - known:
            self._lost += place in _OUTER and type(source[key]) in (list, dict) and bool(source[key])
            self.redaction.drop("unlisted-key", place, {key: source[key]})
