"""Requesting support in a real browser, from tenant and run, with the practice desk behind; without scripts too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from handrail.access.capabilities import Role
from handrail.kernel.clock import now
from handrail.runbooks.models import OperationRun
from handrail.sandbox.server import Sandbox
from handrail.support.models import SupportRequest
from tests.factories import rows
from tests.factories.practice_desk import counts, open_ticket, practice_desk, tickets
from tests.factories.support import unfinished
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, shared_out, too_wide, violations
from tests.lanes import NIGHTLY

SURFACES = ("tenant", "run")
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
ON = pytest.mark.parametrize("surface", SURFACES)
# Each surface and each way once by day; both ways on both surfaces at night.
WAYS = [(surface, scripts) for surface in SURFACES for scripts in (True, False)]
EACH_WAY = pytest.mark.parametrize(("surface", "scripts"), WAYS if NIGHTLY else WAYS[::3])


@dataclass(frozen=True, slots=True)
class Scene:
    email: str
    run: OperationRun
    paths: dict[str, str]


@pytest.fixture
def scene(committed_db: str) -> Scene:
    workspace = rows.workspace()
    tenant = rows.tenant(workspace)
    definition = rows.definition(workspace, text=rows.runbook_text())
    rows.completed_run(tenant, definition)
    packet = rows.exception(tenant, definition)
    rows.member(workspace, Role.OPERATOR, email="operator@example.com")
    rows.member(workspace, Role.AUDITOR, email="auditor@example.com")
    paths = {"tenant": f"/admin/t/{tenant.key}", "run": f"/admin/operations/{packet.run.ref}"}
    return Scene("operator@example.com", packet.run, paths)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    running.estate.reset()
    with practice_desk(running, budget_seconds=1.5):
        yield running


def ask(page: Page, summary: str, mode: str = "") -> None:
    """Opens the form and fills it in, as far as the mode."""
    page.get_by_role("link", name="Request support").click()
    form = page.get_by_role("dialog", name="Request support")
    form.get_by_label("Summary").fill(summary)
    form.get_by_label("Severity").select_option("high")
    form.get_by_label("Steps to reproduce").fill("1. Open the portal.\n2. The role is missing.")
    if mode:
        form.get_by_label(mode).check()


def send(page: Page) -> None:
    page.get_by_role("button", name="Submit request").click()


@EACH_WAY
def test_internal_only_is_stored_and_seen_in_place(
    scene: Scene, sandbox: Sandbox, visit: Visits, surface: str, scripts: bool
) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(scene.paths[surface])
        ask(page, "Only for us")
        expect(page.locator(".writes strong:visible")).to_have_text("Handrail only")
        expect(page.get_by_label("External ticket", exact=True)).to_be_hidden()
        send(page)
        expect(page.get_by_text("The request is stored in Handrail.")).to_be_visible()
        assert page.url.split("?")[0] == person.site + scene.paths[surface]
        expect(page.get_by_text(SupportRequest.objects.get().ref, exact=True)).to_be_visible()
    assert counts(sandbox)["creations"] == 0


@pytest.mark.requirement("H-40")
@EACH_WAY
def test_ticket_is_created_and_opens(
    scene: Scene, sandbox: Sandbox, visit: Visits, surface: str, scripts: bool
) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(scene.paths[surface])
        ask(page, "For the desk", "Create external ticket")
        expect(page.locator(".writes strong:visible")).to_have_text("Handrail + external support desk")
        send(page)
        expect(page.get_by_text("an external ticket was created")).to_be_visible()
        ref = SupportRequest.objects.get().ref
        expect(page.get_by_text(ref, exact=True)).to_be_visible()
        page.get_by_role("link", name=tickets(sandbox)[0]["id"]).click()
        expect(page.get_by_role("heading", name=ref)).to_be_visible()
        page.go_back()
        person.complaints.clear()  # the practice desk has no icon
    assert counts(sandbox) == {"creations": 1, "tickets": 1, "faults_left": 0}


@pytest.mark.requirement("H-24")
@EACH_WAY
def test_existing_ticket_is_linked_after_a_bad_reference(
    scene: Scene, sandbox: Sandbox, visit: Visits, surface: str, scripts: bool
) -> None:
    ticket = open_ticket(sandbox)
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(scene.paths[surface])
        ask(page, "Known to the desk", "Link existing ticket")
        expect(page.locator(".writes strong:visible")).to_have_text("Handrail only")
        reference = page.get_by_label("External ticket", exact=True)
        reference.fill("12 or so")
        send(page)
        expect(page.get_by_text("Is not a reference of Practice Desk; one looks like T-1001")).to_be_visible()
        person.complaints.clear()  # the browser reports the 422 itself
        assert not SupportRequest.objects.exists()
        assert reference.input_value() == "12 or so"
        assert page.get_by_label("Summary").input_value() == "Known to the desk"
        assert "The role is missing." in page.get_by_label("Steps to reproduce").input_value()
        if scripts:
            assert violations(page) == []
        reference.fill(ticket["url"])
        send(page)
        expect(page.get_by_role("link", name=ticket["id"])).to_have_attribute("href", ticket["url"])
    assert counts(sandbox)["creations"] == 1  # by hand, above


@EACH_WAY
def test_failing_desk_is_told_as_partial_success(
    scene: Scene, sandbox: Sandbox, visit: Visits, surface: str, scripts: bool
) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(scene.paths[surface])
        ask(page, "[fault:markup-error] nothing works", "Create external ticket")
        send(page)
        expect(page.get_by_text("Partly done: the request is stored in Handrail")).to_be_visible()
        request = SupportRequest.objects.get()
        expect(page.get_by_text(request.ref, exact=True)).to_be_visible()
        expect(page.get_by_text(str(request.external_handoff_failure_summary))).to_be_visible()
    assert counts(sandbox) == {"creations": 1, "tickets": 0, "faults_left": 0}


@pytest.mark.requirement("H-13")
def test_hanging_desk_is_told_as_unknown_and_never_asked_again(scene: Scene, sandbox: Sandbox, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go(scene.paths["run"])
        ask(page, "[fault:hang-after] slow today", "Create external ticket")
        page.get_by_role("button", name="Submit request").dblclick()
        expect(page.get_by_text("Outcome unknown: a ticket may exist.")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Outcome unknown: a ticket may exist.")).to_be_visible()
    assert SupportRequest.objects.count() == 1
    assert counts(sandbox)["creations"] == 1


@EACH_WAY
def test_look_again_shows_what_the_desk_answered_since(
    scene: Scene, visit: Visits, surface: str, scripts: bool
) -> None:
    where = {"run": scene.run, "primary_context": "operation_run"} if surface == "run" else {}
    request = unfinished(
        scene.run.tenant, initiator=scene.email, handoff_deadline_at=now() + timedelta(minutes=5), **where
    )
    path = f"{scene.paths[surface]}?raised={request.ref}#support-latest"
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(path)
        expect(page.get_by_text("The service desk is being called.")).to_be_visible()
        SupportRequest.objects.filter(pk=request.pk).update(external_ticket_reference="T-1001")
        page.get_by_role("link", name="Reload").click()
        expect(page.get_by_text("an external ticket was created")).to_be_visible()
        expect(page.get_by_text("T-1001", exact=True)).to_be_visible()


@EACH_WAY
def test_without_a_desk_the_form_says_so(scene: Scene, visit: Visits, surface: str, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(scene.paths[surface])
        ask(page, "Only for us")
        expect(page.get_by_text("No external support desk is configured")).to_be_visible()
        expect(page.get_by_role("radio")).to_have_count(0)
        if scripts:
            assert violations(page) == []
        expect(page.locator(".writes strong:visible")).to_have_text("Handrail only")
        send(page)
        expect(page.get_by_text("The request is stored in Handrail.")).to_be_visible()


@ON
def test_back_and_a_second_tab_are_the_same_request(
    scene: Scene, sandbox: Sandbox, visit: Visits, surface: str
) -> None:
    with visit(scene.email) as person:
        page = person.go(scene.paths[surface])
        ask(page, "Once is enough", "Create external ticket")
        tab = page.context.new_page()
        tab.goto(page.url)
        for each in (page, tab):
            form = each.get_by_role("dialog", name="Request support")
            form.get_by_label("Summary").fill("Once is enough")
            form.get_by_label("Severity").select_option("high")
            form.get_by_label("Steps to reproduce").fill("1. Open the portal.\n2. The role is missing.")
            form.get_by_label("Create external ticket").check()
            send(each)
            expect(each.get_by_text("an external ticket was created")).to_be_visible()
        page.go_back()
        page.get_by_label("Summary").fill("Something else by now")
        send(page)
        expect(page.get_by_text("already submitted with different content")).to_be_visible()
        assert violations(page) == []
        person.complaints.clear()  # the browser reports the 409 itself
    assert SupportRequest.objects.count() == 1
    assert counts(sandbox)["creations"] == 1


@pytest.mark.requirement("H-40")
def test_slide_over_is_modal_closes_by_key_and_keeps_what_was_typed(
    scene: Scene, sandbox: Sandbox, visit: Visits
) -> None:
    with visit(scene.email) as person:
        page = person.go(scene.paths["tenant"])
        ask(page, "Half a thought")
        page.wait_for_function("document.querySelector('dialog').matches(':modal')")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page).to_have_url(person.site + scene.paths["tenant"])
        expect(page.get_by_role("link", name="Request support")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog", name="Request support")).to_be_visible()
        expect(page.get_by_label("Summary")).to_have_value("Half a thought")
        page.get_by_role("link", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert not SupportRequest.objects.exists()


@pytest.mark.requirement("H-26")
@SCRIPTS
def test_diagnostics_open_beside_the_action(scene: Scene, sandbox: Sandbox, visit: Visits, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(scene.paths["run"])
        page.get_by_role("link", name="Open support diagnostics").click()
        expect(page.get_by_text("Definition: sha256:")).to_be_visible()
        expect(page.get_by_text("This is exactly what is stored with the request")).to_be_visible()


def test_role_without_the_capability_is_told_whom_to_ask(scene: Scene, sandbox: Sandbox, visit: Visits) -> None:
    with visit("auditor@example.com") as person:
        page = person.go(scene.paths["run"])
        expect(page.get_by_role("link", name="Request support")).to_have_count(0)
        expect(page.get_by_text("Ask a workspace administrator.")).to_be_visible()
        assert violations(page) == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(
    scene: Scene, sandbox: Sandbox, visit: Visits, scheme: str, width: int
) -> None:
    found: dict[str, list[str]] = {}
    with visit(scene.email, scheme=scheme, width=width) as person:
        for surface, path in shared_out(list(scene.paths.items()), scheme):
            page = person.go(path)
            ask(page, "[fault:throttled] " + "Wide" * 40, "Create external ticket")
            send(page)
            page.wait_for_selector("#support-latest")
            for state in ("closed", "create", "link", "diagnostics"):
                if state == "create":
                    ask(page, "Another", "Create external ticket")
                elif state == "link":
                    page.get_by_label("Link existing ticket").check()
                elif state == "diagnostics":
                    page.get_by_text("Open support diagnostics").last.click()
                    page.get_by_text("As stored").click()
                found |= _wrong(page, f"{surface} {state}")
    assert found == {}


def _wrong(page: Page, name: str) -> dict[str, list[str]]:
    wrong = violations(page)
    for element in ("document.documentElement", "document.querySelector('dialog') ?? document.documentElement"):
        over = too_wide(page, element)
        wrong += [f"{element} is {over} px too wide"] if over > 0 else []
    return {name: wrong} if wrong else {}


def test_slide_over_comes_in_moving_and_is_legible_once_it_is_still(
    scene: Scene, sandbox: Sandbox, visit: Visits
) -> None:
    with visit(scene.email, motion=True) as person:
        note = "document.addEventListener('animationstart', e => (window.began ??= []).push(e.animationName))"
        person.page.add_init_script(note)
        page = person.go(scene.paths["tenant"])
        page.get_by_role("link", name="Request support").click()
        page.get_by_role("dialog", name="Request support").wait_for()
        assert violations(page) == []
        page.wait_for_function("window.began.includes('slide-in')")
