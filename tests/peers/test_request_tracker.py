"""The desk adapter and desks/request-tracker.toml against a real Request Tracker 5."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from handrail.connectors.desk import Category, Created, Desk, DeskFailure, Severity, TicketDraft, read_desk
from handrail.kernel.ids import Prefix, new_ref
from handrail.kernel.secrets import Secrets
from tests.peers.request_tracker import RequestTracker, request_tracker, running_request_tracker

__all__ = ["request_tracker"]

pytestmark = pytest.mark.peer
PRESETS = Path(__file__).parents[2] / "desks"
# Only what never ends takes longer; the budget is five seconds.
WITHIN_SECONDS = 20.0


def open_desk(base_url: str, token: str, **own: object) -> Desk:
    """The preset as it ships; only ``base_url`` and the secret are this desk's own."""
    section = {"preset": "request-tracker", "base_url": base_url, "auth": {"secret": "env:RT_TOKEN"}, **own}
    config = read_desk(section, presets=PRESETS)
    assert config is not None
    return Desk(config, Secrets({"RT_TOKEN": token}))


@pytest.fixture
def desk(request_tracker: RequestTracker) -> Iterator[Desk]:
    opened = open_desk(request_tracker.base_url, request_tracker.token)
    yield opened
    opened.close()


def draft(reference: str, **fields: str) -> TicketDraft:
    given = {
        "summary": "Admin entitlements are missing",
        "body": "First line\nSecond <b>line</b> & “quotes” ünïcödé",
        "contact_name": "Ana Example",
        "contact_email": "ana@example.com",
        "tenant": "Acme",
        **fields,
    }
    return TicketDraft(reference=reference, severity=Severity.HIGH, **given)  # type: ignore[arg-type]


def test_create_makes_one_ticket_that_search_finds_by_key(desk: Desk, request_tracker: RequestTracker) -> None:
    key = new_ref(Prefix.SUPPORT_REQUEST)
    created = desk.create(draft(key))
    assert isinstance(created, Created)
    found = request_tracker.find_by_key(key)
    assert [ticket["id"] for ticket in found] == [created.reference]
    assert found[0]["Subject"] == f"[{key}] Admin entitlements are missing"
    assert [ticket["id"] for ticket in request_tracker.find_by_subject(key)] == [created.reference]


def test_create_gives_the_page_that_shows_the_ticket(desk: Desk, request_tracker: RequestTracker) -> None:
    key = new_ref(Prefix.SUPPORT_REQUEST)
    created = desk.create(draft(key))
    assert isinstance(created, Created)
    assert created.url == f"{request_tracker.base_url}/Ticket/Display.html?id={created.reference}"
    assert key in request_tracker.page_title(created.url)


def test_create_carries_the_text_unchanged(desk: Desk, request_tracker: RequestTracker) -> None:
    key = new_ref(Prefix.SUPPORT_REQUEST)
    created = desk.create(draft(key))
    assert isinstance(created, Created)
    text = request_tracker.first_message(created.reference)
    assert text.strip() == "First line\nSecond <b>line</b> & “quotes” ünïcödé"


def test_create_keeps_the_reference_in_a_subject_that_is_cut(desk: Desk, request_tracker: RequestTracker) -> None:
    key = new_ref(Prefix.SUPPORT_REQUEST)
    created = desk.create(draft(key, summary="long " * 200))
    assert isinstance(created, Created)
    subject = request_tracker.find_by_key(key)[0]["Subject"]
    assert subject.startswith(f"[{key}] long")
    assert len(subject) <= 200


def test_look_up_finds_the_created_ticket_by_its_own_reference(desk: Desk) -> None:
    key = new_ref(Prefix.SUPPORT_REQUEST)
    created = desk.create(draft(key))
    assert isinstance(created, Created)
    assert desk.look_up(key) == [created.reference]


def test_look_up_finds_nothing_for_an_unused_reference(desk: Desk) -> None:
    assert desk.look_up(new_ref(Prefix.SUPPORT_REQUEST)) == []


def test_link_takes_the_reference_from_the_page_and_creates_nothing(
    desk: Desk, request_tracker: RequestTracker
) -> None:
    created = desk.create(draft(new_ref(Prefix.SUPPORT_REQUEST)))
    assert isinstance(created, Created)
    before = request_tracker.count()
    link = desk.normalise_link("", f"{created.url}#txn-12")
    assert (link.reference, link.url) == (created.reference, created.url)
    assert request_tracker.count() == before


