"""Creating a ticket when the desk misbehaves: what is told, how soon, and that the call is made once."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from handrail.connectors.desk import SUMMARY_LIMIT, Category, Created, DeskFailure, TicketDraft
from handrail.connectors.desk.config import MAX_BUDGET_SECONDS
from handrail.kernel.errors import Invalid
from tests.unit.connectors.desk.conftest import REFERENCE, Peer, answer, open_desk

CANARY = "canary-<script>-s3cret"
BUDGET_SECONDS = 0.6
# Only what never ends takes longer.
SLACK_SECONDS = 15.0
HTML = b"<html><title>Log in</title></html>"

ANSWERS = {
    "401": (answer("401 Unauthorized", b'{"m":"%s"}' % CANARY.encode()), Category.CREDENTIALS, False),
    "405": (answer("405 Not Allowed", b""), Category.MISCONFIGURED, False),
    "408": (answer("408 Request Timeout", b""), Category.TIMEOUT_UNKNOWN, True),
    "409": (answer("409 Conflict", b"{}"), Category.DESK_BUSY, False),
    "422-html": (answer("422 Unprocessable", HTML, kind="text/html"), Category.REJECTED, False),
    "422-not-json": (answer("422 Unprocessable", b"{oops"), Category.REJECTED, False),
    "429": (answer("429 Too Many", b"", headers="Retry-After: 60\r\n"), Category.RATE_LIMITED, False),
    "500": (answer("500 Oops", CANARY.encode(), kind="text/plain"), Category.DESK_ERROR, True),
    "redirect": (answer("307 Moved", b"", headers="Location: /elsewhere\r\n"), Category.REDIRECTED, False),
    "see-other": (answer("303 See Other", b"", headers="Location: /t/1\r\n"), Category.REDIRECTED, True),
    "200-html": (answer("200 OK", HTML, kind="text/html"), Category.UNREADABLE_ANSWER, True),
    "201-empty": (answer("201 Created", b""), Category.NO_REFERENCE, True),
    "201-without": (answer("201 Created", b'{"id":1}'), Category.NO_REFERENCE, True),
    "201-other-pattern": (answer("201 Created", b'{"key":"T-12; drop"}'), Category.NO_REFERENCE, True),
    "201-true": (answer("201 Created", b'{"key":true}'), Category.NO_REFERENCE, True),
    "truncated-json": (answer("201 Created", b'{"key":"T-12"'), Category.UNREADABLE_ANSWER, True),
    "cut-body": (answer("201 Created", b'{"key":"T-12"}')[:-4], Category.CONNECTION_LOST_UNKNOWN, True),
    "cut-at-once": (b"", Category.CONNECTION_LOST_UNKNOWN, True),
    "declared-100-mb": (
        b"HTTP/1.1 201 Created\r\nContent-Length: 104857600\r\n\r\n" + b" " * 4096,
        Category.ANSWER_TOO_LARGE,
        True,
    ),
    "streamed-too-large": (
        b"HTTP/1.1 201 Created\r\n\r\n" + b" " * (300 * 1024),
        Category.ANSWER_TOO_LARGE,
        True,
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_create_names_what_the_desk_did(case: str, draft: TicketDraft) -> None:
    script, category, unknown = ANSWERS[case]
    with Peer([script]) as peer:
        outcome = open_desk(base_url=peer.url).create(draft)
        assert outcome == DeskFailure(category, outcome_unknown=unknown)
        assert len(peer.requests) == 1


@pytest.mark.requirement("H-07")
@pytest.mark.parametrize("case", ANSWERS)
def test_summary_shows_nothing_of_the_answer(case: str, draft: TicketDraft) -> None:
    script, _, unknown = ANSWERS[case]
    with Peer([script]) as peer:
        outcome = open_desk(base_url=peer.url).create(draft)
    assert isinstance(outcome, DeskFailure)
    summary = outcome.summary(desk="Example Desk", reference=REFERENCE)
    assert len(summary) <= SUMMARY_LIMIT
    assert "canary" not in summary
    assert "127.0.0.1" not in summary
    assert ("may exist" in summary and REFERENCE in summary) == unknown


@pytest.mark.requirement("H-16")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param([], id="hang"),
        pytest.param([b"HTTP/1.1 201 Created\r\n", *([b"X-A: b\r\n", 0.1] * 50)], id="drip-in-headers"),
        pytest.param([b"HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n", *([b" ", 0.1] * 50)], id="drip-in-body"),
    ],
)
def test_create_ends_within_the_budget_with_the_outcome_unknown(
    script: list[bytes | float], draft: TicketDraft
) -> None:
    with Peer(script, hang=True) as peer:
        desk = open_desk(base_url=peer.url, budget_seconds=BUDGET_SECONDS)
        started = time.monotonic()
        outcome = desk.create(draft)
        assert time.monotonic() - started < BUDGET_SECONDS + SLACK_SECONDS
        assert outcome == DeskFailure(Category.TIMEOUT_UNKNOWN, outcome_unknown=True)
        assert len(peer.requests) == 1


def test_create_does_not_ask_when_the_time_was_up_before_the_call(draft: TicketDraft) -> None:
    with Peer([]) as peer:
        outcome = open_desk(base_url=peer.url).create(draft, since=time.monotonic() - 60)
        assert outcome == DeskFailure(Category.HANDRAIL_BUSY)
        assert peer.requests == []


def test_create_takes_what_was_waited_before_off_the_budget(draft: TicketDraft) -> None:
    began = time.monotonic()
    with Peer([], hang=True) as peer:
        desk = open_desk(base_url=peer.url, budget_seconds=MAX_BUDGET_SECONDS)
        outcome = desk.create(draft, since=began - MAX_BUDGET_SECONDS + BUDGET_SECONDS)
        assert time.monotonic() - began < BUDGET_SECONDS + SLACK_SECONDS
    assert outcome == DeskFailure(Category.TIMEOUT_UNKNOWN, outcome_unknown=True)


def test_create_on_a_closed_port_is_unreachable(draft: TicketDraft) -> None:
    with Peer([]) as peer:
        url = peer.url
    assert open_desk(base_url=url).create(draft) == DeskFailure(Category.UNREACHABLE)


def test_create_on_an_unknown_host_is_unreachable(draft: TicketDraft) -> None:
    outcome = open_desk(base_url="https://desk.invalid").create(draft)
    assert outcome == DeskFailure(Category.UNREACHABLE)


def test_create_over_tls_that_is_none_is_not_trusted(draft: TicketDraft) -> None:
    with Peer([b"HTTP/1.1 400 Bad\r\n\r\n"], listens=False, hang=True) as peer:
        outcome = open_desk(base_url=peer.url.replace("http:", "https:")).create(draft)
    assert outcome == DeskFailure(Category.NOT_TRUSTED)


def test_create_reads_reference_and_builds_the_page(draft: TicketDraft) -> None:
    with Peer([answer("201 Created", b'{"key":"T-77"}')]) as peer:
        assert open_desk(base_url=peer.url).create(draft) == Created("T-77", f"{peer.url}/t/T-77")


def test_create_sends_the_secret_and_the_subject_with_the_reference(draft: TicketDraft) -> None:
    with Peer([answer("201 Created", b'{"key":"T-77"}')]) as peer:
        open_desk(base_url=peer.url).create(draft)
        request = peer.requests[0]
    assert b"authorization: bearer s3cret" in request.lower()
    assert request.endswith(b'{"title":"[SR-7K3M9QX2ZA] Roles are missing","text":"Text"}')


@pytest.mark.parametrize(
    ("words", "facts", "sent"),
    [
        ("Words", "Facts", "Words\n\nFacts"),
        ("", "Facts", "Facts"),
        ("Words", "", "Words"),
        ("w" * 500, "", "w" * 500),
        ("w" * 600, "Facts", "w" * 492 + "…\n\nFacts"),
        ("Words", "f" * 600, "f" * 499 + "…"),
    ],
)
def test_create_cuts_the_words_and_not_the_facts(words: str, facts: str, sent: str, draft: TicketDraft) -> None:
    with Peer([answer("201 Created", b'{"key":"T-77"}')]) as peer:
        open_desk(base_url=peer.url, body_max=500).create(replace(draft, body=words, facts=facts))
        body = peer.requests[0].partition(b"\r\n\r\n")[2]
    assert json.loads(body)["text"] == sent


def test_create_sends_a_form_where_the_desk_wants_one(draft: TicketDraft) -> None:
    create = {"path": "/t", "encoding": "form", "body": {"title": "{subject}", "public": False}, "reference": "key"}
    with Peer([answer("200 OK", b'{"key":"T-1"}')]) as peer:
        assert isinstance(open_desk(base_url=peer.url, create=create).create(draft), Created)
        request = peer.requests[0]
    assert b"application/x-www-form-urlencoded" in request
    assert request.endswith(b"title=%5BSR-7K3M9QX2ZA%5D+Roles+are+missing&public=false")


@pytest.mark.requirement("H-05")
@pytest.mark.parametrize(
    "url", ["https://evil.test/t/T-1", "javascript:alert(1)", "http://user@127.0.0.1/t/T-1", "/t/T-1", 7, None]
)
def test_create_drops_a_returned_url_that_is_not_the_desks(url: object, draft: TicketDraft) -> None:
    create = {"path": "/t", "body": {"title": "{subject}"}, "reference": "/key", "url": "/url"}
    with Peer([answer("201 Created", json.dumps({"key": "T-1", "url": url}).encode())]) as peer:
        assert open_desk(base_url=peer.url, create=create, web={}).create(draft) == Created("T-1", None)


def test_create_gives_no_page_when_the_answer_lacks_what_it_needs(draft: TicketDraft) -> None:
    create = {"path": "/t", "body": {"title": "{subject}"}, "reference": "/key", "extract": {"sys_id": "/id"}}
    web = {"url": "{base_url}/t?id={sys_id}"}
    with Peer([answer("201 Created", b'{"key":"T-1","id":"a&b=c"}')]) as peer:
        assert open_desk(base_url=peer.url, create=create, web=web).create(draft) == Created("T-1", None)


def test_create_refuses_a_reference_that_is_not_handrails(draft: TicketDraft) -> None:
    with pytest.raises(Invalid):
        open_desk().create(replace(draft, reference="SR-1\r\nX-Evil: 1"))
