"""Two traces of the practice outage, as gateways export them (OTLP/JSON): of the customer's own, and of its partners'.

The first belongs to the failing log-in of ``capture``: its root has the ids that the browser sent. The second is late.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from handrail.sandbox import capture
from handrail.sandbox.faults import CANARY

Record = dict[str, Any]
Values = dict[str, str | int]
SIGN = "sign.signing-co.example"
LATE_TRACE = "9f4c2a7be01d5586c3a1b0f7d2e86a94"
_SERVER, _CLIENT, _INTERNAL = 2, 3, 1
_ERROR, _OK = 2, 1


class Ids(NamedTuple):
    """Of a span: its trace's, its own and that of its parent, empty for none."""

    trace: str
    span: str
    parent: str


def failing() -> bytes:
    """The log-in at 08:02: the key is not known, and the vendor's service does not give it, three times."""
    one = capture.FAILED
    began = one.at + timedelta(seconds=6, milliseconds=840)
    root = Ids(one.trace, "6a1b0c9d2e3f4051", one.span)
    check = Ids(one.trace, "6a1b0c9d2e3f4052", root.span)
    said: Values = {"saml.binding": "post", "saml.status_code": "urn:oasis:names:tc:SAML:2.0:status:Success"}
    spans = [
        _served(root, began, 1830, 500),
        _span(check, "validate response", _INTERNAL, began, 1790, error="signature_key_unknown", more=said),
    ]
    waited = 20
    for attempt, (status, ident) in enumerate(zip(one.keys, one.vendor_ids, strict=True)):
        assert isinstance(status, int)
        ids = Ids(one.trace, f"6a1b0c9d2e3f406{attempt}", check.span)
        at = began + timedelta(milliseconds=waited)
        spans.append(_called(ids, at, 310 + 90 * attempt, status=status, vendor_id=ident, attempt=attempt))
        waited += 500 + 90 * attempt
    return _document("4.12.3", "eu-west-1", spans)


def late() -> bytes:
    """A log-in of the partners at 08:21: no connection, then an answer too late; and one at 09:16 that works again."""
    began = datetime(2026, 11, 20, 8, 21, 17, 400000, tzinfo=UTC)
    again = datetime(2026, 11, 20, 9, 16, 2, 120000, tzinfo=UTC)
    root, other = Ids(LATE_TRACE, "7c2d4e6f80a1b301", ""), Ids(LATE_TRACE[::-1], "7c2d4e6f80a1b401", "")
    first, second, third = (Ids(root.trace, f"7c2d4e6f80a1b31{n}", root.span) for n in range(3))
    worked = Ids(other.trace, "7c2d4e6f80a1b410", other.span)
    spans = [
        _served(root, began, 20_400, 504),
        _called(first, began, 10_000, error="timeout"),
        _called(second, began + timedelta(seconds=10), 4_200, error="connection_reset", attempt=1),
        _called(third, began + timedelta(seconds=15), 5_300, status=503, vendor_id="req-01hzk5aa7c", attempt=2),
        _served(other, again, 212, 302),
        _called(worked, again, 96, status=200, vendor_id="req-01hzk8e9v2"),
    ]
    return _document("4.12.1", "eu-central-1", spans)


def _served(ids: Ids, at: datetime, lasts: int, status: int) -> Record:
    """What the browser posted, at the gateway."""
    said: Values = {
        "http.request.method": "POST",
        "http.route": "/saml/acs",
        "http.request.header.authorization": f"Bearer {CANARY}otlp",
        "http.response.status_code": status,
    }
    error = str(status) if status >= 500 else ""
    return _span(ids, "POST /saml/acs", _SERVER, at, lasts, error=error, more=said)


def _called(
    ids: Ids, at: datetime, lasts: int, *, status: int = 0, vendor_id: str = "", attempt: int = 0, error: str = ""
) -> Record:
    """One call of the vendor's service. ``lasts``: in milliseconds."""
    said: Values = {
        "http.request.method": "GET",
        "url.full": f"https://{SIGN}/v2/keys",
        "server.address": SIGN,
        "server.port": 443,
        "network.protocol.version": "1.1",
        "tls.protocol.version": "1.3",
    }
    if attempt:
        said["http.request.resend_count"] = attempt
    if status:
        said["http.response.status_code"] = status
        said["http.response.header.x-request-id"] = vendor_id
    return _span(
        ids, "GET /v2/keys", _CLIENT, at, lasts, error=error or (str(status) if status >= 500 else ""), more=said
    )


def _span(  # as a span is read
    ids: Ids, name: str, kind: int, at: datetime, lasts: int, *, error: str, more: Values
) -> Record:
    ends = at + timedelta(milliseconds=lasts)
    failed: Values = {"error.type": error} if error else {}
    return {
        "traceId": ids.trace,
        "spanId": ids.span,
        "parentSpanId": ids.parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": _nanos(at),
        "endTimeUnixNano": _nanos(ends),
        "attributes": _pairs({"enduser.id": f"{CANARY}otlp-user", **more, **failed}),
        "events": _events(error, ends),
        "status": {"code": _ERROR, "message": f"{error}, token {CANARY}otlp-status"} if error else {"code": _OK},
    }


def _events(error: str, at: datetime) -> list[Record]:
    if not error or error.isdigit():
        return []
    said: Values = {"exception.type": error, "exception.message": f"{error} of {CANARY}otlp-exception"}
    return [{"timeUnixNano": _nanos(at), "name": "exception", "attributes": _pairs(said)}]


def _document(version: str, region: str, spans: list[Record]) -> bytes:
    resource: Values = {
        "service.name": "sso-gateway",
        "service.version": version,
        "deployment.environment.name": "production",
        "cloud.provider": "aws",
        "cloud.region": region,
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.language": "java",
        "telemetry.sdk.version": "1.44.1",
        "host.name": f"{CANARY}otlp-host",
    }
    scopes = [{"scope": {"name": "gateway", "version": "2.10.0"}, "spans": spans}]
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": _pairs(resource)}, "scopeSpans": scopes}]}
    ).encode()


def _pairs(values: Values) -> list[Record]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]


def _nanos(at: datetime) -> str:
    return str(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000)
