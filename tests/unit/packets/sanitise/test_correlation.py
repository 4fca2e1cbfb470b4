from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.packets.sanitise.pseudonyms import Pseudonyms
from tests.factories.standins import numbered
from tests.lanes import examples

CONTEXT = SanitiseContext.of_packet(b"1" * 32, vendor=["signing.alder.example"], request_ids=["x-signing-id"])
VENDOR, OTHER = "https://api.signing.alder.example/sign", "https://idp.example.com/login"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
UUID = "f29da15f-a434-4c64-abfa-369f21f25533"
NAMES = Pseudonyms(CONTEXT.secret)
T, S = NAMES.digits(TRACE, 32), NAMES.digits(SPAN, 16)


def har(url: str, answer: dict[str, str], **more: Any) -> bytes:
    request = {"method": "GET", "url": url, "headers": [], **more}
    response = {"status": 502, "headers": [{"name": name, "value": value} for name, value in answer.items()]}
    return json.dumps({"log": {"entries": [{"request": request, "response": response}]}}).encode()


def shown(url: str, name: str, value: str, **more: Any) -> str | None:
    result = sanitise("har/v1", har(url, {name: value}, **more), context=CONTEXT)
    assert result.data is not None, result.reasons
    headers = json.loads(result.data)["log"]["entries"][0]["response"]["headers"]
    return str(headers[0]["value"]) if headers else None


@pytest.mark.parametrize("url", [VENDOR, OTHER])
@pytest.mark.parametrize(
    ("name", "value", "safe"),
    [
        ("traceparent", f"00-{TRACE}-{SPAN}-01", f"00-{T}-{S}-01"),
        ("TraceParent", f"00-{TRACE.upper()}-{SPAN}-00", f"00-{T}-{S}-00"),
        ("traceresponse", f"00-{TRACE}-{SPAN}-01", f"00-{T}-{S}-01"),
        ("b3", f"{TRACE}-{SPAN}-1-{SPAN}", f"{T}-{S}-1-{S}"),
        ("b3", "0", "0"),
        ("X-B3-TraceId", TRACE, T),
        ("X-B3-TraceId", SPAN, S),
        ("X-B3-SpanId", SPAN, S),
        ("X-B3-Sampled", "1", "1"),
        ("uber-trace-id", f"{TRACE}:f067aa0ba902b7:0:1", f"{T}:{S}:{'0' * 16}:1"),
        ("x-amzn-trace-id", f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=1;Lineage=a:0",
         f"Root=1-{T[:8]}-{T[8:]};Parent={S};Sampled=1"),
        ("x-cloud-trace-context", f"{TRACE}/67667974448284343;o=1", f"{T}/{S};o=1"),
        ("x-datadog-parent-id", "67667974448284343", S),
        ("request-id", f"|{TRACE}.{SPAN}.", f"|{T}.{S}."),
        ("x-request-id", TRACE, f"~{T}"),
        ("traceparent", "00-secret7token-01", None),
        ("x-b3-traceid", "secret7token", None),
        ("x-amzn-trace-id", "Root=secret7token", None),
        ("x-datadog-parent-id", "9" * 20, None),
    ],
)  # fmt: skip
def test_a_trace_header_has_the_ids_that_spans_have(name: str, value: str, safe: str | None, url: str) -> None:
    if (name, url) == ("x-request-id", VENDOR):
        safe = value

    assert shown(url, name, value) == safe


@pytest.mark.parametrize("name", ["X-Request-Id", "X-Signing-Id", "CF-Ray"])
@pytest.mark.parametrize("value", [UUID, "8f2c1a9e0d3b4c5d-FRA", "01JD9ZK3Q8W6T5V4N3M2P1R0XY", "a1b2:7/9|c3d4"])
def test_an_id_of_the_vendors_request_stays(name: str, value: str) -> None:
    assert shown(VENDOR, name, value) == value


@pytest.mark.parametrize("name", ["X-Request-Id", "X-Signing-Id", "X-Correlation-ID"])
def test_an_id_of_another_request_gets_a_stand_in(name: str) -> None:
    assert numbered(shown(OTHER, name, UUID) or "") == "~uuid1"


def test_a_header_that_no_list_names_goes() -> None:
    assert shown(VENDOR, "X-Session-Id", UUID) is None


@pytest.mark.parametrize(
    "value",
    [
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "ghp_abcdefghijkl",
        "4111111111111111",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-proj-a1b2c3d4e5",
        "v4.local.a1b2c3d4e5f6",
        "10.58.103.146",
        "fd00::7:1",
        "DE89370400440532013000",
        "910607-2342",
        "dc01:8443",
        "dc01.corp.local",
        "walnut-glacier",
        "4711",
        "+46701234567",
    ],
)
def test_what_may_be_no_id_never_stays(value: str) -> None:
    assert value not in (shown(VENDOR, "X-Request-Id", value) or "")


@pytest.mark.parametrize(
    "more",
    [
        {"headers": [{"name": "Cookie", "value": f"sid={UUID}"}]},
        {"headers": [{"name": "Authorization", "value": f"Bearer {UUID}"}]},
        {"headers": [{"name": "Authorization", "value": "Basic " + base64.b64encode(f"a:{UUID}".encode()).decode()}]},
        {"headers": [{"name": "Cookie", "value": f"sid=%7B{UUID.upper()}%7D"}]},
        {"postData": {"text": json.dumps({"access_token": UUID})}},
        {"postData": {"params": [{"name": "code", "value": UUID}]}},
    ],
    ids=["cookie", "bearer", "basic", "encoded cookie", "body", "form"],
)
def test_an_id_that_is_a_credential_elsewhere_gets_a_stand_in(more: Any) -> None:
    assert numbered(shown(VENDOR, "X-Request-Id", UUID, **more) or "") == "~uuid1"


def test_an_id_that_a_page_shows_as_well_stays() -> None:
    assert shown(VENDOR, "X-Request-Id", UUID, postData={"text": f"<p>Request {UUID} failed"}) == UUID


@given(st.text(max_size=80))
@settings(max_examples=examples(100), deadline=None)
def test_any_value_of_a_trace_header_is_survived(value: str) -> None:
    for name in ("traceparent", "b3", "x-amzn-trace-id", "x-cloud-trace-context", "request-id"):
        sanitise("har/v1", har(OTHER, {name: value}), context=CONTEXT)
