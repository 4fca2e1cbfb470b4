"""The forms in which collectors and stores write traces and logs, and what of their values is kept as sent."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from handrail.packets.sanitise import sanitise
from handrail.packets.sanitise.facts import describe
from handrail.packets.sanitise.known import federation, network, opentelemetry
from tests.factories.captures import Plants, found

TRACE, SPAN = "9c1e07d2a85b46f3b0d4e96172f8a35c", "6a2f91c04be7d358"


def attribute(key: str, value: Any) -> dict[str, Any]:
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue"}.get(type(value), "stringValue")
    return {"key": key, "value": {kind: value}}


def span(name: str = "GET /login", **more: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": name,
        "kind": 2,
        "startTimeUnixNano": "1762160000000000000",
        "endTimeUnixNano": "1762160000100000000",
        "attributes": [attribute("http.response.status_code", 503)],
        "status": {"code": 2},
        **more,
    }


def group(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [attribute("service.name", "gateway")]}
    return {"resource": resource, "scopeSpans": [{"scope": {"name": "http"}, "spans": list(spans)}]}


def document(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [group(*spans)]}


def cleaned(data: Any) -> dict[str, Any]:
    result = sanitise("otlp/v1", data if isinstance(data, bytes) else json.dumps(data).encode())
    assert result.data is not None, result.reasons
    made: dict[str, Any] = json.loads(result.data)
    return made


def spans_of(trace: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for group in trace["resourceSpans"] for scope in group["scopeSpans"] for one in scope["spans"]]


def lines(*documents: Any) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in documents).encode()


def older(trace: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": one["resource"],
                "instrumentationLibrarySpans": [
                    {"instrumentationLibrary": scope["scope"], "spans": scope["spans"]} for scope in one["scopeSpans"]
                ],
            }
            for one in trace["resourceSpans"]
        ]
    }


def snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            "".join(f"_{c.lower()}" if c.isupper() else c for c in key): snake(inner) for key, inner in value.items()
        }
    return [snake(inner) for inner in value] if isinstance(value, list) else value


def in_go(value: Any) -> Any:
    """Values of attributes as Go's own JSON writes a field of several types."""
    if isinstance(value, dict):
        made = {key: in_go(inner) for key, inner in value.items()}
        if isinstance(made.get("value"), dict) and "key" in made:
            made["value"] = {"Value": {key[0].upper() + key[1:]: inner for key, inner in made["value"].items()}}
        return made
    return [in_go(inner) for inner in value] if isinstance(value, list) else value


def binary_ids(value: Any) -> Any:
    """Ids in base64, as protobuf's own JSON writes bytes."""
    ids = {key: base64.b64encode(bytes.fromhex(value[key])).decode() for key in ("traceId", "spanId")}
    return {**value, **ids}


FORMS: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "instrumentationLibrarySpans": lambda trace: json.dumps(older(trace)).encode(),
    "batches": lambda trace: json.dumps({"batches": trace["resourceSpans"]}).encode(),
    "batches of an older SDK": lambda trace: json.dumps({"batches": older(trace)["resourceSpans"]}).encode(),
    "trace around batches": lambda trace: json.dumps({"trace": {"batches": trace["resourceSpans"]}}).encode(),
    "trace around resourceSpans": lambda trace: json.dumps({"trace": trace}).encode(),
    "result around resourceSpans": lambda trace: json.dumps({"result": trace}).encode(),
    "values of Go": lambda trace: json.dumps(in_go(trace)).encode(),
    "snake case": lambda trace: json.dumps(snake(trace)).encode(),
    "snake case, older": lambda trace: json.dumps(snake(older(trace))).encode(),
    "one line": lines,
    "lines of Windows": lambda trace: lines(trace).replace(b"\n", b"\r\n"),
    "gzip": lambda trace: gzip.compress(json.dumps(trace).encode()),
    "gzip of lines": lambda trace: gzip.compress(lines(trace)),
    "byte order mark": lambda trace: b"\xef\xbb\xbf" + lines(trace),
}


