"""Annexes open in the page: who sees what of them, and that the original is no byte further than it may be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.http import HttpResponse
from django.test import Client

from handrail.access.models import Membership, User
from handrail.audit.models import AuditEvent
from handrail.packets.models import Revision
from tests.factories import federation
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected

pytestmark = pytest.mark.django_db

SECRET = "S3CR3T-token-0a1b2c3d"
MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one


@pytest.fixture
def browser_of(desk: Packets, enter: Callable[[User], Client]) -> Callable[[str], Client]:
    return lambda name: enter(desk.people[name])


Browser = Callable[[str], Client]


def opened(client: Client, revision: Revision, door: str = "annex", **asked: object) -> HttpResponse:
    given = {"name": "har-1", "revision": str(revision.number), **asked}
    answer: HttpResponse = client.get(f"/admin/packets/{revision.packet.ref}/{door}", given)
    return answer


def text(response: HttpResponse) -> str:
    return response.content.decode()


def test_capture_opens_as_rows_without_its_secrets(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    shown = opened(browser_of("ada"), revision)
    assert shown.status_code == 200
    assert 'data-label="Status" class="c-status cut"><bdi class="value">502' in text(shown)
    assert "<rect" in text(shown)
    assert SECRET not in text(shown)
    assert not AuditEvent.objects.filter(event="packet.original_viewed").exists()


@pytest.mark.parametrize(
    ("roles", "status"),
    [(["senior-support"], 200), (["packet-signer"], 200), (["operator"], 403), (["auditor"], 403)],
)
def test_original_is_for_those_who_decide(desk: Packets, browser_of: Browser, roles: list[str], status: int) -> None:
    revision = desk.assemble()
    Membership.objects.filter(user=desk.people["eve"]).update(roles=roles)
    client = browser_of("eve")
    for asked in ({}, {"row": 1}):
        shown = opened(client, revision, "original", **asked)
        assert (shown.status_code, "S3CR3T" in text(shown)) == (status, status == 200)
        assert "no-store" in shown.headers["Cache-Control"]
        assert "S3CR3T" not in text(opened(client, revision, **asked))
    assert ("Show the original beside it" in text(opened(client, revision))) == (status == 200)
    events = AuditEvent.objects.filter(event="packet.original_viewed")
    assert events.count() == (2 if status == 200 else 0)
    assert "S3CR3T" not in str([event.context for event in events])


def test_row_says_what_a_message_was(desk: Packets, browser_of: Browser) -> None:
    refused = federation.posted(federation.response(status="Responder", sub="AuthnFailed"))
    data = federation.capture(federation.entry(post=federation.form(SAMLResponse=refused)))
    desk.sources.attach("ATT-9", "har", data)
    shown = text(opened(browser_of("ada"), desk.assemble(), name="har-2"))
    assert '<span class="line small">SAML Response: Responder, AuthnFailed</span>' in shown


def test_one_exchange_says_what_each_rule_took(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    shown = text(opened(browser_of("ada"), revision, "original", row=1))
    assert f'<del class="was"><bdi class="value">Bearer {SECRET}' in shown
    assert '<span class="mark">authorisation</span>' in shown
    assert '<span class="gap">removed</span>' in shown


def test_withheld_annex_opens_to_nothing_but_why(desk: Packets, browser_of: Browser) -> None:
    revision = desk.assemble()
    name = "other-1"
    shown = text(opened(browser_of("ada"), revision, name=name))
    assert "nothing of it leaves but its marker" in shown
    assert opened(browser_of("ada"), revision, "original", name=name).status_code == 200


def test_hostile_values_are_escaped(desk: Packets, browser_of: Browser) -> None:
    entry = {
        "startedDateTime": "2026-11-22T09:00:00.000Z",
        "request": {"method": MARKUP, "url": f"https://h/{MARKUP}", "headers": [{"name": MARKUP, "value": "\u202e"}]},
        "response": {"status": 200, "content": {"mimeType": MARKUP}},
    }
    desk.sources.attach("ATT-9", "har", json.dumps({"log": {"entries": [entry]}}).encode())
    revision = desk.assemble()
    client = browser_of("ada")
    for asked in ({}, {"row": 1}):
        shown = text(opened(client, revision, "original", name="har-2", **asked))
        assert MARKUP not in shown
        assert "\u202e" not in shown
    assert "⟨U+202E⟩" in shown


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"name": "har-9"}, 404), ({"name": ""}, 404), ({"page": "x" * 50}, 200), ({"row": "99"}, 200)],
)
def test_address_that_names_nothing_shows_nothing_wrong(
    desk: Packets, browser_of: Browser, asked: dict[str, object], status: int
) -> None:
    assert opened(browser_of("ada"), desk.assemble(), **asked).status_code == status
