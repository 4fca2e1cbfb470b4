from __future__ import annotations

import json
import random
from typing import Any

import pytest

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.sanitise import sanitise
from tests.factories.captures import capture
from tests.factories.standins import numbered


def cleaned(data: bytes) -> dict[str, Any]:
    result = sanitise("har/v1", data)
    assert result.data is not None, result.reasons
    log: dict[str, Any] = json.loads(result.data)["log"]
    return log


def har(**request: Any) -> bytes:
    response = request.pop("response", {"status": 200})
    made = {"method": "GET", "url": "https://idp.example.com/", "httpVersion": "h2", "headers": []} | request
    return json.dumps({"log": {"entries": [{"request": made, "response": response}]}}).encode()


def url(raw: str) -> str:
    return str(cleaned(har(url=raw))["entries"][0]["request"]["url"])


def test_sanitise_keeps_timings_sizes_and_status() -> None:
    entry = cleaned(capture("chrome")[0])["entries"][0]

    assert entry["timings"] == {
        "blocked": 0.5, "dns": 1.5, "connect": 20, "send": 0.25, "wait": 60.123, "receive": 2, "ssl": 11,
    }  # fmt: skip
    assert (entry["time"], entry["startedDateTime"]) == (104.093, "2026-11-22T10:15:02.846Z")
    assert (entry["response"]["status"], entry["response"]["_transferSize"]) == (302, 1424)
    assert entry["response"]["content"] == {"size": 2048, "compression": 12, "mimeType": "text/html"}
    assert entry["cache"]["beforeRequest"]["hitCount"] == 2


def test_sanitise_keeps_listed_vendor_keys_only() -> None:
    entry = cleaned(capture("chrome")[0])["entries"][0]

    assert {k: v for k, v in entry.items() if k.startswith("_") and k != "_handrail"} == {
        "_priority": "VeryHigh",
        "_resourceType": "websocket",
        "_fromCache": "disk",
    }


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("https://idp.example.com/saml2/acs", "https://idp.example.com/saml2/acs"),
        ("https://idp.example.com/oauth2/v2.0/authorize", "https://idp.example.com/oauth2/v2.0/authorize"),
        ("https://idp.example.com/users/4711/roles", "https://idp.example.com/users/~num1/roles"),
        ("https://idp.example.com/a/4711/b/4711/4712", "https://idp.example.com/a/~num1/~text1/~num1/~num2"),
        ("https://idp.example.com/u/jo@x.example", "https://idp.example.com/~text1/~mail1"),
        ("https://idp.example.com:8443/?wa=wsignin1.0&wctx=a", "https://idp.example.com:8443/?wa=wsignin1.0&wctx=~"),
        (
            "https://idp.example.com/cb?error=access_denied&code=1",
            "https://idp.example.com/~text1?error=access_denied&code=~",
        ),
        ("https://10.1.2.3/login", "https://private1/login"),
        ("https://10.1/login", "https://hidden1.hidden2/login"),
        ("https://login-eu2.alder.co.uk/", "https://login-eu2.hidden1.co.uk/"),
        ("https://alder.okta.com/", "https://hidden1.okta.com/"),
        ("https://john-smith-laptop.corp.example.com/", "https://hidden1.corp.example.com/"),
        ("https://portal12.example.com/", "https://hidden1.example.com/"),
        ("https://alder.okta.com/alder", "https://hidden1.okta.com/~text1"),
        ("https://john-laptop.local/", "https://hidden1.local/"),
        ("https://login.nobodysend/", "https://login.hidden1/"),
        ("https://xn--jrgen-kva.com/", "https://hidden1.com/"),
        ("https://idp.example.com/user4711/sign-in", "https://idp.example.com/~text1/sign-in"),
        ("https://idp.example.com/47/11", "https://idp.example.com/~num1/~num2"),
        ("https://idp.example.com/js/jquery-3.7.1.min.js", "https://idp.example.com/js/jquery-3.7.1.min.js"),
        ("https://xk3j9q2m8v7t.example.com/", "https://hidden1.example.com/"),
        ("blob:https://x/abc", "blob:~"),
        ("javascript:alert(1)", "other:~"),
        ("/relative/login", "/~text1/login"),
    ],
)
def test_sanitise_keeps_origin_and_path_shape(raw: str, shown: str) -> None:
    assert numbered(url(raw)) == shown


def test_sanitise_keeps_protocol_words_that_also_stand_in_what_was_dropped() -> None:
    algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    body = f'<script src="/js/jquery-3.7.1.min.js">{algorithm} iso-8859-1 oauth2 redirect_uri'
    address = "https://idp.example.com/oauth2/js/jquery-3.7.1.min.js"
    data = har(
        url=f"{address}?SigAlg={algorithm.replace('#', '%23')}&client_id=oauth2",
        headers=[{"name": "Cookie", "value": "consent=signIn; flow=oauth2; lang=en-GB"}],
        response={"status": 200, "content": {"mimeType": "text/html; charset=iso-8859-1", "text": body}},
    )
    entry = cleaned(data)["entries"][0]

    assert entry["request"]["url"] == f"{address}?SigAlg={algorithm}&client_id=~"
    assert entry["response"]["content"]["mimeType"] == "text/html; charset=iso-8859-1"


def test_sanitise_refuses_a_version_long_enough_for_a_card_number() -> None:
    log = {"creator": {"name": "Firefox", "version": "411.1111.1111.1111"}, "entries": []}

    assert cleaned(json.dumps({"log": log}).encode())["creator"] == {"name": "Firefox", "version": ""}