def test_check_passes_and_creates_nothing_with_a_good_token(desk: Desk, request_tracker: RequestTracker) -> None:
    before = request_tracker.count()
    findings = desk.check()
    assert [finding.ok for finding in findings] == [True, True]
    assert request_tracker.count() == before


def test_check_fails_with_a_wrong_token(request_tracker: RequestTracker) -> None:
    findings = open_desk(request_tracker.base_url, "1-31-0000000000000000").check()
    assert not any(finding.ok for finding in findings)
    assert "401" in findings[0].message


def test_check_names_the_missing_right(request_tracker: RequestTracker) -> None:
    finding = open_desk(request_tracker.base_url, request_tracker.onlooker_token).check()[0]
    assert not finding.ok
    assert "CreateTicket" in finding.fix


def test_check_names_a_queue_that_does_not_exist(request_tracker: RequestTracker) -> None:
    finding = open_desk(request_tracker.base_url, request_tracker.token, values={"queue": "Nowhere"}).check()[0]
    assert not finding.ok


def test_create_with_a_wrong_token_is_refused_credentials(request_tracker: RequestTracker) -> None:
    desk = open_desk(request_tracker.base_url, "1-31-0000000000000000")
    key = new_ref(Prefix.SUPPORT_REQUEST)
    assert desk.create(draft(key)) == DeskFailure(Category.CREDENTIALS)
    assert request_tracker.find_by_key(key) == []


def test_create_without_the_queue_right_is_refused_permission(request_tracker: RequestTracker) -> None:
    desk = open_desk(request_tracker.base_url, request_tracker.onlooker_token)
    key = new_ref(Prefix.SUPPORT_REQUEST)
    assert desk.create(draft(key)) == DeskFailure(Category.PERMISSION)
    assert request_tracker.find_by_key(key) == []


def test_create_on_a_stopped_server_is_unreachable(request_tracker: RequestTracker) -> None:
    assert request_tracker.base_url  # skips where Request Tracker is absent; the one stopped here is another
    with running_request_tracker() as stopped:
        desk = open_desk(stopped.base_url, stopped.token)
        stopped.stop()
        assert desk.create(draft(new_ref(Prefix.SUPPORT_REQUEST))) == DeskFailure(Category.UNREACHABLE)
        assert [finding.ok for finding in desk.check()] == [False, False]


def test_create_on_an_unroutable_host_fails_within_the_budget() -> None:
    # 192.0.2.0/24 is TEST-NET-1 (RFC 5737): routed nowhere.
    desk = open_desk("http://192.0.2.1:8080", "1-31-0", allow_plain_http=True)
    started = time.monotonic()
    failure = desk.create(draft(new_ref(Prefix.SUPPORT_REQUEST)))
    assert failure == DeskFailure(Category.UNREACHABLE)
    assert time.monotonic() - started < WITHIN_SECONDS


def test_create_through_a_cut_line_leaves_the_outcome_unknown_and_the_ticket_findable(
    request_tracker: RequestTracker,
) -> None:
    """The ticket is made, and the line is cut before the answer comes back: only its SR reference tells."""
    key = new_ref(Prefix.SUPPORT_REQUEST)
    with CutLine(request_tracker.base_url) as cut_url:
        failure = open_desk(cut_url, request_tracker.token).create(draft(key))
    assert failure == DeskFailure(Category.CONNECTION_LOST_UNKNOWN, outcome_unknown=True)
    assert key in failure.summary(desk="Request Tracker", reference=key)
    assert len(request_tracker.find_by_key(key)) == 1


class CutLine:
    """A relay to a server that passes one request on, waits for the answer, and hangs up instead of passing it back."""

    def __init__(self, base_url: str) -> None:
        host, _, port = base_url.removeprefix("http://").partition(":")
        self._target = (host, int(port))

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._relay, daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()

    def _relay(self) -> None:
        caller, _ = self._listener.accept()
        with caller, socket.create_connection(self._target) as target:
            caller.settimeout(0.5)
            try:
                while chunk := caller.recv(65536):
                    target.sendall(chunk)
            except TimeoutError:
                pass  # the whole request is through
            target.recv(65536)