@pytest.mark.parametrize("form", FORMS)
def test_sanitise_makes_one_trace_of_each_form(form: str) -> None:
    trace = document(span(), span("POST /token", spanId="7b30a2d15cf8e469", parentSpanId=SPAN))
    context_free = cleaned(trace)["resourceSpans"][0]["scopeSpans"][0]

    kept = cleaned(FORMS[form](trace))

    scope = kept["resourceSpans"][0]["scopeSpans"][0]
    assert scope["scope"] == context_free["scope"]
    first, second = scope["spans"]
    assert second["parentSpanId"] == first["spanId"]
    assert [one["name"] for one in scope["spans"]] == ["GET /login", "POST /token"]
    assert [one["attributes"] for one in scope["spans"]] == [one["attributes"] for one in context_free["spans"]]
    assert [one["startTimeUnixNano"] for one in scope["spans"]] == ["1762160000000000000"] * 2


def test_sanitise_merges_lines_into_one_trace() -> None:
    data = lines(document(span()), document(span("POST /token", spanId="7b30a2d15cf8e469"))) + b"\n  \n"

    spans = spans_of(cleaned(data))

    assert [one["name"] for one in spans] == ["GET /login", "POST /token"]
    assert spans[0]["traceId"] == spans[1]["traceId"]


def test_sanitise_names_the_number_of_a_broken_line() -> None:
    result = sanitise("otlp/v1", lines(document(span())) + b'\n{"resourceSpans": [hunter2\n')

    assert [reason.code for reason in result.reasons] == ["not-json"]
    assert "line 3" in result.reasons[0].message
    assert "hunter2" not in str(result.reasons)


@pytest.mark.parametrize("second", [b"[]", b'"text"', b"7", b"{}", b'{"resourceSpans": {}}'])
def test_sanitise_holds_lines_of_which_one_is_no_trace(second: bytes) -> None:
    result = sanitise("otlp/v1", lines(document(span())) + second)

    assert result.cleared == (second == b"{}")


@pytest.mark.parametrize("data", [b'{"a": 1,\n"b"}\n{}', b"{\n\n}{", b"x\n{}"])
def test_sanitise_says_of_other_texts_that_they_are_no_json(data: bytes) -> None:
    result = sanitise("otlp/v1", data)

    assert [reason.code for reason in result.reasons] == ["not-json"]
    assert "column" in result.reasons[0].message


def test_sanitise_refuses_a_key_that_stands_twice_in_a_line() -> None:
    data = lines(document(span())) + b'{"resourceSpans": [], "resourceSpans": []}\n'

    assert [reason.code for reason in sanitise("otlp/v1", data).reasons] == ["duplicate-key"]


def test_sanitise_takes_no_lines_for_a_capture() -> None:
    assert [reason.code for reason in sanitise("har/v1", b'{"log":{"entries":[]}}\n{}').reasons] == ["not-json"]


def test_sanitise_gives_an_id_in_base64_the_stand_in_that_it_has_in_hexadecimal() -> None:
    first, second = spans_of(cleaned(document(span(), binary_ids(span()))))

    assert (first["traceId"], first["spanId"]) == (second["traceId"], second["spanId"])


def test_sanitise_joins_two_names_of_one_list() -> None:
    both = {"resourceSpans": [{**group(span("login")), **older(document(span("logout")))["resourceSpans"][0]}]}

    assert [one["name"] for one in spans_of(cleaned(both))] == ["login", "logout"]


