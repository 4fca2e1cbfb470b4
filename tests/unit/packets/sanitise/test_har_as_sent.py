"""What a capture says stays as it was sent, or is absent and marked; nothing becomes another value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handrail.packets.sanitise import sanitise
from handrail.packets.sanitise.known import captures, network
from tests.factories.captures import Plants, found


def entry(**changed: Any) -> dict[str, Any]:
    made = {
        "startedDateTime": "2026-11-22T10:15:02.846Z",
        "time": 12.5,
        "request": {"method": "GET", "url": "https://login.example.com/", "headersSize": 10, "bodySize": 0},
        "response": {"status": 200, "statusText": "", "headersSize": 10, "bodySize": 0, "content": {"size": 4}},
        "timings": {"send": 0, "wait": 11, "receive": 1.5},
    }
    for path, value in changed.items():
        *outer, last = path.split("__")
        node: dict[str, Any] = made
        for key in outer:
            node = node[key]
        node[last] = value
    return made


def cleaned(*entries: dict[str, Any], **log: Any) -> dict[str, Any]:
    result = sanitise("har/v1", json.dumps({"log": {"entries": list(entries), **log}}).encode())
    assert result.data is not None, result.reasons
    made: dict[str, Any] = json.loads(result.data)["log"]
    return made


def one(**changed: Any) -> dict[str, Any]:
    kept: dict[str, Any] = cleaned(entry(**changed))["entries"][0]
    return kept


def shown(name: str, value: str) -> list[str]:
    return [
        header["value"] for header in one(response__headers=[{"name": name, "value": value}])["response"]["headers"]
    ]


@pytest.mark.parametrize(
    "value",
    [
        "max-age=63072000; includeSubDomains; preload",
        "MAX-AGE=31536000; INCLUDESUBDOMAINS",
        "preload; includesubdomains; max-age=0",
        "max-age=31536000;includeSubDomains;preload",
        "max-age=2147483648; includeSubDomains",
    ],
)
def test_sanitise_shows_transport_security_as_it_was_sent(value: str) -> None:
    assert shown("Strict-Transport-Security", value) == [value]


@pytest.mark.parametrize(
    "value",
    [
        "public, max-age=300, stale-while-revalidate=86400",
        "Private, No-Cache, Must-Revalidate, pre-check=0, post-check=0",
        "s-maxage=31536000, stale-if-error=604800, immutable, must-understand",
        "max-stale, min-fresh=5, only-if-cached, no-transform",
        "private,max-age=0 , no-store",
    ],
)
def test_sanitise_shows_every_registered_cache_directive(value: str) -> None:
    assert shown("Cache-Control", value) == [value]


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("Strict-Transport-Security", "max-age=1;hunter2xyz;preload", ["max-age=1; preload"]),
        (
            "Strict-Transport-Security",
            'max-age="31536000" ;  includeSubDomains',
            ["max-age=31536000; includeSubDomains"],
        ),
        ("Cache-Control", "no-store,max-age=hunter2xyz,hunter2xyz=1", ["no-store"]),
        ("Cache-Control", 'private="hunter2xyz", max-age=12345678901', []),
    ],
)
def test_sanitise_leaves_out_what_is_no_directive(name: str, value: str, left: list[str]) -> None:
    assert shown(name, value) == left


@pytest.mark.parametrize("producer", sorted(captures.PRODUCERS))
def test_sanitise_shows_a_producer_whatever_a_cookie_or_user_is_called(producer: str) -> None:
    word = producer.split(maxsplit=1)[0]
    headers = [
        {"name": "Cookie", "value": f"ref=/blog/{word.lower()}/notes; sid={word}; whole={producer}"},
        {"name": "X-Forwarded-User", "value": producer},
    ]

    log = cleaned(entry(request__headers=headers), creator={"name": producer, "version": "1.8"})

    assert log["creator"] == {"name": producer, "version": "1.8"}


def test_sanitise_keeps_every_status_as_it_was_sent() -> None:
    statuses = [*range(100, 600), 999, 0]

    kept = cleaned(*[entry(response__status=status) for status in statuses])["entries"]

    assert [one["response"]["status"] for one in kept] == statuses
    assert not any("_absent" in one for one in kept)


@pytest.mark.parametrize(("sent", "kept"), [(200.0, 200), ("200", 200), ("522", 522), (999.0, 999)])
def test_sanitise_keeps_a_status_of_another_type_as_its_number(sent: Any, kept: int) -> None:
    status = one(response__status=sent)["response"]["status"]

    assert (status, type(status)) == (kept, int)


@pytest.mark.parametrize("sent", [99, 600, 998, 1000, -1, 200.5, "0200", "2e2", "hunter2", True, [200], None])
def test_sanitise_marks_a_status_that_is_none(sent: Any) -> None:
    kept = one(response__status=sent)

    assert (kept["response"]["status"], kept["_absent"]) == (0, ["response.status"])


@pytest.mark.parametrize(
    ("status", "phrase", "left"),
    [
        (200, "OK", "OK"),
        (404, "Not found", "Not found"),
        (302, "Moved Temporarily", "Moved Temporarily"),
        (522, "Connection timed out", "Connection timed out"),
        (200, "Connection established", "Connection established"),
        (522, "Origin gave no connection", ""),
        (200, "Not Found", ""),
        (440, "Session is over", ""),
    ],
)
def test_sanitise_keeps_known_phrases_of_a_status(status: int, phrase: str, left: str) -> None:
    assert one(response__status=status, response__statusText=phrase)["response"]["statusText"] == left


@pytest.mark.parametrize(
    ("field", "name", "stand_in"),
    [
        ("startedDateTime", "startedDateTime", ""),
        ("time", "time", -1),
        ("request__bodySize", "request.bodySize", -1),
        ("response__headersSize", "response.headersSize", -1),
        ("response__content__size", "response.content.size", -1),
        ("timings__wait", "timings.wait", -1),
    ],
)
def test_sanitise_marks_what_stands_in_for_a_value_that_readers_need(field: str, name: str, stand_in: Any) -> None:
    result = sanitise("har/v1", json.dumps({"log": {"entries": [entry(**{field: "hunter2"})]}}).encode())
    assert result.data is not None
    kept = json.loads(result.data)["log"]["entries"][0]
    node = kept
    for key in field.split("__"):
        node = node[key]

    assert (node, kept["_absent"]) == (stand_in, [name])
    assert sum(one["count"] for one in result.report["removed"]) == 1


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("timings__dns", "dns"),
        ("response___transferSize", "_transferSize"),
        ("response__content__compression", "compression"),
        ("_fromServiceWorker", "_fromServiceWorker"),
        ("_serverPort", "_serverPort"),
    ],
)
def test_sanitise_leaves_out_a_value_that_readers_do_not_need(field: str, key: str) -> None:
    result = sanitise("har/v1", json.dumps({"log": {"entries": [entry(**{field: "hunter2"})]}}).encode())

    assert f'"{key}"'.encode() not in (result.data or b"")
    assert sum(one["count"] for one in result.report["removed"]) == 1


@pytest.mark.parametrize(("field", "text"), [("request__method", "HUNTER"), ("request__httpVersion", "hunter/2")])
def test_sanitise_marks_a_text_that_is_not_kept(field: str, text: str) -> None:
    assert one(**{field: text})["request"][field.partition("__")[2]] == "~"


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "h2", "H3", "http/2+quic/46", "SPDY/3.1", "unknown", "WSS"])
def test_sanitise_keeps_a_protocol_as_it_was_sent(protocol: str) -> None:
    assert one(request__httpVersion=protocol)["request"]["httpVersion"] == protocol


@pytest.mark.parametrize("challenge", ["NTLM", "DPoP", "negotiate", "Bearer"])
def test_sanitise_keeps_the_scheme_of_a_challenge_as_it_was_sent(challenge: str) -> None:
    assert shown("WWW-Authenticate", f'{challenge} realm="hunter2"') == [challenge]


def test_sanitise_keeps_the_mark_of_an_earlier_sanitising() -> None:
    once = cleaned(entry(response__status="hunter2", time="hunter2"))

    assert cleaned(*once["entries"])["entries"] == once["entries"]


def test_sanitise_takes_no_mark_that_is_not_its_own() -> None:
    assert "_absent" not in one(_absent=["time", "hunter2xyz"])


@pytest.mark.parametrize("number", ["12.5", "7"])
def test_sanitise_keeps_a_number_that_is_written_as_a_text(number: str) -> None:
    assert one(time=number)["time"] == json.loads(number)


def test_sanitise_keeps_network_errors_of_browsers_whole() -> None:
    errors = sorted(network.ERRORS)

    log = cleaned(*[entry(response___error=error) for error in errors])

    assert [kept["response"]["_error"] for kept in log["entries"]] == errors
    assert len(errors) > 700


@pytest.mark.parametrize("error", ["net::ERR_HUNTER2", "NS_ERROR_HUNTER2", "NSURLErrorDomain -31337", "hunter2"])
def test_sanitise_marks_an_error_that_no_browser_has(error: str) -> None:
    assert one(response___failureText=error)["response"]["_failureText"] == "~"


def test_sanitise_keeps_the_version_of_tls_and_its_validity_only() -> None:
    details = {"protocol": "TLS 1.3", "subjectName": "hunter2.example", "issuer": "Hunter CA", "validFrom": 1700000000}

    assert one(_securityDetails=details)["_securityDetails"] == {"validFrom": 1700000000, "protocol": "TLS 1.3"}


@pytest.mark.parametrize("number", [130, 1100])
def test_sanitise_clears_a_capture_of_many_pages(number: int) -> None:
    pages = [{"id": f"page_{at}", "title": "", "startedDateTime": "2026-11-22T10:15:02Z"} for at in range(number)]

    assert len(cleaned(*[entry(pageref=page["id"]) for page in pages], pages=pages)["pages"]) == number


@pytest.mark.parametrize("declared", ["application/har", "application/har+json", "text/plain; charset=utf-8"])
def test_sanitise_takes_the_content_types_of_captures(declared: str) -> None:
    data = json.dumps({"log": {"entries": [entry()]}}).encode()

    assert sanitise("har/v1", data, content_type=declared).cleared


@pytest.mark.parametrize("where", [{"Entries": [{"a": 1}]}, {"sessions": {"a": 1}}])
def test_sanitise_holds_a_capture_of_which_nothing_would_be_left(where: dict[str, Any]) -> None:
    result = sanitise("har/v1", json.dumps({"log": {"entries": [], **where}}).encode())

    assert [reason.code for reason in result.reasons] == ["content-lost"]


def test_sanitise_lets_no_secret_through_where_more_is_kept_now() -> None:
    """A canary in each place of which the rules let more through than before."""
    p = Plants("as sent")
    spoilt = entry(
        response__status=p("status"),
        response__statusText=f"Not Found {p('phrase')}",
        response___error=f"net::ERR_FAILED {p('error')}",
        response___failureText=p("failure"),
        response___fetchedViaServiceWorker=p("fetched"),
        response__headers=[
            {"name": "Strict-Transport-Security", "value": f"max-age=1; {p('hsts')}={p('hsts value')}"},
            {"name": "Cache-Control", "value": f'private="{p("cache names")}", max-age={p("cache seconds")}'},
        ],
        request__method=p("method"),
        request__httpVersion=p("protocol"),
        _securityDetails={"protocol": p("tls"), "validFrom": p("valid"), p("detail"): 1},
        _serverPort=p("port"),
        _absent=[p("absent")],
        timings={"send": p("send"), "_workerFetchStart": p("phase")},
    )
    log = {
        "version": p("log.version"),
        "creator": {"name": f"Firefox {p('creator')}", "version": p("creator version")},
        "pages": [
            {"id": p("page"), "title": p("title"), "_absent": p("page mark"), "pageTimings": {"onLoad": p("load")}}
        ],
        "entries": [spoilt],
    }

    result = sanitise("har/v1", json.dumps({"log": log}).encode())

    assert result.data is not None, result.reasons
    assert found(result.data + json.dumps(result.report).encode(), p) == []


@pytest.mark.parametrize("value", ["bytes=0-", "bytes=0-1023", "bytes=-500", "Bytes=1024-2047"])
def test_sanitise_shows_a_range_of_bytes(value: str) -> None:
    assert shown("Range", value) == [value]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Range", "bytes=920127-7911"),
        ("Range", "bytes=011278-0705"),
        ("Range", "bytes=-"),
        ("Age", "41041259516"),
        ("Age", "2147483649"),
        ("Content-Length", "53042650890"),
    ],
)
def test_sanitise_drops_a_number_that_the_header_can_not_mean(name: str, value: str) -> None:
    """Such numbers are somebody's: a national identifier has these forms."""
    assert shown(name, value) == []
