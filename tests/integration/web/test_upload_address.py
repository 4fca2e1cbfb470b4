"""The page of a packet whose lane needs an upload address: the address goes in, and is never shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.connectors import lane as lanes
from handrail.kernel.secrets import Secrets
from handrail.packets.models import GivenUploadAddress
from tests.factories.web import Web
from tests.integration.web.test_proof import aged

pytestmark = pytest.mark.django_db
TOKEN = "c0ffee5ec2e7" + "9f" * 20


@pytest.fixture
def packet(house: Web) -> Iterator[str]:
    section = {"kind": "upload", "origins": ["https://uploads.example"]}
    with lanes.use(lanes.Lanes.open(lanes.parse({house.packet.lane: section}), Secrets({}))):
        yield f"/admin/packets/{house.packet.ref}"


def give(client: Client, packet: str, address: str) -> str:
    shown = client.get(packet).content.decode()
    number = shown.split('name="revision" value="')[1].split('"')[0]
    form = {"revision": number, "upload_address": address, "minutes": "60"}
    return client.post(f"{packet}/upload-address", form, follow=True).content.decode()


def test_an_address_is_kept_and_never_shown(packet: str, as_role: Callable[..., Client]) -> None:
    owner = as_role(Role.ESCALATION_OWNER)
    page = give(owner, packet, "https://uploads.example/case-17?sig=" + TOKEN)
    assert "The upload address is kept." in page
    assert TOKEN not in page + owner.get(packet).content.decode()
    assert GivenUploadAddress.objects.get().address.endswith(TOKEN)


def test_an_address_that_is_refused_is_not_shown_either(packet: str, as_role: Callable[..., Client]) -> None:
    page = give(as_role(Role.ESCALATION_OWNER), packet, "https://elsewhere.example/?sig=" + TOKEN)
    assert "must be a whole URL of https://uploads.example" in page
    assert TOKEN not in page
    assert not GivenUploadAddress.objects.exists()


def test_an_old_proof_asks_anew_and_carries_no_address(packet: str, as_role: Callable[..., Client]) -> None:
    """What else was typed goes along in hidden fields; the address would then be on a page."""
    page = give(aged(as_role(Role.ESCALATION_OWNER)), packet, "https://uploads.example/case-17?sig=" + TOKEN)
    assert "Confirm that it" in page
    assert 'name="minutes" value="60"' in page
    assert TOKEN not in page
    assert "enter it again afterwards" in page


def test_what_the_lane_can_not_do_stands_beside_the_decision(packet: str, as_role: Callable[..., Client]) -> None:
    page = as_role(Role.ESCALATION_OWNER).get(packet).content.decode()
    assert "be asked whether a package arrived" in page
    assert "It takes nothing back" in page


def test_who_may_not_release_sees_no_field(packet: str, as_role: Callable[..., Client]) -> None:
    assert "upload-address" not in as_role(Role.AUDITOR).get(packet).content.decode()
