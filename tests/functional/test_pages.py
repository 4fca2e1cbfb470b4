"""Every page in light and dark, wide and narrow, with axe and with a ruler."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.access.models import Membership
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.clock import now
from handrail.runbooks.models import SampledRun
from handrail.runbooks.states import Handling, RunState
from tests.factories import rows
from tests.factories.log import sealed_events
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, NARROWEST, shared_out, too_wide, violations
from tests.lanes import share

# The scripts write how long ago something was; none of their texts is longer.
LONGEST_DISTANCES = "document.querySelectorAll('time[data-ago]').forEach(t => { t.textContent = '59 min ago'; })"
WIDER = (768, 1280, 1920)
LONG = "An organisation whose name is longer than anybody expected when the table was laid out Incorporated"


@dataclass(frozen=True, slots=True)
class Scene:
    email: str
    paths: list[str]


@pytest.fixture
def scene(committed_db: str) -> Scene:
    """Something of everything, some of it long."""
    workspace = rows.workspace()
    tenant = rows.tenant(workspace, name=LONG)
    definition = rows.definition(workspace, text=rows.runbook_text())
    proposal = rows.definition(workspace, text=rows.runbook_text(2), version=2, state=DefinitionState.PROPOSED)
    rows.definition(workspace, name="identity-outage-vendor-escalation-of-a-federation", kind=DefinitionKind.PACKET)
    completed = rows.completed_run(tenant, definition)
    admins = [f"{name}.with-a-very-long-local-part@subsidiary.contoso.example" for name in ("ada", "grace", "edsger")]
    moving = rows.run(tenant, definition, state=RunState.INVOKING, task={"tenant_id": tenant.key, "admins": admins})
    rows.checked(moving)
    waiting = rows.run(tenant, definition)
    rows.checked(waiting)
    packet = rows.exception(tenant, definition)
    taken = rows.exception(tenant, definition, handling=Handling.TAKEN, taken_by="lead@example.com")
    resolved = rows.exception(tenant, definition, handling=Handling.RESOLVED)
    rows.brake(tenant)
    SampledRun.objects.create(workspace=workspace, tenant=tenant, run=completed, at=now(), share=0.02)
    rows.notice(tenant, packet.ref)
    rows.member(workspace, *Role, email="lead@example.com")
    (event,) = sealed_events(1)
    member = Membership.objects.get(workspace=workspace, user__email="lead@example.com")
    rows.member(rows.workspace("A second one"), Role.OPERATOR, email="lead@example.com")
    paths = [
        "/admin",
        "/admin/operations",
        "/admin/operations?state=cancelled",
        "/admin/exceptions",
        "/admin/exceptions?handling=unresolved&text=EXC",
        "/admin/brakes",
        "/admin/audit",
        "/admin/audit/record",
    ]
    paths += [
        "/admin/evaluation",
        "/admin/reviews",
        "/admin/find",
        "/admin/definitions/propose",
        f"/admin/operations/start?tenant={tenant.key}",
        "/admin/workspaces",
        "/admin/tokens",
        "/admin/notifications",
        "/admin/notifications/sent?outcome=undelivered",
        "/accounts/password/change/",
        f"/admin/t/{tenant.key}",
    ]
    paths += [
        "/admin/factors",
        "/admin/factors/passkeys/add",
        "/admin/factors/app",
        "/admin/members",
        f"/admin/audit/proofs/event/{event}",
        f"/admin/members/{member.pk}/keys",
        "/admin/tenants",
        f"/admin/tenants/keeping/{tenant.key}",
    ]
    paths += [f"/admin/operations/{run.ref}" for run in (completed, moving, waiting, packet.run)]
    paths += [f"/admin/exceptions/{each.ref}" for each in (packet, taken, resolved)]
    paths += ["/admin/definitions", *(f"/admin/definitions/{each.pk}" for each in (definition, proposal))]
    return Scene("lead@example.com", paths)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing(scene: Scene, visit: Visits, scheme: str, width: int) -> None:
    found: dict[str, list[str]] = {}
    with visit(scene.email, scheme=scheme, width=width) as person:
        for path in shared_out(scene.paths, scheme):
            if wrong := violations(person.go(path)):
                found[path] = wrong
    assert found == {}


def test_nothing_is_wider_than_the_screen(scene: Scene, visit: Visits) -> None:
    found: dict[str, int] = {}
    with visit(scene.email) as person:
        for number, path in enumerate(scene.paths):
            page = person.go(path)
            for width in (NARROWEST, *share(WIDER, number, 1)):
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate(LONGEST_DISTANCES)
                if (over := too_wide(page)) > 0:
                    found[f"{path} at {width}"] = over
    assert found == {}


# Of each cell with a label that is too tall, how much taller the label is than the cell.
LABELS_OVER = """[...document.querySelectorAll(".list tbody [data-label]")].map(cell => {
    const label = parseFloat(getComputedStyle(cell, "::before").height);
    return [cell.dataset.label, label - cell.clientHeight];
}).filter(([_, over]) => over > 0)"""


def test_labels_of_narrow_lists_stay_in_their_rows(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        found = {}
        for path in ("/admin", "/admin/exceptions", "/admin/operations"):
            page = person.go(path)
            page.set_viewport_size({"width": 390, "height": 900})
            assert page.locator(".list tbody [data-label]").count()
            if over := page.evaluate(LABELS_OVER):
                found[path] = over
    assert found == {}


def test_logging_in_through_the_form_leads_to_the_overview(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.page
        page.context.clear_cookies()
        person.go("/admin/operations")
        page.get_by_label("E-mail address").fill(scene.email)
        page.get_by_label("Password").fill(rows.PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{person.site}/admin/operations")
        expect(page.get_by_role("heading", name="Operations")).to_be_visible()


def test_refusal_pages_pass_axe(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go("/admin/operations/RUN-0000000000")
        expect(page.get_by_role("heading", name="Not found, or you don")).to_be_visible()
        assert violations(page) == []
        person.complaints.clear()  # the browser reports the 404 itself


def test_log_in_page_passes_axe(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go("/accounts/logout/")
        assert violations(page) == []
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert violations(page) == []


def test_menu_of_a_narrow_screen_opens_and_closes_by_keyboard(scene: Scene, visit: Visits) -> None:
    with visit(scene.email, width=NARROWEST) as person:
        page = person.go("/admin")
        link = page.get_by_role("link", name="Operations", exact=True)
        expect(link).not_to_be_visible()
        page.get_by_role("button", name="Menu").press("Enter")
        expect(link).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(link).not_to_be_visible()


def test_first_tab_leads_past_the_navigation(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go("/admin/operations")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