def test_sanitise_gives_one_identifier_one_pseudonym_in_all_places() -> None:
    data = har(
        url="https://idp.example.com/users/4711",
        headers=[{"name": "Referer", "value": "https://idp.example.com/users/4711/edit"}],
        response={"status": 302, "redirectURL": "/users/4711/done"},
    )
    entry = cleaned(data)["entries"][0]

    shown = [entry["request"]["url"], entry["request"]["headers"][0]["value"], entry["response"]["redirectURL"]]
    assert numbered(" ".join(shown)).split() == [
        "https://idp.example.com/users/~num1",
        "https://idp.example.com/users/~num1/edit",
        "/users/~num1/done",
    ]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Server-Timing", "db;dur=12.5, cache;desc=hit;dur=1", "db;dur=12.5, cache;dur=1"),
        ("X-Cache", "HIT from edge-7", None),
        ("X-Cache", "MISS, HIT", "miss, hit"),
        ("WWW-Authenticate", 'Bearer realm="acme"', "Bearer"),
        ("Cache-Control", "no-store, max-age=60, token=abc", "no-store, max-age=60"),
        ("Content-Type", "application/samlmetadata+xml; charset=UTF-8", "application/samlmetadata+xml; charset=utf-8"),
        ("Retry-After", "120", "120"),
        ("ETag", '"abc"', None),
        ("X-Anything", "1", None),
        ("User-Agent", "Mozilla/5.0 (Macintosh; x) Version/17.1 Safari/605.1.15", "(Macintosh) Version/17 Safari/605"),
    ],
)
def test_sanitise_keeps_safe_header_values_only(name: str, value: str, shown: str | None) -> None:
    headers = cleaned(har(headers=[{"name": name, "value": value}]))["entries"][0]["request"]["headers"]

    assert [h["value"] for h in headers] == ([shown] if shown is not None else [])


def test_sanitise_keeps_the_names_of_known_form_fields() -> None:
    entry = cleaned(capture("chrome")[0])["entries"][0]

    assert entry["request"]["postData"] == {
        "mimeType": "application/x-www-form-urlencoded",
        "params": [{"name": "SAMLResponse", "value": "~"}, {"name": "password", "value": "~"}],
    }


def test_sanitise_gives_the_same_bytes_for_the_same_bytes() -> None:
    data = capture("edge")[0]

    first, second = sanitise("har/v1", data), sanitise("har/v1", data)

    assert first == second
    assert first.data is not None
    assert (first.original_digest, first.cleared_digest) == (digest_bytes(data), digest_bytes(first.data))


def test_sanitise_counts_what_it_removed_by_rule_and_place() -> None:
    headers = [{"name": "Cookie", "value": "a=1"}, {"name": "X-A", "value": "1"}, {"name": "X-B", "value": "2"}]

    report = sanitise("har/v1", har(headers=headers)).report

    assert report["removed"] == [
        {"rule": "cookie", "place": "request.headers", "count": 1},
        {"rule": "custom-header", "place": "request.headers", "count": 2},
    ]


def test_sanitise_again_changes_no_value() -> None:
    once = cleaned(har(url="https://idp.example.com/login", headers=[{"name": "Accept", "value": "text/html"}]))

    twice = cleaned(json.dumps({"log": once}).encode())

    assert twice == once


@pytest.mark.parametrize(
    "document", [[], {}, {"log": []}, {"log": {"entries": {}}}, {"log": {"entries": ["x"]}}, "x", None]
)
def test_sanitise_holds_what_is_no_capture(document: Any) -> None:
    result = sanitise("har/v1", json.dumps(document).encode())

    assert (result.cleared, result.data, result.cleared_digest) == (False, None, None)
    assert [r.code for r in result.reasons] == ["not-this-kind"]


def test_sanitise_refuses_an_unknown_sanitiser() -> None:
    with pytest.raises(Invalid, match=r"har/v1, otlp/v1"):
        sanitise("pcap/v1", b"{}")


def test_sanitise_survives_any_value_in_any_place() -> None:
    choose = random.Random(7)
    odd: list[Any] = [None, True, -5, 1e300, 10**30, "", "\ud800", [], [[]], {}, {"a": {}}, "x" * 5000]

    def spoil(node: Any) -> Any:
        if choose.random() < 0.1:
            return choose.choice(odd)
        if isinstance(node, dict):
            return {k: spoil(v) for k, v in node.items()}
        return [spoil(v) for v in node] if isinstance(node, list) else node

    original = json.loads(capture("chrome")[0])
    for _ in range(150):
        original["log"]["entries"] = original["log"]["entries"][:1]
        spoilt = {"log": {"entries": [e for e in [spoil(original["log"]["entries"][0])] if isinstance(e, dict)]}}
        assert sanitise("har/v1", json.dumps(spoilt).encode()).original_digest.startswith("sha256:")


def test_sanitise_page_without_a_title_reports_no_title_as_removed() -> None:
    page = {"startedDateTime": "2026-11-22T10:15:02.846Z", "id": "page_1", "title": "", "pageTimings": {"onLoad": 12}}
    result = sanitise("har/v1", json.dumps({"log": {"pages": [page], "entries": []}}).encode())

    assert result.data is not None, result.reasons
    assert json.loads(result.data)["log"]["pages"][0]["pageTimings"] == {"onLoad": 12}
    assert "title" not in json.dumps(result.report)
