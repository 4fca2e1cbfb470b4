from __future__ import annotations

import json
from typing import Any

import pytest

from handrail.packets.sanitise import sanitise
from tests.factories.captures import Plants, found
from tests.factories.standins import numbered


def attribute(key: str, value: str | int) -> dict[str, Any]:
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}


def trace(p: Plants) -> dict[str, Any]:
    span = {
        "traceId": p("trace id").encode().hex(),
        "spanId": "00f067aa0ba902b7",
        "parentSpanId": "",
        "traceState": p("trace state"),
        "name": f"GET /users/{p('span name path')}",
        "kind": 3,
        "startTimeUnixNano": "1795342502846000000",
        "endTimeUnixNano": "1795342503846000000",
        "attributes": [
            attribute("http.request.method", "GET"),
            attribute("http.response.status_code", 502),
            attribute(
                "url.full",
                f"https://{p('user')}@idp.example.com/saml2/acs/{p('path')}?code={p('code')}#{p('fragment')}",
            ),
            attribute("http.route", "/saml2/acs"),
            attribute("server.address", "idp.example.com"),
            attribute("error.type", f"java.net.SocketTimeoutException {p('error type')}"),
            attribute("http.request.header.authorization", f"Bearer {p('header')}"),
            attribute("enduser.id", p("end user")),
            attribute("db.statement", f"select '{p('statement')}'"),
            attribute(p("attribute key"), "x"),
            {"key": "http.method", "value": {"arrayValue": {"values": [{"stringValue": p("array")}]}}},
            {"key": "service.name", "value": {"stringValue": p("service name")}},
        ],
        "events": [
            {
                "timeUnixNano": "1795342502946000000",
                "name": "exception",
                "attributes": [
                    attribute("exception.message", p("message")),
                    attribute("exception.stacktrace", p("stack")),
                ],
            },
            {"timeUnixNano": p("event time"), "name": p("event name")},
        ],
        "links": [
            {
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
                "spanId": p("link span"),
                "attributes": [p("link attribute")],
            }
        ],
        "status": {"code": 2, "message": p("status message")},
        p("span key"): 1,
    }
    scope = {"name": f"saml {p('scope name')}", "version": p("scope version"), "attributes": [p("scope attribute")]}
    resource = {"attributes": [attribute("service.name", "gateway"), attribute("host.name", p("host name"))]}
    child = {**span, "spanId": "1111111111111111", "parentSpanId": "00f067aa0ba902b7", "events": [], "attributes": []}
    groups = [
        {"resource": resource, "scopeSpans": [{"scope": scope, "spans": [span, child]}], "schemaUrl": p("schema")}
    ]
    return {"resourceSpans": groups, p("document key"): p("document value")}


def cleaned(document: Any) -> dict[str, Any]:
    result = sanitise("otlp/v1", json.dumps(document).encode())
    assert result.data is not None, result.reasons
    made: dict[str, Any] = json.loads(result.data)
    return made


def test_sanitise_leaves_no_planted_secret_in_a_trace() -> None:
    plants = Plants("trace")
    result = sanitise("otlp/v1", json.dumps(trace(plants)).encode())

    assert result.cleared, result.reasons
    assert len(plants.planted) >= 25
    assert found((result.data or b"") + json.dumps(result.report).encode(), plants) == []


def test_sanitise_keeps_the_tree_times_and_status_of_a_trace() -> None:
    spans = cleaned(trace(Plants("trace")))["resourceSpans"][0]["scopeSpans"][0]["spans"]

    assert spans[1]["parentSpanId"] == spans[0]["spanId"] != spans[1]["spanId"]
    assert spans[0]["traceId"] == spans[1]["traceId"]
    assert (len(spans[0]["spanId"]), len(spans[0]["traceId"])) == (16, 32)
    assert (spans[0]["startTimeUnixNano"], spans[0]["endTimeUnixNano"]) == (
        "1795342502846000000",
        "1795342503846000000",
    )
    assert spans[0]["status"] == {"code": 2}


def test_sanitise_keeps_listed_attributes_of_a_trace() -> None:
    span = cleaned(trace(Plants("trace")))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    kept = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}

    assert kept["http.response.status_code"] == "502"
    assert kept["http.route"] == "/saml2/acs"
    assert kept["server.address"] == "idp.example.com"
    assert kept["error.type"].startswith("java.net.SocketTimeoutException ~")
    assert kept["url.full"].startswith("https://idp.example.com/saml2/acs/~")


def of(name: str, **attributes: str) -> dict[str, Any]:
    listed = [attribute(key.replace("_", "."), value) for key, value in attributes.items()]
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": name, "attributes": listed}]}]}]}


@pytest.mark.parametrize("name", ["reset Admin12", "reset-Admin12/done", "GET /reset/admin12", "AUTH Admin12"])
def test_sanitise_hides_a_word_of_a_span_that_was_a_password(name: str) -> None:
    document = of(name, url_full="https://idp.example.com/login?password=Admin12")
    result = sanitise("otlp/v1", json.dumps(document).encode())

    assert result.data is not None, result.reasons
    assert b"admin12" not in result.data.lower()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("call 49 30 12 34 56", "call ~num1 ~num2 ~num3 ~num4 ~num5"), ("saml2 logout v2", "saml2 logout v2")],
)
def test_sanitise_keeps_no_number_written_in_groups(name: str, shown: str) -> None:
    span = cleaned(of(name))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    assert numbered(span["name"]) == shown


def test_sanitise_refuses_a_version_long_enough_for_a_card_number() -> None:
    assert (
        cleaned(of("login", service_version="4111.1111.1111.1111"))["resourceSpans"][0]["scopeSpans"][0]["spans"][0][
            "attributes"
        ]
        == []
    )


@pytest.mark.parametrize("document", [{}, [], {"resourceSpans": 1}, {"resourceSpans": [1]}, {"log": {"entries": []}}])
def test_sanitise_holds_what_is_no_trace(document: Any) -> None:
    assert [r.code for r in sanitise("otlp/v1", json.dumps(document).encode()).reasons] == ["not-this-kind"]


@pytest.mark.parametrize("odd", [None, True, 1, 1.5, "x", [], {}, [1], {"a": 1}, "\ud800"])
@pytest.mark.parametrize(
    "key", ["traceId", "name", "kind", "startTimeUnixNano", "attributes", "events", "links", "status", "flags"]
)
def test_sanitise_survives_any_value_in_a_span(key: str, odd: Any) -> None:
    span = {"traceId": "a", "spanId": "b", "name": "GET /login", key: odd}

    made = cleaned({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    assert len(made["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 1


@pytest.mark.parametrize(
    ("kind", "shown"), [(3, "81.229.12.34"), (2, "~ip1"), ("SPAN_KIND_SERVER", "~ip1"), (None, "~ip1")]
)
@pytest.mark.parametrize("key", ["network.peer.address", "net.peer.name"])
def test_sanitise_shows_the_address_of_a_peer_only_if_it_was_asked(kind: Any, shown: str, key: str) -> None:
    span = {"name": "login", "kind": kind, "attributes": [attribute(key, "81.229.12.34")]}
    made = cleaned({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    value = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"]["stringValue"]
    assert numbered(value) == shown
