"""Attributes of spans, logs and resources: which keys may stay, and the rule for the value of each.

Enumerations of OpenTelemetry's conventions stay whole. Of other texts only what a rule makes of them stays: a host, an
address, known words. Numbers stay where they measure something and can't be somebody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from handrail.packets.sanitise.correlation import Correlation
from handrail.packets.sanitise.hosts import public_address
from handrail.packets.sanitise.known import federation, opentelemetry
from handrail.packets.sanitise.known.network import ERRORS
from handrail.packets.sanitise.otlpforms import named
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import Urls
from handrail.packets.sanitise.versions import is_version
from handrail.packets.sanitise.vocabulary import METHODS, words

Value = dict[str, Any]

_DIGITS = re.compile(r"[0-9]{1,11}")
LARGEST = 10**11
NUMBER_KEYS = words(
    """
http.response.status_code http.status_code http.request.body.size http.response.body.size http.request.resend_count
http.request_content_length http.response_content_length http.request.size http.response.size
http.request_content_length_uncompressed http.response_content_length_uncompressed server.port client.port
net.peer.port net.host.port net.sock.peer.port network.peer.port network.local.port url.port source.port
destination.port rpc.message.id rpc.message.compressed_size rpc.message.uncompressed_size message.id
message.compressed_size message.uncompressed_size messaging.batch.message_count messaging.message.body.size
messaging.message.envelope.size db.operation.batch.size db.response.returned_rows code.lineno code.line.number
code.column code.column.number aws.lambda.resource_mapping.count graphql.document.size http.resend_count
"""
)
FLAG_KEYS = words(
    """
exception.escaped tls.established tls.resumed error faas.coldstart otel.dropped messaging.destination.temporary
messaging.destination.anonymous
"""
)
# Texts that are made of names which programs and protocols have.
WORD_KEYS = words(
    """
service.name service.namespace deployment.environment deployment.environment.name telemetry.sdk.name
telemetry.sdk.language rpc.system rpc.service rpc.method url.scheme http.scheme network.protocol.name
net.protocol.name error.type exception.type db.system db.system.name messaging.system cloud.provider saml.binding
saml.status_code saml.status_sub_code http.flavor network.transport net.transport rpc.response.status_code
db.response.status_code otel.status_code otel.scope.name otel.library.name process.runtime.name os.type
code.namespace code.function code.function.name db.operation db.operation.name messaging.operation
messaging.operation.name graphql.operation.type faas.trigger oauth.error oauth.grant_type jwt.alg tls.alert
tls.protocol.name tls.cipher peer.service component span.kind
"""
)
VERSION_KEYS = words(
    """
service.version telemetry.sdk.version network.protocol.version net.protocol.version http.flavor tls.protocol.version
otel.scope.version otel.library.version process.runtime.version telemetry.auto.version telemetry.distro.version
"""
)
HOST_KEYS = words("server.address net.peer.name net.host.name http.host network.peer.address url.domain")
URL_KEYS = words("url.full http.url url.path url.template http.route http.target")
# Headers that instrumentation records on request; of these, those that help to find a request again.
_HEADER = re.compile(r"(?:http|rpc)\.(?:request|response)\.(?:header|metadata)\.([a-z0-9_-]{1,60})")
_PEER_KEYS = words("net.peer.name network.peer.address")
_ASKED_KEYS = words("server.address net.peer.name http.host url.full http.url")
_METHOD_KEYS = words("http.request.method http.method")
# Where outcomes of protocols stand: errors of browsers, SAML, OAuth, TLS and gRPC, and HTTP statuses, stay whole.
OUTCOME_KEYS = words(
    """
