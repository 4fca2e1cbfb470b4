"""A run is described, previewed and started in the browser, with and without scripts, and started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.runbooks.models import OperationRun
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard, connected
from tests.functional.conftest import Visits
from tests.functional.looking import violations


@pytest.fixture
def estate(committed_db: str) -> Iterator[Runs]:
    estate = Installation().runs
    rows.member(estate.workspace, Role.OPERATOR, email="operator@example.com")
    world = SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    with connected(world):
        yield estate


@pytest.mark.parametrize("scripts", [True, False])
def test_run_is_previewed_and_started_once(estate: Runs, visit: Visits, scripts: bool) -> None:
    with visit("operator@example.com", scripts=scripts) as person:
        page = person.go("/admin/operations")
        page.get_by_role("link", name="Start a run").click()
        form = page.url
        page.get_by_label("Tenant id").fill("nobody has this")
        page.get_by_label("Switch id").fill("s1")
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_text("There is no open tenant of this key in your scope")).to_be_visible()
        person.complaints.clear()  # the browser reports the 422 itself
        expect(page.get_by_label("Switch id")).to_have_value("s1")
        page.get_by_label("Tenant id").fill(estate.tenant.key)
        page.get_by_role("button", name="Preview").click()
        expect(page.get_by_text("A run would invoke")).to_be_visible()
        if scripts:
            assert violations(page) == []
        page.get_by_role("button", name="Start this run").click()
        expect(page.get_by_role("heading", name="Flip a switch")).to_be_visible()
        address = page.url
        person.go(form.removeprefix(person.site))
        expect(page.get_by_text("With the same content no second run starts.")).to_be_visible()
        page.get_by_label("Tenant id").fill(estate.tenant.key)
        page.get_by_label("Switch id").fill("s1")
        page.get_by_role("button", name="Preview").click()
        page.get_by_role("button", name="Start this run").click()
        expect(page.get_by_text("is the run of the task")).to_be_visible()
        assert page.url == address
    assert OperationRun.objects.count() == 1
