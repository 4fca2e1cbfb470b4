"""The one search with a browser: by keyboard, without scripts, on narrow screens, and with axe."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from tests.factories import references, rows
from tests.factories.references import References
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, NARROWEST, too_wide, violations

EMAIL = "lead@example.com"


@pytest.fixture
def own(committed_db: str) -> References:
    workspace = rows.workspace()
    rows.member(workspace, *Role, email=EMAIL)
    return references.everything(workspace, mark="A")


def test_search_leads_from_any_page_to_what_is_found_by_keyboard_alone(own: References, visit: Visits) -> None:
    with visit(EMAIL) as person:
        for keys in ("/", "Control+k"):
            page = person.go("/admin/operations")
            page.keyboard.press(keys)
            box = page.locator("#find")
            expect(box).to_be_focused()
            page.keyboard.type(own.run.task_key)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{person.site}/admin/find?q=**")
            page.keyboard.press("/")
            expect(page.locator("#q")).to_be_focused()
            page.keyboard.press("ArrowDown")
            expect(page.locator(".hits a").first).to_be_focused()
            page.keyboard.press("ArrowUp")
            expect(page.locator("#q")).to_be_focused()
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            page.wait_for_url(f"{person.site}/admin/operations/{own.run.ref}")


def test_slash_is_a_slash_where_somebody_writes(own: References, visit: Visits) -> None:
    with visit(EMAIL) as person:
        page = person.go("/admin/audit")
        page.locator("#subject").press("/")
        expect(page.locator("#subject")).to_have_value("/")
        expect(page.locator("#subject")).to_be_focused()


def test_key_opens_the_menu_of_a_narrow_screen(own: References, visit: Visits) -> None:
    with visit(EMAIL, width=NARROWEST) as person:
        page = person.go("/admin/operations")
        page.keyboard.press("/")
        expect(page.locator("#find")).to_be_focused()
        assert violations(page) == []


def test_search_works_without_scripts(own: References, visit: Visits) -> None:
    with visit(EMAIL, scripts=False) as person:
        page = person.go("/admin")
        page.locator("#find").fill(own.of_run.ref)
        page.locator("#find").press("Enter")
        page.wait_for_url(f"{person.site}/admin/find?q=**")
        page.locator(".hits a").first.click()
        page.wait_for_url(f"{person.site}/admin/operations/{own.run.ref}")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_axe_finds_nothing_and_nothing_is_too_wide(own: References, visit: Visits, scheme: str, width: int) -> None:
    found: dict[str, object] = {}
    with visit(EMAIL, scheme=scheme, width=width) as person:
        for query in ("", "?q=CHG-A-4711", "?q=a", "?q=RUN-0000000000", f"?q={own.of_run.ref}"):
            page = person.go(f"/admin/find{query}")
            if (wrong := violations(page)) or too_wide(page) > 0:
                found[query] = wrong or too_wide(page)
        page = person.go(f"/admin/find?q={'x' * 129}")
        if wrong := violations(page):
            found["too long"] = wrong
        person.complaints.clear()  # the browser reports the 422 itself
    assert found == {}


@pytest.mark.parametrize("width", [NARROWEST, 768, 1280])
def test_operations_with_filters_that_name_nothing_passes_axe(own: References, visit: Visits, width: int) -> None:
    with visit(EMAIL, width=width) as person:
        page = person.go("/admin/operations?situation=nonsense")
        assert violations(page) == []
        assert too_wide(page) <= 0
        person.complaints.clear()


@pytest.mark.parametrize("width", [NARROWEST, 768, 1280])
def test_task_keys_make_no_list_of_runs_too_wide(own: References, visit: Visits, width: int) -> None:
    for key in ("CHG0000000012345", "CHG-" + "0123456789" * 12):
        run = rows.made_run(own.tenant, own.definition)
        run.task_key = key
        run.save(force_insert=True)
    with visit(EMAIL, width=width) as person:
        for path in ("/admin/operations", "/admin", f"/admin/t/{own.tenant.key}", "/admin/find?q=CHG"):
            assert too_wide(person.go(path)) <= 0, path