@pytest.mark.parametrize(
    "lost",
    [
        {"resourceSpans": [{"resource": {}, "librarySpans": [{"spans": [span()]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"items": [{"traceId": TRACE, "spanId": SPAN}]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": "x", "Spans": [span()]}]}]},
        {"resourceSpans": [{"unknown": [{"a": 1}]}]},
        {"resourceSpans": [], "resourceMetrics": [{"scopeMetrics": []}]},
        {"resourceSpans": [group(span()), {"odd": [{"spans": [span()]}]}]},
        {"resourceLogs": [{"logs": {"records": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}}]},
    ],
)
def test_sanitise_holds_a_trace_of_which_spans_would_be_lost(lost: Any) -> None:
    result = sanitise("otlp/v1", json.dumps(lost).encode())

    assert [reason.code for reason in result.reasons] == ["content-lost"]


def test_sanitise_clears_a_trace_that_was_empty() -> None:
    assert cleaned({"resourceSpans": []}) == {"resourceSpans": []}


def test_sanitise_keeps_a_log_record() -> None:
    record = {
        "timeUnixNano": "1762160000000000000",
        "observedTimeUnixNano": "1762160000100000000",
        "severityNumber": 17,
        "severityText": "Error",
        "body": {"stringValue": "Login failed: user jo.doe, password=Admin12 from 10.1.2.3"},
        "attributes": [attribute("http.response.status_code", 401), attribute("enduser.id", "jo")],
        "traceId": TRACE,
        "spanId": SPAN,
        "flags": 1,
        "droppedAttributesCount": 2,
    }
    both = {**document(span()), "resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]}

    made = cleaned(both)

    kept = made["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert kept | {"traceId": "", "spanId": ""} == record | {
        "body": {"stringValue": "Login failed: user ~ ~ ~ ~"},
        "attributes": [attribute("http.response.status_code", "401") | {"value": {"intValue": "401"}}],
        "traceId": "",
        "spanId": "",
    }
    assert kept["traceId"] == spans_of(made)[0]["traceId"]


@pytest.mark.parametrize("group_name", ["scopeLogs", "instrumentationLibraryLogs", "scope_logs"])
@pytest.mark.parametrize("listed", ["logRecords", "logs", "log_records"])
def test_sanitise_keeps_log_records_of_each_form(group_name: str, listed: str) -> None:
    made = cleaned({"resourceLogs": [{group_name: [{listed: [{"severityNumber": "SEVERITY_NUMBER_WARN"}]}]}]})

    record = made["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    assert record == {"severityNumber": "SEVERITY_NUMBER_WARN", "attributes": []}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("connection to upstream refused", "connection to upstream refused"),
        ("token hunter2xyz expired. Retry failed", "token ~ ~ Retry failed"),
        ("secret: welcome", "secret: ~"),
        ("retry 3 of 5", "retry ~ of ~"),
        ("x" * 100_000, "~"),
        ("", ""),
    ],
)
def test_sanitise_keeps_the_template_of_a_message(said: str, left: str) -> None:
    made = cleaned({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": said}}]}]}]})

    assert made["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"] == {"stringValue": left}


def test_sanitise_keeps_every_enumeration_of_the_conventions_whole() -> None:
    listed = [attribute(key, value) for key, values in opentelemetry.TEXTS.items() for value in sorted(values)]
    numbers = [attribute(key, value) for key, values in opentelemetry.NUMBERS.items() for value in sorted(values)]

    kept = spans_of(cleaned(document(span(attributes=listed + numbers))))[0]["attributes"]

    assert kept[: len(listed)] == listed
    assert [one["value"]["intValue"] for one in kept[len(listed) :]] == [str(n["value"]["intValue"]) for n in numbers]
    assert len(listed) > 500


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("saml.status_code", federation.SAML_STATUS),
        ("saml.binding", federation.SAML_BINDINGS),
        ("oauth.error", federation.OAUTH_ERRORS),
        ("jwt.alg", federation.JOSE_ALGORITHMS),
        ("error.type", federation.OUTCOMES | network.ERRORS | {"503", "522"}),
        ("rpc.response.status_code", frozenset(federation.GRPC_CODES)),
        ("tls.alert", network.TLS_ALERTS),
    ],
)
def test_sanitise_keeps_outcomes_of_protocols_whole(key: str, values: frozenset[str]) -> None:
    listed = [attribute(key, value) for value in sorted(values)]

    assert spans_of(cleaned(document(span(attributes=listed))))[0]["attributes"] == listed


@pytest.mark.parametrize("field", ["kind", "startTimeUnixNano", "endTimeUnixNano", "flags"])
def test_sanitise_leaves_out_what_it_does_not_keep_of_a_span(field: str) -> None:
    result = sanitise("otlp/v1", json.dumps(document(span(**{field: "hunter2"}))).encode())

    assert result.data is not None
    assert field not in spans_of(json.loads(result.data))[0]
    assert "unsafe-value" in {one["rule"] for one in result.report["removed"]}


def test_sanitise_keeps_the_counts_of_what_an_sdk_dropped() -> None:
    counts = {"droppedAttributesCount": 3}
    event = {"timeUnixNano": "1762160000000000000", "name": "exception", "attributes": [], **counts}
    one = span(events=[event], links=[{"traceId": TRACE, "spanId": SPAN, "flags": 1, **counts}], **counts)
    trace = document(one)
    trace["resourceSpans"][0]["resource"] |= counts

    made = cleaned(trace)

    kept = spans_of(made)[0]
    for node in (kept, kept["events"][0], kept["links"][0], made["resourceSpans"][0]["resource"]):
        assert node["droppedAttributesCount"] == 3


@pytest.mark.parametrize(
    "declared", ["application/x-ndjson", "application/jsonl", "application/gzip", "text/plain", "application/json"]
)
def test_sanitise_takes_the_content_types_of_traces(declared: str) -> None:
    assert sanitise("otlp/v1", lines(document(span())), content_type=declared).cleared


def test_sanitise_lets_no_secret_through_in_any_form() -> None:
    p = Plants("forms")
    record = {
        "timeUnixNano": p("log time"),
        "severityNumber": p("severity number"),
        "severityText": p("severity"),
        "body": {"stringValue": f"password={p('body password')} user {p('body user')}: {p('body text')}"},
        "eventName": p("event name"),
        "attributes": [attribute("error.type", p("error type")), attribute("enduser.id", p("end user"))],
        "flags": p("flags"),
        p("record key"): p("record value"),
    }
    structured = {"body": {"kvlistValue": {"values": [attribute(p("map key"), p("map value"))]}}}
    logs = [{p("group key"): 1, "scopeLogs": [{"scope": {"name": p("scope")}, "logRecords": [record, structured]}]}]
    attributes = [attribute(key, p(f"attribute {key}")) for key in ("http.request.method", "tls.cipher", "error")]
    attributes += [attribute(key, p(f"attribute {key}")) for key in ("server.port", "rpc.grpc.status_code", "os.type")]
    data = lines(
        {"trace": {"batches": older(document(span(attributes=attributes)))["resourceSpans"]}, p("beside"): p("it")},
        snake({"resourceLogs": logs}),
        {"resourceSpans": [{"schemaUrl": p("schema"), "instrumentationLibrarySpans": []}]},
    )

    result = sanitise("otlp/v1", gzip.compress(data))

    assert result.data is not None, result.reasons
    assert len(p.planted) > 20
    assert found(result.data + json.dumps(result.report).encode(), p) == []


@pytest.mark.parametrize(
    ("trace", "what"),
    [
        ({"resourceSpans": [{"scopeSpans": [{"spans": [{}, {"name": "login"}]}]}]}, "Trace of 2 spans"),
        ({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 17}]}]}]}, "1 log record"),
        (
            {
                "resourceSpans": [group(span())],
                "resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1762160000000000000"}]}]}],
            },
            "Trace of 1 span and 1 log record",
        ),
        ({"resourceSpans": []}, "Trace of 0 spans"),
    ],
)
def test_describe_says_what_a_trace_or_log_of_any_form_is(trace: Any, what: str) -> None:
    result = sanitise("otlp/v1", json.dumps(trace).encode())
    assert result.data is not None, result.reasons

    assert describe("otlp/v1", result.data).what == what