error.type exception.type saml.status_code saml.status_sub_code saml.binding rpc.response.status_code oauth.error
oauth.error_code jwt.alg tls.alert tls.cipher db.response.status_code otel.status_code
"""
)
_STATUSES = frozenset(str(status) for status in (*range(100, 600), 999))
OUTCOMES = federation.OUTCOMES | ERRORS | _STATUSES
KEYS = (
    NUMBER_KEYS | FLAG_KEYS | WORD_KEYS | VERSION_KEYS | HOST_KEYS | URL_KEYS | _METHOD_KEYS | OUTCOME_KEYS
    | opentelemetry.TEXTS.keys() | opentelemetry.NUMBERS.keys()
)  # fmt: skip


class Attributes:
    """Judges attributes of one artifact. ``spell`` makes a text of names safe."""

    def __init__(self, redaction: Redaction, urls: Urls, spell: Callable[[str, str], str]) -> None:
        self._redaction = redaction
        self._urls = urls
        self._spell = spell
        self._correlation = Correlation(redaction)
        self._vendor = False
        self._client = False
        self._headers: dict[str, str | None] = {}

    def begin(self, items: Iterable[dict[str, Any]], *, client: bool) -> None:
        """The attributes of one more span are ``items``: whether its request went to a host of the vendor's.

        ``client``: the span sent it. The peer of any other is mostly a user's machine, so its address isn't shown.
        """
        self._client = client
        asked = [
            text
            for item in items
            if type(key := item.get("key")) is str and key in _ASKED_KEYS and (text := _string(item.get("value")))
        ]
        self._vendor = any(self._urls.class_of(text) == "vendor" for text in asked)

    def known(self, key: str) -> bool:
        """Whether there is a rule for ``key``."""
        return key in KEYS or self._header(key) is not None

    def _header(self, key: str) -> str | None:
        """The name of the header of a request's or trace's id that ``key`` recorded, None for any other key."""
        if key not in self._headers:
            found = _HEADER.fullmatch(key)
            name = found[1].replace("_", "-") if found else ""
            self._headers[key] = name if name in self._correlation.names else None
        return self._headers[key]

    def _correlated(self, key: str, name: str, value: Any) -> Value | None:
        """The id in one text, or in a list of one, as the conventions write headers."""
        values = value.get("arrayValue") if type(value) is dict else None
        listed = values.get("values") if type(values) is dict else None
        raw = _string(listed[0]) if type(listed) is list and len(listed) == 1 else _string(value)
        shown = self._correlation.shown(name, raw, self._urls.suspects, vendor=self._vendor) if raw else None
        if shown is None:
            return None
        self._redaction.own.add(key)
        return {"arrayValue": {"values": [{"stringValue": shown}]}} if listed else {"stringValue": shown}

    def safe(self, key: str, value: Any) -> Value | None:
        """OTLP's AnyValue as it may stay under ``key``, or None."""
        if type(value) is not dict:
            return None
        value = named(value)
        if len(value) == 1 and type(inner := value.get("value")) is dict:  # as Go writes what may be of several types
            value = named(inner)
        if key not in KEYS:
            name = self._header(key)
            return None if name is None else self._correlated(key, name, value)
        if len(value) != 1:
            return None
        ((kind, raw),) = value.items()
        if kind == "stringValue" and type(raw) is str:
            return self._text(key, raw)
        if kind == "intValue":
            return self._number(key, raw)
        if kind == "boolValue" and type(raw) is bool and key in FLAG_KEYS:
            return {kind: raw}
        if kind == "doubleValue" and type(raw) in (int, float) and key in NUMBER_KEYS and 0 <= raw <= LARGEST:
            return {kind: raw}
        return None

    def _number(self, key: str, raw: Any) -> Value | None:
        text = str(raw) if type(raw) is int and 0 <= raw <= LARGEST else raw
        if type(text) is not str or not _DIGITS.fullmatch(text):
            return None
        known = opentelemetry.NUMBERS.get(key)
        if key in NUMBER_KEYS or (known is not None and int(text) in known):
            self._redaction.own.add(text)
            return {"intValue": text}
        return None

    def _text(self, key: str, raw: str) -> Value | None:
        if self._listed(key, raw):
            self._redaction.own.add(raw)
            return {"stringValue": raw}
        if key in _PEER_KEYS and not self._client and public_address(raw.strip("[]")) is not None:
            return {"stringValue": self._redaction.pseudonym(raw, "ip")}
        if key in HOST_KEYS:
            return {"stringValue": self._urls.host(raw)}
        if key in URL_KEYS:
            return {"stringValue": self._urls.clean(raw, "attributes")}
        if key in VERSION_KEYS and is_version(raw):
            self._redaction.own.add(raw)
            return {"stringValue": raw}
        if key in NUMBER_KEYS and _DIGITS.fullmatch(raw):
            return {"stringValue": raw}
        return {"stringValue": self._spell(raw, "attributes")} if key in WORD_KEYS else None

    def _listed(self, key: str, raw: str) -> bool:
        known = opentelemetry.TEXTS.get(key)
        return (
            (known is not None and raw in known)
            or (key in _METHOD_KEYS and raw in METHODS)
            or (key in OUTCOME_KEYS and raw in OUTCOMES)
        )


def _string(value: Any) -> str | None:
    found = named(value).get("stringValue") if type(value) is dict else None
    return found if type(found) is str else None
