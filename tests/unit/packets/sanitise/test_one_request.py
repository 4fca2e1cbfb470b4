"""One request through a capture and a trace of the practice outage, as the vendor gets them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.sandbox import capture, traces

CONTEXT = SanitiseContext.of_packet(b"1" * 32, vendor=["signing-co.example"], identity_providers=["idp.alder.example"])
OTHER = SanitiseContext.of_packet(b"2" * 32, vendor=["signing-co.example"], identity_providers=["idp.alder.example"])


def log(context: SanitiseContext = CONTEXT) -> dict[str, Any]:
    result = sanitise("har/v1", capture.har(), context=context)
    assert result.data is not None, result.reasons
    found: dict[str, Any] = json.loads(result.data)["log"]
    return found


def spans(context: SanitiseContext = CONTEXT) -> list[dict[str, Any]]:
    result = sanitise("otlp/v1", traces.failing(), context=context)
    assert result.data is not None, result.reasons
    groups = json.loads(result.data)["resourceSpans"]
    return [span for group in groups for scope in group["scopeSpans"] for span in scope["spans"]]


@pytest.fixture(scope="module")
def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log()["entries"]
    return found


def headers(entries: list[dict[str, Any]], side: str, name: str) -> set[str]:
    return {h["value"] for entry in entries for h in entry[side]["headers"] if h["name"] == name}


def values(made: list[dict[str, Any]], key: str) -> set[str]:
    found = [a["value"] for span in made for a in span["attributes"] if a["key"] == key]
    return {value.get("stringValue") or value["arrayValue"]["values"][0]["stringValue"] for value in found}


def test_the_trace_of_a_browsers_request_is_that_of_the_spans(entries: list[dict[str, Any]]) -> None:
    made = spans()
    sent = {tuple(value.split("-")[1:3]) for value in headers(entries, "request", "traceparent")}

    assert {span["traceId"] for span in made} < {trace for trace, _ in sent}
    assert made[0]["parentSpanId"] in {span for _, span in sent}
    assert capture.FAILED.trace not in json.dumps([entries, made])


def test_every_span_but_the_root_has_its_parent() -> None:
    made = spans()

    assert {span["parentSpanId"] for span in made[1:]} <= {span["spanId"] for span in made}


def test_the_vendors_ids_are_the_same_in_capture_and_trace(entries: list[dict[str, Any]]) -> None:
    ids = {ident for ident in capture.FAILED.vendor_ids if ident}

    assert ids <= headers(entries, "response", "x-request-id")
    assert values(spans(), "http.response.header.x-request-id") == ids


def test_an_id_of_another_hosts_request_gets_a_stand_in_in_a_trace() -> None:
    none = SanitiseContext.of_packet(b"1" * 32)

    assert all(one.startswith("~") for one in values(spans(none), "http.response.header.x-request-id"))


def test_the_vendors_hosts_and_the_identity_provider_are_shown(entries: list[dict[str, Any]]) -> None:
    shown = {entry["request"]["url"].split("/")[2] for entry in entries}

    assert {"sign.signing-co.example", "idp.alder.example"} <= shown
    assert not any("alder" in host for host in shown - {"idp.alder.example"})


def test_the_refused_log_in_says_why(entries: list[dict[str, Any]]) -> None:
    made = [one for entry in entries for one in entry.get("_handrail", {}).get("saml", []) if one.get("status")]

    assert ["Responder", "AuthnFailed"] in [one["status"] for one in made]
    assert {one["issuer"]["of"] for one in made} == {"identity-provider"}


def test_each_answer_names_the_request_that_it_answers(entries: list[dict[str, Any]]) -> None:
    made = [one for entry in entries for one in entry.get("_handrail", {}).get("saml", [])]
    asked = {one["id"] for one in made if one["kind"] == "AuthnRequest"}

    assert {one["in_response_to"] for one in made if one["kind"] == "Response"} <= asked


def test_another_packet_of_the_same_bytes_has_other_stand_ins(entries: list[dict[str, Any]]) -> None:
    here = headers(entries, "request", "traceparent")
    there = headers(log(OTHER)["entries"], "request", "traceparent")

    assert len(here) == len(there)
    assert not here & there
    assert not {span["traceId"] for span in spans()} & {span["traceId"] for span in spans(OTHER)}
