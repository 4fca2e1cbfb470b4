"""The sources of a vendor escalation, and how they move while a packet is under review."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree

from handrail.kernel.canonical import digest_bytes
from handrail.sandbox import capture, traces
from handrail.sandbox.federation import ENTITY_ID
from handrail.sandbox.outage import CASE


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("cases", f"/cases/{CASE}"),
        ("cases", "/rosters/signing-co"),
        ("cases", "/plans/signing-co"),
        ("cases", f"/vendor-tickets?case={CASE}"),
        ("cases", f"/holds?case={CASE}"),
        ("federation", "/federation/connectors?tenant=ten_alder"),
    ],
)
def test_record_has_its_revision_as_etag(client, service: str, path: str) -> None:
    answer = client(service).get(path)
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'


def test_metadata_names_the_connector_of_the_inventory(client) -> None:
    federation = client("federation")
    listed = federation.get("/federation/connectors", params={"tenant": "ten_alder"}).json()["items"]
    metadata = federation.get("/federation/metadata/ten_alder")
    assert listed[0]["entity_id"] == ENTITY_ID
    assert f'entityID="{ENTITY_ID}"' in metadata.text
    assert federation.get("/federation/metadata/ten_birch").status_code == 404


def test_attachments_carry_their_digests_and_planted_secrets(client) -> None:
    store = client("attachments")
    listed = store.get("/attachments", params={"case": CASE}).json()["items"]
    assert [item["kind"] for item in listed] == ["har", "trace", "other"]
    for item in listed:
        data = store.get(f"/attachments/{item['id']}/content").content
        assert digest_bytes(data) == item["digest"]
        assert b"CANARY-secret-" in data
    har = json.loads(store.get("/attachments/att_har/content").content)
    assert len(har["log"]["entries"]) > 100
    assert {entry["response"]["status"] for entry in har["log"]["entries"]} >= {
        0,
        200,
        302,
        400,
        401,
        403,
        500,
        503,
        520,
    }
    assert store.get("/attachments/att_9/content").status_code == 404


def test_late_note_makes_a_new_revision(client) -> None:
    note = {"at": "2026-11-20T10:00:00Z", "kind": "note", "visibility": "vendor", "text": "late"}
    assert client("control").post(f"/cases/{CASE}/timeline", json=note).status_code == 201
    after = client("cases").get(f"/cases/{CASE}")
    assert after.headers["etag"] == '"2"'
    assert after.json()["timeline"][-1] == note


def test_late_attachment_is_listed(client) -> None:
    body = {"name": "late.json", "kind": "trace", "text": "{}"}
    key = client("control").post(f"/cases/{CASE}/attachments", json=body).json()["id"]
    assert client("attachments").get(f"/attachments/{key}/content").content == b"{}"


def test_attachment_of_an_unknown_kind_is_refused(client) -> None:
    body = {"name": "x", "kind": "exe", "text": "x"}
    assert client("control").post(f"/cases/{CASE}/attachments", json=body).status_code == 400


def test_record_changes_on_request(client) -> None:
    control = client("control")
    assert control.post("/change/entitlements/ten_alder", json={"plan": "standard-support"}).status_code == 200
    assert control.post("/change/metadata", json={"entity_id": "https://other.example"}).status_code == 200
    assert control.post("/change/nothing", json={}).status_code == 404
    ledger = client("entitlements").get("/entitlements/ten_alder").json()
    assert (ledger["plan"], ledger["revision"]) == ("standard-support", 2)
    assert "https://other.example" in client("federation").get("/federation/metadata/ten_alder").text


def test_trace_of_the_failing_log_in_hangs_below_what_the_browser_sent() -> None:
    entries = json.loads(capture.har())["log"]["entries"]
    (failed,) = [entry for entry in entries if entry["response"]["status"] == 500]
    sent = next(header["value"] for header in failed["request"]["headers"] if header["name"] == "traceparent")
    first, second = (spans(text) for text in (traces.failing(), traces.late()))
    assert sent == f"00-{first[0]['traceId']}-{first[0]['parentSpanId']}-01"
    assert not {span["traceId"] for span in first} & {span["traceId"] for span in second}


def spans(text: bytes) -> list[Any]:
    found: list[Any] = json.loads(text)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return found


def test_saml_messages_are_well_formed_and_say_what_failed() -> None:
    entries = json.loads(capture.har())["log"]["entries"]
    posted = [
        entry["request"]["postData"]["params"][0] for entry in entries if entry["request"]["url"].endswith("/saml/acs")
    ]
    roots = [etree.fromstring(base64.b64decode(unquote(param["value"]))) for param in posted]
    codes = [[code.get("Value").rpartition(":")[2] for code in root.iter("{*}StatusCode")] for root in roots]
    assert codes == [["Success"], ["Success"], ["Responder", "AuthnFailed"], ["Success"]]
    assert [len(root.findall(".//{*}SignatureValue")) for root in roots] == [1, 1, 0, 1]
