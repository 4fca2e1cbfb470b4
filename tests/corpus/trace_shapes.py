# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""Traces in the forms that other programs give them, made of what the SDK wrote: shapes by their formats."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

Record = dict[str, Any]
_KINDS = (
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
)
_CODES = ("STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR")


def spans(groups: list[Record]) -> Iterator[Record]:
    for group in groups:
        for scope in group["scopeSpans"]:
            yield from scope["spans"]


def plain(groups: list[Record]) -> bytes:
    return json.dumps({"resourceSpans": groups}, indent=1).encode()


def collector(groups: list[Record]) -> bytes:
    """The Collector's file exporter: an object a line, each with a resource of its own."""
    return "".join(json.dumps({"resourceSpans": [group]}) + "\n" for group in groups for _ in range(1)).encode()


def tempo(groups: list[Record]) -> bytes:
    """Tempo's download: ``batches``, identifiers in base64, names of enumerations."""
    copied = json.loads(json.dumps(groups))
    for span in spans(copied):
        for name in ("traceId", "spanId", "parentSpanId"):
            if span.get(name):
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        span["kind"] = _KINDS[span.get("kind", 0)]
        if "code" in span.get("status", {}):
            span["status"]["code"] = _CODES[span["status"]["code"]]
    return json.dumps({"batches": copied}).encode()


def jaeger(groups: list[Record]) -> bytes:
    """What the Collector makes of a Jaeger client's spans."""
    copied = json.loads(json.dumps(groups))
    for span in spans(copied):
        tags = {
            "internal.span.format": "jaeger",
            "span.kind": "server",
            "sampler.type": "probabilistic",
            "sampler.param": "0.01",
            "component": "net/http",
            "peer.service": "token-service",
        }
        span["attributes"] = [
            *span.get("attributes", []),
            *({"key": key, "value": {"stringValue": value}} for key, value in tags.items()),
        ]
        span.setdefault("status", {})
    for group in copied:
        tags = {
            "client-uuid": "53ce1f2f08c4e6a3",
            "ip": "10.1.2.3",
            "jaeger.version": "Go-2.30.0",
            "hostname": "token-7d4b9c6f5",
        }
        group["resource"]["attributes"] += [
            {"key": key, "value": {"stringValue": value}} for key, value in tags.items()
        ]
        for scope in group["scopeSpans"]:
            scope["scope"] = {}
    return json.dumps({"resourceSpans": copied}).encode()


def older(groups: list[Record]) -> bytes:
    """OpenTelemetry for JavaScript before 0.19: the groups by their former name."""
    copied = json.loads(json.dumps(groups))
    for group in copied:
        group["instrumentationLibrarySpans"] = [
            {"instrumentationLibrary": scope["scope"], "spans": scope["spans"]} for scope in group.pop("scopeSpans")
        ]
    return json.dumps({"resourceSpans": copied}).encode()


def packed(groups: list[Record]) -> bytes:
    return gzip.compress(plain(groups), mtime=0)


FORMS: dict[str, Callable[[list[Record]], bytes]] = {
    "one object": plain, "Collector's file": collector, "Tempo": tempo, "Jaeger": jaeger, "older SDK": older, "gzip": packed,
}  # fmt: skip
