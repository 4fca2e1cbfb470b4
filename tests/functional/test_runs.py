"""Watching a run move, cancelling one, and both without scripts."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.kernel.clock import now
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind, RunState
from tests.factories import rows
from tests.functional.conftest import Visits


@dataclass(frozen=True, slots=True)
class Scene:
    email: str
    run: OperationRun


@pytest.fixture
def scene(committed_db: str) -> Scene:
    workspace = rows.workspace()
    tenant = rows.tenant(workspace)
    run = rows.run(tenant, rows.definition(workspace), at=now())
    rows.entry(run, EventKind.RECEIVED)
    rows.member(workspace, Role.OPERATOR, email="operator@example.com")
    return Scene("operator@example.com", run)


def move(run: OperationRun, state: RunState) -> None:
    run.state, run.updated_at = state, now()
    if state is RunState.COMPLETED:
        run.finished_at, run.due_at = run.updated_at, None
    run.save(update_fields=["state", "updated_at", "finished_at", "due_at"])


def test_run_moves_before_the_eyes_until_it_ends(scene: Scene, visit: Visits) -> None:
    run = scene.run
    with visit(scene.email) as person:
        page = person.go(f"/admin/operations/{run.ref}")
        assert page.locator("#run-live").get_attribute("data-state") == "received"
        expect(page.get_by_role("button", name="Cancel run")).to_be_visible()
        rows.entry(run, EventKind.CLAIMED, after=0.1)
        rows.entry(run, EventKind.CHECKED, after=0.2, detail={"readings": {}, "evidence": []})
        rows.entry(run, EventKind.INTENT, after=0.2, step="resynchronise", attempt=1, key=f"{run.ref}:resynchronise")
        move(run, RunState.INVOKING)
        page.wait_for_selector("#run-live[data-state=invoking]")
        expect(page.get_by_role("button", name="Cancel run")).not_to_be_visible()
        expect(page.locator("#run-status")).to_have_text("Invoking")
        rows.entry(run, EventKind.COMPLETED, after=0.9)
        move(run, RunState.COMPLETED)
        page.wait_for_selector("#run-live[data-state=completed]")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        expect(page.locator("[hx-get], [hx-trigger^=every]")).to_have_count(0)
        page.wait_for_timeout(1500)  # longer than a live run waits between two requests
        assert asked == []


def test_page_that_shows_the_latest_gets_no_content(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        person.go("/admin")
        with person.page.expect_response("**/live?*") as answer:
            person.go(f"/admin/operations/{scene.run.ref}")
        assert answer.value.status == 204


@pytest.mark.parametrize("scripts", [True, False])
def test_run_is_cancelled_before_anything_was_invoked(scene: Scene, visit: Visits, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(f"/admin/operations/{scene.run.ref}")
        page.get_by_role("button", name="Cancel run").click()
        page.get_by_role("button", name="Cancel the run").click()
        expect(page.get_by_text("was cancelled. Nothing had been invoked.")).to_be_visible()
    scene.run.refresh_from_db()
    assert scene.run.state == "cancelled"


def test_counts_of_operations_follow(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go("/admin/operations")
        page.get_by_role("link", name="1 Received").wait_for()
        rows.entry(scene.run, EventKind.COMPLETED, after=0.1)
        move(scene.run, RunState.COMPLETED)
        page.get_by_role("link", name="0 Received").wait_for()
        page.get_by_role("link", name="1 Completed").wait_for()


def test_runs_are_filtered_without_scripts(scene: Scene, visit: Visits) -> None:
    with visit(scene.email, scripts=False) as person:
        page = person.go("/admin/operations")
        page.get_by_label("State", exact=True).select_option("completed")
        page.get_by_role("button", name="Filter").click()
        expect(page.get_by_text("No run matches.")).to_be_visible()
        page.get_by_role("link", name="Show all").click()
        expect(page.get_by_role("link", name=scene.run.ref)).to_be_visible()


def test_reference_is_copied(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go(f"/admin/operations/{scene.run.ref}")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name=f"Copy {scene.run.ref}").first.click()
        page.wait_for_selector(".copied")
        assert page.evaluate("navigator.clipboard.readText()") == scene.run.ref
