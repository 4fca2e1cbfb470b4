"""Watching a wave, pausing it and resuming it on its page, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.runbooks.actions import runs, waves
from handrail.runbooks.models import OperationRun
from handrail.runbooks.wavemodels import Wave
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard, connected
from tests.functional.conftest import Visits
from tests.functional.looking import too_wide, violations

TEXT = RUNBOOK.replace("  budget?:", "  event: {type: string}\n  budget?:") + "waves: {by: task.event, canary: 2}\n"


@dataclass(frozen=True, slots=True)
class Scene:
    email: str
    estate: Runs
    wave: Wave


@pytest.fixture
def scene(committed_db: str) -> Iterator[Scene]:
    """A wave of six tasks, whose canary has ended: one run completed, one stopped."""
    estate, board = Installation(TEXT).runs, SwitchBoard()
    rows.member(estate.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
    with connected(board):
        for number in range(6):
            board.add(f"s{number}", owner=estate.tenant.key if number != 1 else "ten_other")
            runs.start(task=estate.task(f"T-{number}", f"s{number}", event="drift-77"), by=estate.worker)
        wave = Wave.objects.get()
        waves.settle(wave=wave.ref, by=estate.worker)
        for run in OperationRun.objects.filter(wave_round=0):
            estate.advance(run)
        yield Scene("senior@example.com", estate, wave)


@pytest.mark.parametrize("scripts", [True, False])
def test_wave_is_watched_paused_and_resumed_on_its_page(scene: Scene, visit: Visits, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go("/admin/waves")
        page.get_by_role("link", name=scene.wave.ref).click()
        expect(page.get_by_text("2 of 6 tasks ended")).to_be_visible()
        expect(page.get_by_role("link", name="EXC-")).to_be_visible()
        if scripts:
            assert violations(page) == []
            page.set_viewport_size({"width": 390, "height": 800})
            assert not too_wide(page)
        page.locator("summary", has_text="Pause").click()
        page.get_by_label("Why it pauses").fill("Looking.")
        page.get_by_role("button", name="Pause the wave").click()
        expect(page.get_by_text("is paused. What is under way goes on to its end.")).to_be_visible()
        page.locator("summary", has_text="Resume").click()
        page.get_by_label("Why it can go on").fill("All is well.")
        page.get_by_role("button", name="Resume the wave").click()
        expect(page.get_by_text(f"{scene.wave.ref} goes on.")).to_be_visible()
        expect(page.get_by_text("All is well.")).to_be_visible()
