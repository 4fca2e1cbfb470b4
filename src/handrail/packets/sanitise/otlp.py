"""``otlp/v1``: a trace in OTLP/JSON rebuilt from an allow-list.

Spans keep their tree, kinds, times and status; identifiers get stand-ins of the same form, so that trace tools still
load it. The format: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.redaction import Redaction, json_text
from handrail.packets.sanitise.urls import VALUE, Urls
from handrail.packets.sanitise.vocabulary import METHODS, words

CONTENT_TYPES = frozenset({"application/json", "text/json", "application/octet-stream"})
_NANOS = re.compile(r"1[0-9]{18}|0")  # from 2001 to 2033
_DIGITS = re.compile(r"[0-9]{1,11}")
_VERSION = re.compile(r"(?=(?:[v.]*[0-9]){1,11}$)v?[0-9]{1,4}(?:\.[0-9]{1,4}){0,3}")  # 12 digits are a card's number
_WORDS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9]+")
_PUNCTUATION = frozenset(" .:-_()<>/*,")
_LONGEST_NAME, _MOST_DIGITS = 200, 4
_LARGEST = 10**11
_KINDS = words(
    """
SPAN_KIND_UNSPECIFIED SPAN_KIND_INTERNAL SPAN_KIND_SERVER SPAN_KIND_CLIENT SPAN_KIND_PRODUCER SPAN_KIND_CONSUMER
"""
)
_CODES = words("STATUS_CODE_UNSET STATUS_CODE_OK STATUS_CODE_ERROR")
_NUMBER_KEYS = words(
    """
http.response.status_code http.status_code http.request.body.size http.response.body.size http.request.resend_count
http.request_content_length http.response_content_length server.port net.peer.port net.host.port
rpc.grpc.status_code messaging.batch.message_count
"""
)
_WORD_KEYS = words(
    """
service.name service.namespace deployment.environment deployment.environment.name telemetry.sdk.name
telemetry.sdk.language rpc.system rpc.service rpc.method url.scheme http.scheme network.protocol.name
net.protocol.name error.type exception.type db.system messaging.system cloud.provider saml.binding saml.status_code
http.flavor network.transport net.transport
"""
)
_VERSION_KEYS = words(
    """
