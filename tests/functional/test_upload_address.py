"""The form for an upload address in a real browser: closed at first, without scripts, dark, and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from handrail.connectors import lane as lanes
from handrail.kernel.secrets import Secrets
from handrail.packets.models import GivenUploadAddress
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import LANE, Packets, connected
from tests.functional.conftest import Visits
from tests.functional.looking import too_wide, violations

TOKEN = "c0ffee5ec2e7" + "9f" * 20


@pytest.fixture
def desk(committed_db: str) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        for person in one.people.values():
            person.set_password(rows.PASSWORD)
            person.save()
        yield one


def test_an_address_is_entered_without_scripts_and_shown_nowhere(desk: Packets, visit: Visits) -> None:
    revision = desk.assemble()
    section = {"kind": "upload", "origins": ["https://uploads.example"]}
    with (
        lanes.use(lanes.Lanes.open(lanes.parse({LANE: section}), Secrets({}))),
        visit("ada@example.com", scripts=False, scheme="dark", width=390) as person,
    ):
        page = person.go(f"/admin/packets/{revision.packet.ref}?revision=1")
        expect(page.get_by_text("can't be asked whether a package arrived")).to_be_visible()
        page.get_by_text("Enter the upload address…").click()
        page.get_by_label("Address", exact=True).fill("https://uploads.example/case-17?sig=" + TOKEN)
        page.get_by_role("button", name="Keep the address").click()
        expect(page.get_by_text("The upload address is kept.")).to_be_visible()
        assert TOKEN not in page.url + page.content()
    assert GivenUploadAddress.objects.count() == 1


def test_axe_finds_nothing_at_the_open_form(desk: Packets, visit: Visits) -> None:
    revision = desk.assemble()
    section = {"kind": "upload", "origins": ["https://uploads.example"]}
    with (
        lanes.use(lanes.Lanes.open(lanes.parse({LANE: section}), Secrets({}))),
        visit("ada@example.com", scheme="dark", width=390) as person,
    ):
        page = person.go(f"/admin/packets/{revision.packet.ref}?revision=1")
        page.get_by_text("Enter the upload address…").click()
        assert violations(page) == []
        assert too_wide(page) <= 0
