"""Support requests against a real Request Tracker 5, with the preset as it ships."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from handrail.audit.models import AuditEvent
from handrail.connectors import desk as desks
from handrail.connectors.desk import SUMMARY_LIMIT, Desk, read_desk
from handrail.kernel.secrets import Secrets
from handrail.support import queries
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffOutcome
from tests.factories.installation import Installation
from tests.factories.support import Support
from tests.factories.switches import RUNBOOK
from tests.peers.request_tracker import RequestTracker, request_tracker, running_request_tracker

__all__ = ["request_tracker"]

pytestmark = [pytest.mark.peer, pytest.mark.django_db]
PRESETS = Path(__file__).resolve().parents[3] / "desks"
WRONG_TOKEN = "1-31-0000000000000000"


@contextmanager
def desk_at(base_url: str, token: str, **own: Any) -> Iterator[None]:
    """The preset as the one desk; only address and secret are this desk's own."""
    section = {"preset": "request-tracker", "base_url": base_url, "auth": {"secret": "env:RT_TOKEN"}, **own}
    config = read_desk(section, presets=PRESETS)
    assert config is not None
    desk = Desk(config, Secrets({"RT_TOKEN": token}))
    with desks.use(desk):
        yield
    desk.close()


@pytest.fixture
def house(db: None) -> Support:
    return Installation.named("Acme", RUNBOOK).support


@pytest.mark.parametrize("place", ["tenant", "run"])
def test_submit_create_makes_one_ticket_that_carries_the_reference(
    place: str, house: Support, request_tracker: RequestTracker
) -> None:
    given = {"tenant": house.tenant.key} if place == "tenant" else {"run": house.run.ref}
    with desk_at(request_tracker.base_url, request_tracker.token):
        handoff = house.submit(mode="create_external_ticket", notes="1. Log in", **given).handoff
    assert handoff.outcome is HandoffOutcome.CREATED
    found = request_tracker.find_by_key(handoff.ref)
    assert [ticket["id"] for ticket in found] == [handoff.external_reference]
    assert found[0]["Subject"] == f"[{handoff.ref}] Roles are missing"
    assert len(request_tracker.find_by_subject(handoff.ref)) == 1
    text = request_tracker.first_message(str(handoff.external_reference))
    for words in ("1. Log in", handoff.ref, house.tenant.key, house.run.ref):
        assert words in text


@pytest.mark.parametrize("place", ["tenant", "run"])
def test_submit_create_stores_the_address_that_opens_the_ticket(
    place: str, house: Support, request_tracker: RequestTracker
) -> None:
    given = {"tenant": house.tenant.key} if place == "tenant" else {"run": house.run.ref}
    with desk_at(request_tracker.base_url, request_tracker.token):
        ref = house.submit(mode="create_external_ticket", **given).handoff.ref
    row = SupportRequest.objects.get(ref=ref)
    title = request_tracker.page_title(str(row.external_ticket_url))
    assert ref in title
    assert str(row.external_ticket_reference) in title


def test_submit_link_notes_an_existing_ticket_and_creates_none(house: Support, request_tracker: RequestTracker) -> None:
    with desk_at(request_tracker.base_url, request_tracker.token):
        made = house.submit(mode="create_external_ticket").handoff
        before = request_tracker.count()
        linked = house.submit(mode="link_existing_ticket", external_reference=f"{made.external_url}#txn-3").handoff
        assert request_tracker.count() == before
    assert linked.outcome is HandoffOutcome.LINKED
    assert (linked.external_reference, linked.external_url) == (made.external_reference, made.external_url)


def test_submit_with_a_wrong_token_keeps_the_request(house: Support, request_tracker: RequestTracker) -> None:
    with desk_at(request_tracker.base_url, WRONG_TOKEN):
        handoff = house.submit(mode="create_external_ticket").handoff
    assert "credentials" in assert_kept(house, handoff)
    assert request_tracker.find_by_key(handoff.ref) == []


def test_submit_without_the_queue_right_keeps_the_request(house: Support, request_tracker: RequestTracker) -> None:
    with desk_at(request_tracker.base_url, request_tracker.onlooker_token):
        handoff = house.submit(mode="create_external_ticket").handoff
    assert "does not allow Handrail to create tickets" in assert_kept(house, handoff)
    assert request_tracker.find_by_key(handoff.ref) == []


def test_submit_on_a_stopped_server_keeps_the_request(house: Support, request_tracker: RequestTracker) -> None:
    assert request_tracker.base_url  # skips where Request Tracker is absent; the one stopped here is another
    with running_request_tracker() as stopped:
        stopped.stop()
        with desk_at(stopped.base_url, stopped.token):
            handoff = house.submit(mode="create_external_ticket").handoff
    assert "can't be reached" in assert_kept(house, handoff)


def test_submit_on_an_unroutable_host_keeps_the_request(house: Support) -> None:
    # 192.0.2.0/24 is TEST-NET-1 (RFC 5737): routed nowhere.
    with desk_at("http://192.0.2.1:8080", WRONG_TOKEN, allow_plain_http=True):
        handoff = house.submit(mode="create_external_ticket").handoff
    assert "can't be reached" in assert_kept(house, handoff)


def assert_kept(house: Support, handoff: queries.Handoff) -> str:
    """The request is there with a bounded summary, which the page shows, and both audit events; gives the summary."""
    row = SupportRequest.objects.get(ref=handoff.ref)
    assert (row.external_ticket_reference, row.external_ticket_url) == (None, None)
    assert handoff.outcome is HandoffOutcome.FAILED
    assert handoff.failure == row.external_handoff_failure_summary
    assert 0 < len(str(handoff.failure)) <= SUMMARY_LIMIT
    assert queries.latest_for_tenant(house.operator, house.tenant.key) == handoff
    events = AuditEvent.objects.filter(subject=handoff.ref).order_by("pk").values_list("event", flat=True)
    assert list(events) == ["support_request.created", "support_request.external_handoff_failed"]
    return str(handoff.failure)
