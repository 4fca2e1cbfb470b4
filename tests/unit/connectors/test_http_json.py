"""Outside JSON is read strictly; Retry-After in both of its forms."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from handrail.connectors.http import Exchange, NotJson, parse_json, parse_page, retry_after_seconds, to_answer
from handrail.connectors.http.jsontext import MAX_DEPTH
from handrail.connectors.outcome import Failure
from handrail.kernel.errors import Invalid
from handrail.runbooks.delegated import IncomingTask

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_parse_json_gives_back_what_was_written(value: JsonValue) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=60))
def test_parse_json_refuses_or_understands_any_bytes(data: bytes) -> None:
    try:
        value = parse_json(data)
    except NotJson:
        return
    assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"a": 1',
        b"<html></html>",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'"\\u0000"',
        b'{"\\u0000": 1}',
        b'["\\ud800"]',
        b'{"a": "\xff"}',
        b"{} {}",
        b"9" * 5000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
)
def test_parse_json_refuses_what_is_broken_too_deep_or_ambiguous(data: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(data)


def test_parse_json_takes_the_deepest_allowed_value() -> None:
    data = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(parse_json(data)).encode() == data


@given(VALUES)
def test_parse_page_gives_back_what_was_written(value: JsonValue) -> None:
    assert parse_page(json.dumps(value).encode()) == value
    assert parse_page(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=60) | st.text('[]{}":,\\\\1a', max_size=60).map(str.encode))
def test_parse_page_understands_whatever_parse_json_does(data: bytes) -> None:
    try:
        value = parse_json(data)
    except NotJson:
        return
    assert parse_page(data) == value


@pytest.mark.parametrize(
    "odd",
    [
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 5000,
        b'{"id": 1, "id": 2}',
        b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2),
        b'{"a":' * 10_000 + b'"]}\\""' + b"}" * 10_000,
        b'"\\u0000"',
        b'"\\ud83d"',
        b'"\xff"',
    ],
    ids=lambda odd: odd[:8],
)
def test_odd_item_of_a_page_keeps_nothing_from_the_others(odd: bytes) -> None:
    page = parse_page(b'{"items": [{"id": "T1"}, {"x": ' + odd + b'}, [], {"id": "]}"}], "next": null}')
    assert isinstance(page, dict)
    assert isinstance(page["items"], list)
    first, second, third, fourth = page["items"]
    assert (first, third, fourth, page["next"]) == ({"id": "T1"}, [], {"id": "]}"}, None)
    assert isinstance(second, dict)
    with pytest.raises(Invalid, match="not a task"):
        IncomingTask("T2", "any", 1, second)


@pytest.mark.parametrize("data", [b"", b"{", b"[1", b"[" * 100, b"[" * 100_000, b"]", b'"', b'["\\', b"{} {}"])
def test_page_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(NotJson):
        parse_page(data)


def exchange(status: int, body: bytes, content_type: str = "") -> Exchange:
    return Exchange(status, {"content-type": content_type}, body)


@pytest.mark.parametrize(
    ("given_exchange", "failure", "body"),
    [
        (exchange(200, b'{"a": 1}', "application/json"), None, {"a": 1}),
        (exchange(200, b'{"a": 1}', "text/plain"), None, {"a": 1}),
        (exchange(200, b'{"a": 1', "application/json"), Failure.NOT_JSON, None),
        (exchange(200, b"<html>log in</html>", "text/html"), Failure.NOT_JSON, None),
        (exchange(204, b""), None, None),
        (exchange(502, b"<html>bad gateway</html>", "text/html"), None, None),
        (exchange(500, b'{"broken', "application/problem+json"), Failure.NOT_JSON, None),
        (exchange(404, b'{"error": "x"}', "application/json; charset=utf-8"), None, {"error": "x"}),
    ],
)
def test_to_answer_demands_json_where_it_is_claimed_or_due(
    given_exchange: Exchange, failure: Failure | None, body: JsonValue
) -> None:
    answer = to_answer(given_exchange)
    assert (answer.status, answer.failure, answer.body) == (given_exchange.status, failure, body)


def test_to_answer_keeps_only_the_listed_headers() -> None:
    headers = {"etag": '"7"', "retry-after": "3", "location": "/x", "content-type": "a/b", "set-cookie": "s=1"}
    answer = to_answer(Exchange(200, headers, b""))
    assert set(answer.headers) == {"etag", "retry-after", "location", "content-type"}
    assert (answer.etag, answer.retry_after_seconds) == ('"7"', 3.0)


NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        ("299.997", 300.0),
        ("0.2", 1.0),
        ("30, 60", 60.0),
        ("1e3", None),
        ("5.", None),
        ("9" * 400, 86_400.0),
        ("Sun, 22 Nov 2026 12:01:30 GMT", 90.0),
        ("Sunday, 22-Nov-26 12:01:30 GMT", 90.0),
        ("Sun Nov 22 12:01:30 2026", 90.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_reads_seconds_and_dates(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "7", "x-rate-limit-reset": "60"}, 7.0),
        (429, {"retry-after-ms": "1500"}, 2.0),
        (429, {"x-ratelimit-reset": "42"}, 42.0),
        (503, {"ratelimit-reset": "42.5"}, 43.0),
        (429, {"x-rate-limit-reset": "1"}, 1.0),
        (429, {"x-rate-limit-reset": "soon"}, None),
        (200, {"x-rate-limit-reset": "42"}, None),
    ],
)
def test_limit_without_retry_after_is_read_too(status: int, headers: dict[str, str], seconds: float | None) -> None:
    assert to_answer(Exchange(status, headers)).retry_after_seconds == seconds


def test_limit_that_names_an_instant_is_counted_from_now() -> None:
    at = int(time.time()) + 60
    for value in (at, at * 1000):
        waits = to_answer(Exchange(429, {"x-rate-limit-reset": str(value)})).retry_after_seconds
        assert waits is not None
        assert 0 < waits <= 61


@given(st.text(max_size=60))
def test_retry_after_never_raises_and_stays_in_bounds(value: str) -> None:
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds <= 86_400