service.version telemetry.sdk.version network.protocol.version net.protocol.version http.flavor tls.protocol.version
"""
)
_HOST_KEYS = words("server.address net.peer.name net.host.name http.host")
_URL_KEYS = words("url.full http.url")
_PATH_KEYS = words("url.path url.template http.route http.target")
_METHOD_KEYS = words("http.request.method http.method")
_SPAN = words(
    "traceId spanId parentSpanId name kind startTimeUnixNano endTimeUnixNano attributes events links status flags "
    "droppedAttributesCount droppedEventsCount droppedLinksCount"
)


class Otlp:
    """One rebuilding. ``suspects`` are texts in which a first pass found a dropped value."""

    def __init__(self, context: SanitiseContext, suspects: frozenset[str] = frozenset()) -> None:
        self.redaction = Redaction(context)
        self.urls = Urls(self.redaction, suspects)
        self.fields: Counter[str] = Counter()
        self._ids: dict[tuple[str, int], str] = {}
        self._attribute_rules: dict[str, Callable[[Any], dict[str, Any] | None]] = {
            **dict.fromkeys(_NUMBER_KEYS, self._number_value),
            **dict.fromkeys(_WORD_KEYS, self._words_value),
            **dict.fromkeys(_VERSION_KEYS, self._version_value),
            **dict.fromkeys(_HOST_KEYS, lambda v: self._text(v, self.urls.host)),
            **dict.fromkeys(_URL_KEYS, lambda v: self._text(v, lambda raw: self.urls.clean(raw, "attributes"))),
            **dict.fromkeys(_PATH_KEYS, lambda v: self._text(v, lambda raw: self.urls.clean(raw, "attributes"))),
            **dict.fromkeys(_METHOD_KEYS, lambda v: self._text(v, lambda raw: raw if raw in METHODS else None)),
        }

    def rebuild(self, document: Any) -> str | None:
        """The safe trace as JSON, or None when ``document`` isn't one (an object with ``resourceSpans``)."""
        groups = document.get("resourceSpans") if type(document) is dict else None
        if type(document) is not dict or type(groups) is not list or any(type(g) is not dict for g in groups):
            return None
        self._rest(document, {"resourceSpans"}, "document")
        return json_text({"resourceSpans": [self._resource_spans(group) for group in groups]})

    def _resource_spans(self, group: dict[str, Any]) -> dict[str, Any]:
        self._rest(group, {"resource", "scopeSpans"}, "resourceSpans")
        resource = self._dict(group.get("resource"), "resource")
        self._rest(resource, {"attributes", "droppedAttributesCount"}, "resource")
        return {
            "resource": {"attributes": self._attributes(resource.get("attributes"), "resource.attributes")},
            "scopeSpans": [self._scope_spans(s) for s in self._objects(group.get("scopeSpans"), "scopeSpans")],
        }

    def _scope_spans(self, group: dict[str, Any]) -> dict[str, Any]:
        self._rest(group, {"scope", "spans"}, "scopeSpans")
        scope = self._dict(group.get("scope"), "scope")
        self._rest(scope, {"name", "version"}, "scope")
        version = scope.get("version")
        safe = version if type(version) is str and _VERSION.fullmatch(version) else ""
        if version and not safe:
            self.redaction.drop("unsafe-value", "scope", version)
        return {
            "scope": {"name": self.words(scope.get("name"), "scope"), "version": safe},
            "spans": [self._span(span) for span in self._objects(group.get("spans"), "spans")],
        }

    def _span(self, span: dict[str, Any]) -> dict[str, Any]:
        self._rest(span, _SPAN, "spans")
        kept: dict[str, Any] = {
            "traceId": self._id(span.get("traceId"), 32),
            "spanId": self._id(span.get("spanId"), 16),
            "parentSpanId": self._id(span.get("parentSpanId"), 16),
            "name": self.words(span.get("name"), "spans.name"),
            "kind": self._enum(span.get("kind"), _KINDS, "spans.kind"),
            "startTimeUnixNano": self._nanos(span.get("startTimeUnixNano")),
            "endTimeUnixNano": self._nanos(span.get("endTimeUnixNano")),
            "attributes": self._attributes(span.get("attributes"), "spans.attributes"),
            "events": [self._event(e) for e in self._objects(span.get("events"), "spans.events")],
            "links": [self._link(link) for link in self._objects(span.get("links"), "spans.links")],
        }
        status = self._dict(span.get("status"), "spans.status")
        self._rest(status, {"code"}, "spans.status")
        kept["status"] = {"code": self._enum(status.get("code"), _CODES, "spans.status")} if status else {}
        for count in ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount", "flags"):
            if (value := span.get(count)) is not None:
                self._keep_count(kept, count, value)
        self.fields.update(kept.keys())
        return kept

    def _keep_count(self, kept: dict[str, Any], name: str, value: Any) -> None:
        if type(value) is int and 0 <= value <= _LARGEST:
            kept[name] = value
        else:
            self.redaction.drop("unsafe-value", "spans", value)

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        self._rest(event, {"timeUnixNano", "name", "attributes", "droppedAttributesCount"}, "spans.events")
        return {
            "timeUnixNano": self._nanos(event.get("timeUnixNano")),
            "name": self.words(event.get("name"), "spans.events"),
            "attributes": self._attributes(event.get("attributes"), "spans.events.attributes"),
        }

    def _link(self, link: dict[str, Any]) -> dict[str, Any]:
        self._rest(link, {"traceId", "spanId"}, "spans.links")
        return {"traceId": self._id(link.get("traceId"), 32), "spanId": self._id(link.get("spanId"), 16)}

    def _attributes(self, items: Any, place: str) -> list[dict[str, Any]]:
        kept = []
        for item in self._objects(items, place):
            key, value = item.get("key"), item.get("value")
            rule = self._attribute_rules.get(key) if type(key) is str else None
            safe = rule(value) if rule is not None else None
            if safe is None:
                self.redaction.drop("unsafe-value" if rule else "custom-attribute", place, item)
            else:
                kept.append({"key": key, "value": safe})
                self._rest(item, {"key", "value"}, place)
        return kept

    # The kinds of attribute values, each from OTLP's AnyValue to a safe one, or None.

    def _number_value(self, value: Any) -> dict[str, Any] | None:
        raw = value.get("intValue") if type(value) is dict else None
        if type(raw) is int and 0 <= raw <= _LARGEST:
            return {"intValue": str(raw)}
        return {"intValue": raw} if type(raw) is str and _DIGITS.fullmatch(raw) else None

    def _words_value(self, value: Any) -> dict[str, Any] | None:
        return self._text(value, lambda raw: self.words(raw, "attributes"))

    def _version_value(self, value: Any) -> dict[str, Any] | None:
        return self._text(value, lambda raw: raw if _VERSION.fullmatch(raw) else None)

    def _text(self, value: Any, clean: Callable[[str], str | None]) -> dict[str, Any] | None:
        raw = value.get("stringValue") if type(value) is dict and len(value) == 1 else None
        safe = clean(raw) if type(raw) is str else None
        return None if safe is None else {"stringValue": safe}

    # The smallest pieces.

    def words(self, value: Any, place: str) -> str:
        """A name with every word that isn't in the vocabulary replaced; a path in it keeps its shape."""
        if type(value) is not str or len(value) > _LONGEST_NAME or not value.isascii() or value in self.urls.suspects:
            if value is not None:
                self.redaction.drop("unsafe-value", place, value)
            return VALUE
        method, _, rest = value.partition(" ")
        if method in METHODS and rest.startswith(("/", "http://", "https://")):
            return f"{method} {self.urls.clean(rest, place)}"
        numbered = sum(c.isdigit() for c in value) > _MOST_DIGITS
        kept = "".join([self._word(piece, place, numbered=numbered) for piece in _WORDS.findall(value)])
        if kept == value:
            self.redaction.spelled.add(value)
        return kept

    def _word(self, piece: str, place: str, *, numbered: bool) -> str:
        """``numbered``: there are so many digits in the whole that they may be one number, written in groups."""
        if piece in METHODS or (self.urls.spelled(piece) and not (numbered and piece.isdigit())):
            return piece
        if set(piece) <= _PUNCTUATION and len(piece) < 4:  # noqa: PLR2004 # joins words; longer runs could carry something
            return piece
        self.redaction.drop("unknown-word", place, piece)
        return self.redaction.pseudonym(piece)

    def _id(self, value: Any, digits: int) -> str:
        if value in (None, ""):
            return ""
        key = (str(value), digits)
        if key not in self._ids:
            self.redaction.drop("identifier", "spans", value)
            self._ids[key] = self.redaction.trace_id(str(value), digits)
        return self._ids[key]

    def _enum(self, value: Any, known: frozenset[str], place: str) -> int | str:
        if (type(value) is int and 0 <= value < len(known)) or (type(value) is str and value in known):
            return value
        if value is not None:
            self.redaction.drop("unsafe-value", place, value)
        return 0

    def _nanos(self, value: Any) -> str:
        raw = str(value) if type(value) is int else value
        if type(raw) is str and _NANOS.fullmatch(raw):
            return raw
        if value is not None:
            self.redaction.drop("unsafe-value", "times", value)
        return "0"

    def _objects(self, value: Any, place: str) -> list[dict[str, Any]]:
        items = value if type(value) is list else []
        if value is not None and type(value) is not list:
            self.redaction.drop("malformed", place, value)
        return [self._dict(item, place) for item in items]

    def _dict(self, value: Any, place: str) -> dict[str, Any]:
        if type(value) is dict:
            return value
        if value is not None:
            self.redaction.drop("malformed", place, value)
        return {}

    def _rest(self, source: dict[str, Any], known: Any, place: str) -> None:
        for key in source.keys() - known:
            self.redaction.drop("unlisted-key", place, {key: source[key]})
