"""One id in a capture, a trace and a log of the same packet."""

from __future__ import annotations

import json
import re

import pytest

from handrail.packets.sanitise import SanitiseContext, sanitise

CONTEXT = SanitiseContext.of_packet(b"1" * 32)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
UUID = "f29da15f-a434-4c64-abfa-369f21f25533"


def cleared(kind: str, data: bytes) -> str:
    result = sanitise(kind, data, context=CONTEXT)
    assert result.data is not None, result.reasons
    return result.data.decode()


def har(path: str, trace: str = TRACE) -> str:
    headers = [{"name": "traceparent", "value": f"00-{trace}-{SPAN}-01"}]
    request = {"method": "GET", "url": f"https://sign.example.com/{path}", "headers": headers}
    return cleared("har/v1", json.dumps({"log": {"entries": [{"request": request}]}}).encode())


def otlp(name: str) -> str:
    span = {"traceId": TRACE, "spanId": SPAN, "name": name, "kind": 2}
    return cleared("otlp/v1", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode())


def log(text: str) -> str:
    return cleared("log/v1", f"2026-11-20T08:02:01Z ERROR {text}\n".encode())


@pytest.mark.parametrize(("raw", "form"), [(UUID, r"~uuid-[a-z-]+"), ("jo.doe@victim.example", r"~mail-[a-z-]+")])
def test_an_id_has_one_stand_in_in_all_kinds(raw: str, form: str) -> None:
    shown = [har(f"users/{raw}"), otlp(f"GET /users/{raw}"), log(f"request {raw} failed")]

    assert len({tuple(re.findall(form, one)) for one in shown}) == 1
    assert re.findall(form, shown[0])


def test_a_trace_has_one_id_in_all_kinds() -> None:
    (trace,) = re.findall(r"00-([0-9a-f]{32})-[0-9a-f]{16}-01", har("login"))

    assert f'"traceId":"{trace}"' in otlp("login")
    assert trace in log(f"trace_id={TRACE} failed")
    assert f"~{trace}" in har(f"traces/{TRACE}")


def test_a_host_has_one_form_in_all_kinds() -> None:
    name = "wiki.acme-industries.com"
    (shown,) = re.findall(r"https://(wiki\.hidden-[a-z-]+\.com)", cleared("har/v1", json.dumps(
        {"log": {"entries": [{"request": {"method": "GET", "url": f"https://{name}/login"}}]}}).encode()))  # fmt: skip

    assert shown in otlp(f"GET https://{name}/login")
    assert shown in log(f"no answer of https://{name}/login")
