"""Taking over an exception packet and resolving it, with and without scripts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.runbooks.models import ExceptionPacket
from tests.factories import rows
from tests.functional.conftest import Visits
from tests.functional.looking import violations


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


@pytest.mark.requirement("R2-17")
@pytest.mark.parametrize("scripts", [True, False])
def test_packet_is_noted_on_handed_back_and_assigned(scene: Scene, visit: Visits, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(f"/admin/exceptions/{scene.packet.ref}")
        page.get_by_role("button", name="Take over").click()
        page.get_by_text("Add a note…").click()
        page.get_by_label("Note", exact=True).fill("Asked the vendor.")
        page.get_by_role("button", name="Add note").click()
        expect(page.get_by_text(f"Your note was added to {scene.packet.ref}.")).to_be_visible()
        expect(page.get_by_text("Asked the vendor.")).to_be_visible()
        page.get_by_text("Hand back…").click()
        page.get_by_label("For the next person who takes it").fill("Not ours.")
        page.get_by_role("button", name="Hand back").click()
        expect(page.get_by_text("was handed back, with your note.")).to_be_visible()
        expect(page.get_by_role("button", name="Take over")).to_be_visible()
        page.get_by_text("Assign…").click()
        page.get_by_label("Assign to").select_option("colleague@example.com")
        page.get_by_role("button", name="Assign").click()
        expect(page.get_by_text(f"{scene.packet.ref} was assigned.")).to_be_visible()
        if scripts:  # axe is one
            assert violations(page) == []
    with visit("colleague@example.com", scripts=scripts) as colleague:
        page = colleague.go("/admin/exceptions")
        page.get_by_role("link", name="Mine 1").click()
        page.get_by_role("link", name=scene.packet.ref).click()
        expect(page.get_by_text("Not ours.")).to_be_visible()
        expect(page.get_by_role("button", name="Resolve")).to_be_visible()


def test_refused_filter_is_said_beside_the_form(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go("/admin/exceptions?handling=done&text=x")
        expect(page.get_by_role("alert")).to_contain_text("Handling: one of: unresolved, open, taken, resolved")
        expect(page.get_by_label("Reference, subject or message with")).to_have_value("x")
        assert violations(page) == []
        person.complaints.clear()  # the browser reports the 422 itself


@pytest.mark.requirement("R2-17")
@pytest.mark.parametrize("scripts", [True, False])
def test_like_packets_are_taken_over_and_resolved_together(scene: Scene, visit: Visits, scripts: bool) -> None:
    second = rows.exception(scene.packet.tenant, scene.packet.run.definition)
    with visit(scene.email, scripts=scripts) as person:
        page = person.go("/admin/exceptions")
        page.get_by_text("Take over together…").click()
        if scripts:  # axe is one
            assert violations(page) == []
        page.get_by_role("button", name="Take these over").click()
        expect(page.get_by_text("2 exception packets were taken over.")).to_be_visible()
        page.get_by_text("Resolve together…").click()
        page.get_by_role("checkbox", name=second.ref).uncheck()
        page.get_by_label("What became of them").select_option("fixed-by-hand")
        page.get_by_label("What was done").fill("Mended the sync service.")
        if scripts:
            assert violations(page) == []
        page.get_by_role("button", name="Resolve these").click()
        expect(page.get_by_text("1 exception packet was resolved.")).to_be_visible()
    scene.packet.refresh_from_db()
    second.refresh_from_db()
    assert (scene.packet.note, second.handling) == ("Mended the sync service.", "taken")
