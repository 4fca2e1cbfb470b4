"""Every way in which a desk misbehaves: the request is kept, the answer is soon, bounded and honest."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from handrail.audit.models import AuditEvent
from handrail.connectors.desk import SUMMARY_LIMIT, UNKNOWN_WORDS, Category, DeskFailure
from handrail.connectors.desk.config import MAX_BUDGET_SECONDS
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffOutcome
from tests.factories.support import TOKEN, Support, desk_at
from tests.lanes import rounds
from tests.unit.connectors.peers import (
    Handler,
    Peer,
    answering,
    certificate,
    dripping,
    hang,
    hear_then_hang,
    peer,
    reset,
    response,
)

CANARY = "canary-<script>alert(1)</script>"
RAW = CANARY.encode()
BUDGET_SECONDS = 1.5
# Only what never ends takes longer; how long it does take is printed by bench_handoff.
SLACK_SECONDS = 15.0
MEGABYTE = b"x" * 1024 * 1024


def cut(server: Peer, conn: socket.socket) -> None:
    server.hear(conn)
    reset(conn)


def flooding(server: Peer, conn: socket.socket) -> None:
    """100 MB, or as much of it as is taken."""
    server.hear(conn)
    conn.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(100):
        conn.sendall(MEGABYTE)


FAULTS: dict[str, tuple[Handler, HandoffOutcome]] = {
    "401": (answering(response(401, RAW)), HandoffOutcome.FAILED),
    "403": (answering(response(403, RAW)), HandoffOutcome.FAILED),
    "404": (answering(response(404, RAW)), HandoffOutcome.FAILED),
    "422-html": (answering(response(422, b"<html>" + RAW, content_type="text/html")), HandoffOutcome.FAILED),
    "429": (answering(response(429, RAW, "Retry-After: 60")), HandoffOutcome.FAILED),
    "500": (answering(response(500, RAW)), HandoffOutcome.UNKNOWN),
    "redirect": (answering(response(307, RAW, "Location: http://127.0.0.1:9/canary")), HandoffOutcome.FAILED),
    "see-other": (answering(response(303, RAW, "Location: /canary")), HandoffOutcome.UNKNOWN),
    "200-html": (answering(response(200, b"<html>" + RAW, content_type="text/html")), HandoffOutcome.UNKNOWN),
    "201-no-reference": (answering(response(201, b'{"id": "canary"}')), HandoffOutcome.UNKNOWN),
    "201-odd-reference": (answering(response(201, b'{"key": "T-1; canary"}')), HandoffOutcome.UNKNOWN),
    "truncated-json": (answering(response(201, b'{"key": "T-1')), HandoffOutcome.UNKNOWN),
    "cut": (cut, HandoffOutcome.UNKNOWN),
    "100-mb": (flooding, HandoffOutcome.UNKNOWN),
    "hang": (hear_then_hang, HandoffOutcome.UNKNOWN),
    "drip-in-headers": (dripping(b"HTTP/1.1 201 Created\r\nX-A: "), HandoffOutcome.UNKNOWN),
    "drip-in-body": (dripping(b"HTTP/1.1 201 Created\r\nContent-Length: 4000\r\n\r\n", b" "), HandoffOutcome.UNKNOWN),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_submit_on_a_misbehaving_desk_is_told_and_kept(fault: str, house: Support) -> None:
    handler, expected = FAULTS[fault]
    with peer(handler) as server, desk_at(server.url, budget_seconds=BUDGET_SECONDS):
        started = time.monotonic()
        handoff = house.submit(mode="create_external_ticket").handoff
        took = time.monotonic() - started
        assert server.connections == 1
    assert took < BUDGET_SECONDS + SLACK_SECONDS
    assert handoff.outcome is expected
    assert_kept_and_clean(handoff.ref)


def test_submit_on_a_desk_that_is_away_is_told_and_kept(house: Support) -> None:
    with desk_at("http://127.0.0.1:9"):
        handoff = house.submit(mode="create_external_ticket").handoff
    assert handoff.outcome is HandoffOutcome.FAILED
    assert_kept_and_clean(handoff.ref)


def test_submit_on_an_unroutable_desk_is_told_within_the_budget(house: Support) -> None:
    # 192.0.2.0/24 is TEST-NET-1 (RFC 5737): routed nowhere.
    with desk_at("https://192.0.2.1", budget_seconds=BUDGET_SECONDS):
        started = time.monotonic()
        handoff = house.submit(mode="create_external_ticket").handoff
        assert time.monotonic() - started < BUDGET_SECONDS + SLACK_SECONDS
    assert handoff.outcome is HandoffOutcome.FAILED
    assert_kept_and_clean(handoff.ref)


def test_submit_on_an_untrusted_desk_sends_nothing(house: Support, tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    with peer(hang, tls=context) as server, desk_at(server.url, budget_seconds=BUDGET_SECONDS):
        handoff = house.submit(mode="create_external_ticket").handoff
        assert server.requests == []
    assert handoff.outcome is HandoffOutcome.FAILED
    assert_kept_and_clean(handoff.ref)


@pytest.mark.requirement("H-05", "H-16", "H-46")
@pytest.mark.parametrize("handler", [hear_then_hang, dripping(b"HTTP/1.1 201 Created\r\nX-A: ")][: rounds(1, 2)])
def test_submit_ends_with_the_whole_budget_which_is_five_seconds(handler: Handler, house: Support) -> None:
    with peer(handler) as server, desk_at(server.url) as desk:
        assert desk.config.deadline_seconds == MAX_BUDGET_SECONDS == 5.0
        started = time.monotonic()
        handoff = house.submit(mode="create_external_ticket").handoff
        assert time.monotonic() - started < MAX_BUDGET_SECONDS + SLACK_SECONDS
    assert handoff.outcome is HandoffOutcome.UNKNOWN


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("category", Category)
def test_outcome_is_read_from_every_summary_as_the_desk_meant_it(category: Category, unknown: bool) -> None:
    summary = DeskFailure(category, outcome_unknown=unknown).summary(desk="D", reference="SR-7K3M9QX2ZA")
    assert (UNKNOWN_WORDS in summary) == unknown


def assert_kept_and_clean(ref: str) -> None:
    """One row, finished once, with a bounded summary and two events, and nothing that the desk said or was told."""
    row = SupportRequest.objects.get(ref=ref)
    failure = row.external_handoff_failure_summary or ""
    assert 0 < len(failure) <= SUMMARY_LIMIT
    assert (UNKNOWN_WORDS in failure) == (ref in failure)
    assert (row.external_handoff_mode, row.external_ticket_reference, row.external_ticket_url) == (
        "create_external_ticket",
        None,
        None,
    )
    events = list(AuditEvent.objects.filter(subject=ref).order_by("pk").values())
    assert [event["event"] for event in events] == [
        "support_request.created",
        "support_request.external_handoff_failed",
    ]
    stored = str(SupportRequest.objects.filter(pk=row.pk).values().get()) + str(events)
    for leak in ("canary", TOKEN, "script", "127.0.0.1", "192.0.2.1"):
        assert leak not in stored
