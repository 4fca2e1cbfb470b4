"""Taking over an exception packet and resolving it, with and without scripts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.runbooks.models import ExceptionPacket
from tests.factories import rows
from tests.functional.conftest import Visits


@dataclass(frozen=True, slots=True)
class Scene:
    email: str
    packet: ExceptionPacket


@pytest.fixture
def scene(committed_db: str) -> Scene:
    workspace = rows.workspace()
    packet = rows.exception(rows.tenant(workspace), rows.definition(workspace))
    rows.member(workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
    rows.member(workspace, Role.SENIOR_SUPPORT, email="colleague@example.com")
    return Scene("senior@example.com", packet)


@pytest.mark.requirement("R2-17")
@pytest.mark.parametrize("scripts", [True, False])
def test_packet_is_taken_over_and_resolved(scene: Scene, visit: Visits, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.page
        page.get_by_role("link", name=scene.packet.ref).click()
        page.get_by_role("button", name="Take over").click()
        expect(page.get_by_text(f"You have taken over {scene.packet.ref}.")).to_be_visible()
        page.get_by_label("What was done").fill("Nothing had changed in the sync service.\nDelegated anew.")
        page.get_by_role("button", name="Resolve").click()
        expect(page.get_by_text("was resolved, with your note.")).to_be_visible()
        expect(page.get_by_text("Delegated anew.")).to_be_visible()
    scene.packet.refresh_from_db()
    assert (scene.packet.handling, scene.packet.resolved_by) == ("resolved", scene.email)


def test_slower_of_two_people_is_told_to_look_again(scene: Scene, visit: Visits) -> None:
    path = f"/admin/exceptions/{scene.packet.ref}"
    with visit(scene.email) as first, visit("colleague@example.com") as second:
        first.go(path)
        second.go(path)
        first.page.get_by_role("button", name="Take over").click()
        second.page.get_by_role("button", name="Take over").click()
        expect(second.page.get_by_role("heading", name="Check the current state first")).to_be_visible()
        expect(second.page.get_by_text(f"{scene.email} has taken this over.")).to_be_visible()
        second.complaints.clear()  # the browser reports the 409 itself
        second.go(path)
        expect(second.page.get_by_role("button", name="Resolve")).not_to_be_visible()


def test_packet_prints_without_controls(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go(f"/admin/exceptions/{scene.packet.ref}")
        page.emulate_media(media="print")
        expect(page.get_by_role("button", name="Take over")).not_to_be_visible()
        expect(page.get_by_role("navigation", name="Main")).not_to_be_visible()
        expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
