"""What an annex looks like on a page: its rows, where they stand in time, what was removed, and that it has an end."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.packets.viewing import VIEWERS, AnnexBytes, AskedPart, view
from handrail.packets.viewing.content import LINES, PAGE, WIDTH
from handrail.packets.viewing.tree import TraceSpan, place, spans_of

CONTEXT = SanitiseContext.of_packet(bytes(32))
SECRET = "S3CR3T-token-0a1b2c3d"


def exchange(at: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "startedDateTime": f"2026-11-22T09:00:{at:02}.000Z",
        "time": 1000,
        "request": {
            "method": "GET",
            "url": "https://idp.example/login?code=S3CR3T-code-9f8e7d6c5b4a",
            "headers": [{"name": "Authorization", "value": f"Bearer {SECRET}"}, {"name": "Accept", "value": "*/*"}],
        },
        "response": {"status": 502, "headers": [], "content": {"size": 1234, "mimeType": "text/html"}},
        "timings": {"wait": 900, "receive": 100},
        **changes,
    }


def capture(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}}).encode()


def cleared(data: bytes, sanitiser: str = "har/v1") -> bytes:
    found = sanitise(sanitiser, data, context=CONTEXT).data
    assert found is not None
    return found


def annex(data: bytes, *, original: bool = False, sanitiser: str = "har/v1") -> AnnexBytes:
    return AnnexBytes(sanitiser, "application/json", cleared(data, sanitiser), data if original else None, CONTEXT)


def span(id_: str, parent: str = "", start: int = 0, **more: Any) -> dict[str, Any]:
    times = {"startTimeUnixNano": str(1_700_000_000_000_000_000 + start), "endTimeUnixNano": "1700000000900000000"}
    return {"traceId": "t" * 32, "spanId": id_, "parentSpanId": parent, "name": "GET /", "kind": 2, **times, **more}


def trace(*spans: Any) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "gateway"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}).encode()


def test_exchanges_stand_where_they_were_in_time() -> None:
    rows = view(annex(capture(exchange(0), exchange(9))), AskedPart()).rows
    first, second = (row.bars for row in rows)
    assert [(bar.x, bar.width, bar.part) for bar in first] == [(0.0, 90.0, "wait"), (90.0, 10.0, "receive")]
    assert (second[0].x, second[-1].x + second[-1].width) == (900.0, WIDTH)
    assert (rows[0].cells[0], rows[0].cells[3:], rows[0].tone) == (
        "GET",
        ("502", "text/html", "1.2 kB", "1.00 s"),
        "stop",
    )


@pytest.mark.parametrize(
    ("made", "note"),
    [
        ({"saml": [{"kind": "Response", "status": ["Responder", "NoPassive"]}]}, "SAML Response: Responder, NoPassive"),
        ({"saml": [{"kind": "Response", "status": ["Success"], "ends_in": -12}]}, "SAML Response: ended 12 s before"),
        ({"saml": [{"kind": "Response", "status": ["Success"], "begins_in": 98}]}, "SAML Response: begins 98 s later"),
        ({"saml": [{"kind": "AuthnRequest"}, {"kind": "AuthnRequest"}]}, "SAML AuthnRequest"),
        ({"saml": [{"unreadable": True, "why": "dtd"}]}, "SAML, unreadable: dtd"),
        ({"oauth": [{"error": "invalid_grant", "code": "AADSTS50105"}]}, "OAuth invalid_grant AADSTS50105"),
        ({"oauth": [{"keys": ["access_token"]}], "jwt": [{"expires_in": 60}]}, ""),
        ({"jwt": [{"expires_in": -3}]}, "JWT ended 3 s before"),
        ({"saml": 1, "oauth": [1], "jwt": {}}, ""),
        ([], ""),
    ],
)  # fmt: skip
def test_a_row_says_what_its_messages_were(made: Any, note: str) -> None:
    shown = AnnexBytes("har/v1", "application/json", capture(exchange(_handrail=made)), None, CONTEXT)

    assert [row.note for row in view(shown, AskedPart()).rows] == [note]


def test_each_page_of_a_capture_has_its_own_line_of_time() -> None:
    late = {"startedDateTime": "2026-11-22T17:00:00.000Z"}
    pages = [exchange(0, pageref="a"), exchange(1, pageref="a"), exchange(0, pageref="b", **late)]
    rows = view(AnnexBytes("har/v1", "", capture(*pages), None), AskedPart()).rows
    assert [row.bars[0].x for row in rows] == [0.0, 500.0, 0.0]
    assert rows[2].bars[-1].x + rows[2].bars[-1].width == WIDTH


def test_several_pages_of_a_capture_are_named_where_they_begin() -> None:
    pages = [exchange(0, pageref="a"), exchange(1, pageref="a"), exchange(30, pageref="b")]
    rows = view(AnnexBytes("har/v1", "", capture(*pages), None), AskedPart()).rows
    assert [row.group for row in rows] == [
        "Page 1 of 2, 2026-11-22 09:00:00 UTC, 2.00 s",
        "",
        "Page 2 of 2, 2026-11-22 09:00:30 UTC, 1.00 s",
    ]


def test_pages_of_a_capture_are_one_fact() -> None:
    pages = [{"startedDateTime": f"2026-11-22T0{hour}:00:00Z", "pageTimings": {"onLoad": 1900}} for hour in (7, 8, 9)]
    data = json.dumps({"log": {"pages": pages, "entries": [exchange()]}}).encode()
    facts = view(AnnexBytes("har/v1", "", data, None), AskedPart()).facts
    assert [fact for fact in facts if fact[0].startswith("Page")] == [
        ("Pages", "3, 2026-11-22T07:00:00Z to 2026-11-22T09:00:00Z, loaded after 1.90 s")
    ]


def test_why_there_was_no_answer_stands_with_the_path() -> None:
    refused = exchange(response={"status": 0, "_error": "net::ERR_CONNECTION_REFUSED"})
    (row,) = view(AnnexBytes("har/v1", "", capture(refused), None), AskedPart()).rows
    assert row.note == "net::ERR_CONNECTION_REFUSED"


def test_who_does_not_see_inside_gets_what_leaves_alone() -> None:
    content = view(annex(capture(exchange())), AskedPart())
    assert SECRET not in repr(content)
    assert not any(row.before or row.removed for row in content.rows)


def test_original_stands_beside_what_leaves_with_the_rules() -> None:
    (row,) = view(annex(capture(exchange()), original=True), AskedPart()).rows
    assert "S3CR3T-code" in row.before["path"]
    assert ("authorisation", "request.headers", 1) in [(one.rule, one.place, one.count) for one in row.removed]


def test_one_exchange_is_read_value_by_value_with_the_rule_at_its_place() -> None:
    content = view(annex(capture(exchange(0), exchange(1)), original=True), AskedPart(row=2))
    lines = {line.name: line for line in content.lines}
    gone = lines["request.headers: authorization"]
    assert (gone.before, gone.after, gone.rule, gone.state) == (f"Bearer {SECRET}", None, "authorisation", "removed")
    assert lines["request.headers: accept"].state == "same"
    assert content.rows == ()


def test_a_large_capture_is_a_page_at_a_time() -> None:
    entry = exchange()
    data = capture(*([entry] * 20_000))
    found = AnnexBytes("har/v1", "application/json", data, None, CONTEXT)
    content = view(found, AskedPart(page=200))
    assert (len(content.rows), content.part.pages, content.rows[-1].number) == (PAGE, 200, 20_000)
    assert view(found, AskedPart(page=999)).part.page == 200


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"startedDateTime": "9999-99-99", "time": "soon", "request": [], "response": 7},
        {"startedDateTime": "0001-01-01T00:00:00+23:59", "time": 1e308, "timings": {"wait": -5}},
        {"time": True, "request": {"url": "https://[oops", "method": ["GET"]}, "response": {"status": 1e99}},
        {"request": {"url": "x" * 100_000, "headers": [{"name": "n" * 9999, "value": {"deep": [1]}}] * 900}},
    ],
)
def test_hostile_exchange_is_bounded(entry: dict[str, Any]) -> None:
    data = capture(exchange(), entry)
    found = AnnexBytes("har/v1", "application/json", data, data, CONTEXT)
    for asked in (AskedPart(), AskedPart(row=2)):
        content = view(found, asked)
        assert len(content.lines) <= 2 * LINES
        assert len(repr(content)) < 200_000
        assert all(0 <= bar.x <= WIDTH and bar.x + bar.width <= WIDTH + 1 for row in content.rows for bar in row.bars)


def test_spans_stand_below_their_parents_by_their_start() -> None:
    content = view(annex(trace(span("c", "a", 2), span("a"), span("b", "a", 1)), sanitiser="otlp/v1"), AskedPart())
    assert [(row.depth, row.cells[1], row.cells[2]) for row in content.rows] == [
        (0, "gateway", "server"),
        (1, "gateway", "server"),
        (1, "gateway", "server"),
    ]
    assert dict(content.facts)["Spans"] == "3"


def test_each_trace_has_its_own_line_of_time_and_its_spans_together() -> None:
    hour, second = 3_600_000_000_000, 1_000_000_000
    times = [("late", hour), ("early", 0), ("late", hour + second), ("early", second)]
    spans = [
        span(
            f"s{at}",
            "elsewhere",
            traceId=trace_id,
            startTimeUnixNano=f"{at + second}",
            endTimeUnixNano=f"{at + 2 * second}",
        )
        for trace_id, at in times
    ]
    rows = view(AnnexBytes("otlp/v1", "", trace(*spans), None), AskedPart()).rows
    assert [(row.bars[0].x, row.bars[0].width) for row in rows] == [(0.0, 500.0), (500.0, 500.0)] * 2
    assert [row.group for row in rows] == [
        "Trace 1 of 2, 1970-01-01 00:00:01 UTC, 2.00 s",
        "",
        "Trace 2 of 2, 1970-01-01 01:00:01 UTC, 2.00 s",
        "",
    ]


def test_orphan_and_circle_are_named() -> None:
    data = trace(span("a", "elsewhere"), span("b", "c"), span("c", "b"), span("d", "d"))
    placed = place(list(spans_of(json.loads(data))))
    notes = {(one.at, one.depth, one.note) for one in placed}
    orphan, circle = "its parent is not in this trace", "its parents form a circle"
    assert notes == {(0, 0, orphan), (1, 0, circle), (2, 1, ""), (3, 0, orphan)}


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefgh")), max_size=25))
def test_every_span_stands_once_whatever_its_parents(pairs: list[tuple[str, str]]) -> None:
    spans = [TraceSpan("", span(id_, parent)) for id_, parent in pairs]
    assert sorted(one.at for one in place(spans)) == list(range(len(spans)))


def test_a_hundred_thousand_spans_in_one_chain_have_an_end() -> None:
    spans = [TraceSpan("", span(str(n), str(n - 1), n)) for n in range(100_000)]
    placed = place(spans)
    assert (len(placed), placed[-1].depth) == (100_000, 99_999)


def test_attribute_that_was_removed_is_marked_by_its_rule() -> None:
    secret = {"key": "enduser.id", "value": {"stringValue": "ada@example.com"}}
    content = view(annex(trace(span("a", attributes=[secret])), original=True, sanitiser="otlp/v1"), AskedPart(row=1))
    line = next(line for line in content.lines if line.name.startswith("attributes: enduser.id"))
    assert (line.before, line.after, line.rule) == ("ada@example.com", None, "custom-attribute")


def test_log_is_read_line_by_line() -> None:
    lines = [{"format": "log"}, {"line": 1, "level": "ERROR", "text": "no answer"}, {"line": 3, "text": "again"}]
    data = "\n".join(json.dumps(line) for line in lines).encode()
    content = view(AnnexBytes("log/v1", "", data, b"no answer from ada\nx\nagain", CONTEXT), AskedPart())
    assert [(row.cells[0], row.before["text"]) for row in content.rows] == [("1", "no answer from ada"), ("3", "again")]
    assert content.rows[0].tone == "stop"


def test_unknown_kind_is_names_and_values_or_a_sentence() -> None:
    assert "other" not in VIEWERS
    shown = view(AnnexBytes("other/v1", "application/json", b'{"a": {"b": [1, 2]}}', None), AskedPart())
    assert [(line.name, line.after) for line in shown.lines] == [("a.b[1]", "1"), ("a.b[2]", "2")]
    plain = view(AnnexBytes("other/v1", "image/png", b"\x89PNG\xff", None), AskedPart())
    assert (plain.kind, plain.lines) == ("plain", ())
    assert plain.message


def test_picture_is_shown_as_it_leaves_and_its_original_never() -> None:
    drawn, original = b"\x89PNG\r\n\x1a\ndrawn", b"\x89PNG\r\n\x1a\nS3CR3T"
    shown = view(AnnexBytes("pictures/v1", "image/png", drawn, original, CONTEXT), AskedPart())
    assert (shown.kind, b64decode(shown.image)) == ("picture", drawn)
    for cleared_ in (None, b"GIF89a"):
        assert not view(AnnexBytes("pictures/v1", "image/png", cleared_, original, CONTEXT), AskedPart()).image


def test_thread_dump_is_read_thread_by_thread() -> None:
    lines = [
        {"threads": "threads/v1", "count": 2},
        {"thread": 1, "name": "main", "state": "WAITING", "holds": ["~text-a"], "frames": ["f"] * 40},
        {"thread": 2, "frames": 7},
    ]
    data = "\n".join(json.dumps(line) for line in lines).encode()
    content = view(AnnexBytes("threads/v1", "", data, None), AskedPart())
    assert [row.cells[:3] for row in content.rows] == [("main", "WAITING", "holds ~text-a"), ("", "", "")]
    assert content.rows[0].cells[3].endswith("… 28 more")
