"""A person resolves an exception packet from end to end, with and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.runbooks.models import ExceptionPacket, FollowUp, OperationRun
from tests.factories import rows
from tests.factories.changes import COPIED, PANEL, world
from tests.factories.switches import ODD
from tests.functional.conftest import Visits
from tests.functional.looking import too_wide, violations

EMAIL = "senior@example.com"
PEOPLE = "due_within: 4h, follow_up: [{runbook: flip-switch, by: [senior-support]}]"
FOLLOWED = PANEL.replace(COPIED, f"{COPIED[:-1]}, {PEOPLE}}}")


@pytest.mark.requirement("R2-17")
@pytest.mark.requirement("R2-18")
@pytest.mark.parametrize("scripts", [True, False])
def test_exception_is_read_again_taken_followed_up_and_resolved(
    committed_db: str, visit: Visits, scripts: bool
) -> None:
    with world(FOLLOWED) as (estate, board, _):
        rows.member(estate.workspace, Role.SENIOR_SUPPORT, email=EMAIL)
        board.script = [ODD]
        packet = ExceptionPacket.objects.get(run=estate.advance(estate.start("TASK-1")))
        board.switches["s1"].update(state="off", marker="seen")  # somebody has turned it off since
        with visit(EMAIL, scripts=scripts, width=390) as person:
            page = person.go("/admin/exceptions")
            page.get_by_role("link", name=packet.ref).click()
            expect(page.get_by_text("Changed outside: yes.")).to_be_visible()
            page.get_by_role("button", name="Read now").click()
            expect(page.get_by_text(f"The sources of {packet.ref} were read again.")).to_be_visible()
            state = page.get_by_role("row").filter(has_text="switch.state")
            expect(state).to_contain_text("off")
            expect(state).to_contain_text("on")
            page.get_by_role("button", name="Take over").click()
            page.get_by_text("Add a note…").click()
            page.get_by_label("Note", exact=True).fill("It is off again. Once more.")
            page.get_by_role("button", name="Add note").click()
            if scripts:  # axe is one
                assert violations(page) == []
                assert too_wide(page) <= 0
            page.get_by_role("link", name="Follow-up run: Flip a switch").click()
            expect(page.get_by_label("Switch id")).to_have_value("s1")
            page.get_by_role("button", name="Preview").click()
            expect(page.get_by_text("A run would invoke Flip")).to_be_visible()
            if scripts:
                assert violations(page) == []
                assert too_wide(page) <= 0
            assert not FollowUp.objects.exists()
            page.get_by_role("button", name="Start this run").click()
            expect(page.get_by_text(f"was started from {packet.ref}.")).to_be_visible()
            expect(page.get_by_role("link", name=packet.ref).first).to_be_visible()
            run = OperationRun.objects.select_related("definition").get(follow_up__packet=packet)
            assert estate.advance(run).state == "completed"
            page = person.go(f"/admin/exceptions/{packet.ref}")
            expect(page.get_by_role("link", name=run.ref)).to_be_visible()
            page.get_by_label("What became of it").select_option("fixed-by-follow-up")
            page.get_by_label("What was done").fill("Turned on again by a follow-up run.")
            page.get_by_role("button", name="Resolve").click()
            expect(page.get_by_text("was resolved, with your note.")).to_be_visible()
            expect(page.get_by_text("Fixed by a follow-up run")).to_be_visible()
            page.get_by_role("link", name="Request support for the run").click()
            expect(page.get_by_label("Summary")).to_have_value(f"{packet.ref}: {packet.message}")
    packet.refresh_from_db()
    assert (packet.handling, packet.outcome, len(board.calls)) == ("resolved", "fixed-by-follow-up", 2)
