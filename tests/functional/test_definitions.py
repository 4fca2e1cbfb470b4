"""Approving a definition needs a second person, in the browser too."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionState
from tests.factories import rows
from tests.functional.conftest import Visits


@dataclass(frozen=True, slots=True)
class Scene:
    first: str
    second: str
    active: Definition
    proposal: Definition


@pytest.fixture
def scene(committed_db: str) -> Scene:
    workspace = rows.workspace()
    first, second = "first@example.com", "second@example.com"
    for email in (first, second):
        rows.member(workspace, Role.GOVERNANCE_OWNER, email=email)
    text = rows.runbook_text(2).replace("attempts: 3", "attempts: 4")
    return Scene(
        first,
        second,
        rows.definition(workspace, text=rows.runbook_text()),
        rows.definition(workspace, text=text, version=2, state=DefinitionState.PROPOSED, proposed_by=first),
    )


def test_first_person_is_refused_and_told_why(scene: Scene, visit: Visits) -> None:
    with visit(scene.first) as person:
        page = person.go(f"/admin/definitions/{scene.proposal.pk}")
        expect(page.get_by_text("You proposed this yourself. Another governance owner must decide.")).to_be_visible()
        assert page.get_by_role("button", name="Approve").count() == 0


@pytest.mark.parametrize("scripts", [True, False])
def test_second_person_sees_the_change_and_approves(scene: Scene, visit: Visits, scripts: bool) -> None:
    with visit(scene.second, scripts=scripts) as person:
        page = person.page
        page.get_by_role("link", name="entitlement-resync v2").click()
        difference = page.get_by_role("region", name="Difference from the active version")
        expect(difference.get_by_text("retry: {attempts: 4,")).to_be_visible()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Approved. It is active from now on")).to_be_visible()
    scene.proposal.refresh_from_db()
    scene.active.refresh_from_db()
    assert (scene.proposal.state, scene.active.state) == ("active", "deprecated")
    assert scene.proposal.decided_by == scene.second


def test_rejection_needs_a_reason(scene: Scene, visit: Visits) -> None:
    with visit(scene.second, scripts=False) as person:
        page = person.go(f"/admin/definitions/{scene.proposal.pk}")
        page.get_by_label("Why it is rejected").fill("   ")
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("A reason is needed")).to_be_visible()
        person.complaints.clear()  # the browser reports the 422 itself
        page.get_by_label("Why it is rejected").fill("The guard on the tier is gone.")
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_text("Rejected, with your reason.")).to_be_visible()
        expect(page.get_by_text("The guard on the tier is gone.")).to_be_visible()
