"""Lists refuse a filter that names nothing there is, in words, and list nothing; none is left out silently."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        ("packets", {"state": "gone"}, "one of: assembling"),
        ("packets", {"waiting": "nobody"}, "one of: signature, holds"),
        ("packets", {"before": "yesterday"}, "not a time"),
        ("packets", {"after": "PKT-0000000000"}, "the reference of the last escalation packet"),
        ("definitions", {"kind": "rune"}, "one of: runbook"),
        ("definitions", {"state": "gone"}, "one of: proposed"),
        ("definitions", {"waiting": "nobody"}, "one of: decision"),
        ("reviews", {"after": "RUN-0000000000"}, "go on from there"),
    ],
)
def test_filter_that_names_nothing_is_refused_in_words(
    house: Web, as_role: Callable[..., Client], path: str, given: dict[str, str], message: str
) -> None:
    page = as_role(*Role).get(f"/admin/{path}", given)
    text = page.content.decode()
    assert page.status_code == 422
    assert message in text
    assert house.packet.ref not in text


def test_pages_of_a_run_and_its_packet_lead_to_everything_about_the_task(
    house: Web, as_role: Callable[..., Client]
) -> None:
    client = as_role(*Role)
    ids = house.ids()
    for page in (f"/admin/operations/{ids['run']}", f"/admin/exceptions/{ids['exception']}"):
        assert "/admin/find?q=" in client.get(page).content.decode()
