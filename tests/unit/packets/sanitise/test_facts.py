"""What an annex is, as its cleared bytes say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import SANITISERS, sanitise
from handrail.packets.sanitise.facts import DESCRIBED, describe
from handrail.sandbox import capture, traces
from tests.lanes import examples

LOG = b"""\
2026-11-20T07:58:01Z INFO gateway request started
2026-11-20T07:58:02Z ERROR gateway connection refused
2026-11-20T07:58:02Z ERROR gateway connection refused
2026-11-20 09:12:40 INFO gateway request completed
"""


def said(sanitiser: str, data: bytes) -> str:
    result = sanitise(sanitiser, data)
    assert result.data is not None, result.reasons
    return describe(sanitiser, result.data).sentence()


def har(*entries: tuple[str, str, int]) -> bytes:
    made = [
        {
            "startedDateTime": at,
            "request": {"method": "GET", "url": url, "headers": []},
            "response": {"status": status, "headers": [], "content": {"size": 0}},
        }
        for at, url, status in entries
    ]
    return json.dumps({"log": {"creator": {"name": "Firefox", "version": "128.0"}, "entries": made}}).encode()


def test_every_sanitiser_has_facts() -> None:
    assert set(SANITISERS) <= set(DESCRIBED)


def test_capture_of_the_practice_estate() -> None:
    found = describe("har/v1", sanitise("har/v1", capture.har()).data or b"")
    entries = len(json.loads(capture.har())["log"]["entries"])
    assert found.what == f"HTTP capture of {entries} entries on 4 pages"
    assert (found.entries, found.hosts) == (entries, 4)
    assert (found.since, found.until) == ("2026-11-20T07:41:12Z", "2026-11-20T09:14:38Z")
    assert found.by == "Chrome 131.0.6778.86 with WebInspector 537.36"


def test_traces_of_the_practice_estate() -> None:
    found = describe("otlp/v1", sanitise("otlp/v1", traces.failing()).data or b"")
    assert (found.what, found.entries, found.hosts, found.more) == ("Trace of 5 spans", 5, 1, "5 errors")
    assert (found.since, found.until) == ("2026-11-20T08:02:08Z", "2026-11-20T08:02:09Z")
    assert found.by.startswith("sso-gateway 4.12.3")
    assert said("otlp/v1", traces.late()).startswith("Trace of 6 spans in 2 traces, by sso-gateway 4.12.1")


def test_log_counts_its_lines_and_errors_and_believes_only_times_with_a_zone() -> None:
    assert said("log/v1", LOG) == "Text log of 4 lines, from 2026-11-20T07:58:01Z to 2026-11-20T07:58:02Z, 2 ERROR"


def test_times_of_several_zones_are_compared_as_instants() -> None:
    data = har(
        ("2026-11-20T09:00:00+01:00", "https://a.example/", 200), ("2026-11-20T08:30:00Z", "https://a.example/", 200)
    )
    found = describe("har/v1", sanitise("har/v1", data).data or b"")
    assert (found.since, found.until) == ("2026-11-20T08:00:00Z", "2026-11-20T08:30:00Z")


@pytest.mark.parametrize("at", ["", "2026-19-39T08:00:00Z", "yesterday"])
def test_capture_without_a_usable_time_has_no_span(at: str) -> None:
    data = har((at, "https://a.example/", 0))
    assert said("har/v1", data) == "HTTP capture of 1 entry, by Firefox 128.0, 1 host shown, 1 failed"


def test_kind_without_facts_is_called_a_file() -> None:
    assert describe("new/v1", b"anything").sentence() == "File"


KEYS = (
    "log",
    "entries",
    "resourceSpans",
    "request",
    "response",
    "pages",
    "browser",
    "startedDateTime",
    "status",
    "url",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=examples(60), deadline=None)
@given(entries=st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6), max_size=4), pages=JSON, browser=JSON)
def test_whatever_was_cleared_can_be_described(entries: object, pages: object, browser: object) -> None:
    for sanitiser, document in (
        ("har/v1", {"log": {"entries": entries, "pages": pages, "browser": browser}}),
        ("otlp/v1", {"resourceSpans": [{"resource": pages, "scopeSpans": entries}]}),
    ):
        result = sanitise(sanitiser, json.dumps(document).encode())
        if result.data is not None:
            assert describe(sanitiser, result.data).what


def test_thread_dump_says_how_many_threads_are_blocked() -> None:
    dump = b'{"threads":"threads/v1"}\n{"thread":1,"state":"RUNNABLE"}\n{"thread":2,"state":"BLOCKED (on monitor)"}\n'

    assert describe("threads/v1", dump).sentence() == "Thread dump of 2 threads, 1 blocked"


def test_picture_says_its_size() -> None:
    head = b"\x89PNG\r\n\x1a\n" + bytes(8) + (640).to_bytes(4) + (480).to_bytes(4)

    assert describe("pictures/v1", head).what.startswith("Picture of 640 × 480 pixels")  # noqa: RUF001
