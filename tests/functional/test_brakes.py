"""Pausing from the page, seeing what waits, and resuming, with and without scripts; stopping a run, and what a stop
keeps from acting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import expect

from handrail.access.capabilities import Role
from handrail.runbooks.actions import brakes
from handrail.runbooks.models import Brake, ExceptionPacket, OperationRun
from handrail.runbooks.states import BrakeKind
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.limits import guarded, open_breaker
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import BUSY, ODD, SwitchBoard, connected
from tests.functional.conftest import Visits
from tests.functional.looking import LOOKS, too_wide, violations


@dataclass(frozen=True, slots=True)
class Scene:
    email: str
    estate: Runs
    board: SwitchBoard
    run: OperationRun


@pytest.fixture
def scene(committed_db: str) -> Iterator[Scene]:
    """A run that has been received, and a person who may pause."""
    estate, board = Installation().runs, SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    rows.member(estate.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
    with connected(board):
        yield Scene("senior@example.com", estate, board, estate.start())


@pytest.mark.parametrize("scripts", [True, False])
def test_everything_is_paused_what_waits_is_seen_and_it_goes_on(scene: Scene, visit: Visits, scripts: bool) -> None:
    with visit(scene.email, scripts=scripts) as person:
        page = person.go("/admin/brakes")
        expect(page.get_by_text("Nothing is paused.")).to_be_visible()
        page.get_by_label("What to pause").select_option("Everything")
        page.get_by_label("Why").fill("The registry is being moved.")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Runs that it concerns wait before their next call.")).to_be_visible()
        assert scene.estate.advance(scene.run).state == "received"
        assert scene.board.calls == []
        page = person.go("/admin/brakes")
        expect(page.get_by_text("1 run waiting")).to_be_visible()
        page = person.go(f"/admin/operations/{scene.run.ref}")
        expect(page.get_by_text("The registry is being moved.")).to_be_visible()
        page = person.go("/admin/brakes")
        page.locator("details summary").click()
        page.get_by_label("Why it can go on").fill("It has moved.")
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("Resumed. 1 run goes on.")).to_be_visible()
        expect(page.get_by_text("Nothing is paused.")).to_be_visible()
        expect(page.get_by_text("It has moved.")).to_be_visible()
    assert scene.estate.advance(scene.run).state == "completed"


def test_nothing_is_paused_before_somebody_has_chosen_what(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go("/admin/brakes")
        page.get_by_label("Why").fill("A slip of the hand.")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_label("What to pause")).to_be_focused()
        page = person.go("/admin/brakes")
        expect(page.get_by_text("Nothing is paused.")).to_be_visible()


def test_run_is_stopped_with_a_reason(scene: Scene, visit: Visits) -> None:
    with visit(scene.email) as person:
        page = person.go(f"/admin/operations/{scene.run.ref}")
        page.get_by_role("button", name="Stop run").click()
        page.get_by_label("Why").fill("The customer has withdrawn it.")
        page.get_by_role("button", name="Stop the run").click()
        expect(page.get_by_text("The customer has withdrawn it.")).to_be_visible()
    assert scene.estate.advance(scene.run).state == "exception"
    assert scene.board.calls == []


def pause_connector(scene: Scene) -> None:
    """Somebody pauses the board."""
    brakes.pause(kind=BrakeKind.CONNECTOR, target="board", reason="It is ill.", by=as_person(scene.estate.worker))


@pytest.mark.requirement("R2-18")
@pytest.mark.parametrize("scripts", [True, False])
def test_run_that_waits_for_a_connector_is_stopped_and_told_whole(scene: Scene, visit: Visits, scripts: bool) -> None:
    """Paused behind a call without an effect: the page says what it waits for, and its packet that nothing changed."""
    scene.board.script = [replace(BUSY, also=lambda *_: pause_connector(scene))]
    assert scene.estate.advance(scene.run).state == "invoking"
    with visit(scene.email, scripts=scripts) as person:
        page = person.go("/admin/brakes")
        expect(page.get_by_text("1 run waiting")).to_be_visible()
        page = person.go(f"/admin/operations/{scene.run.ref}")
        expect(page.get_by_text("It is ill.")).to_be_visible()
        page.get_by_role("button", name="Stop run").click()
        page.get_by_label("Why").fill("The vendor does it by hand.")
        page.get_by_role("button", name="Stop the run").click()
        expect(page.get_by_text("The vendor does it by hand.")).to_be_visible()
        assert scene.estate.advance(scene.run).state == "exception"
        page = person.go(f"/admin/exceptions/{ExceptionPacket.objects.get().ref}")
        expect(page.get_by_text("Changed outside: no.")).to_be_visible()
        expect(page.get_by_text(f"{scene.email} stopped this run: The vendor does it by hand.")).to_be_visible()
    assert (len(scene.board.calls), scene.board.effects) == (1, [])
    assert Brake.objects.filter(released_at=None).count() == 1


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_connector_is_paused_what_waits_for_it_is_seen_and_it_goes_on(
    scene: Scene, visit: Visits, scheme: str, width: int
) -> None:
    """Also while its circuit breaker is open, which holds runs by itself, and is closed by hand after the pause."""
    with guarded(scene.board), visit(scene.email, scheme=scheme, width=width) as person:
        open_breaker()
        assert scene.estate.advance(scene.run).state == "received"
        page = person.go("/admin/brakes")
        board = page.get_by_role("region", name="Connectors").get_by_role("row").filter(has_text="board")
        expect(board).to_contain_text("Open")
        expect(board).to_contain_text("status 503")
        expect(board).to_contain_text("2 at once")
        expect(board.get_by_role("cell").nth(4)).to_have_text("1")
        assert violations(page) == []
        assert too_wide(page) <= 0
        page = person.go(f"/admin/operations/{scene.run.ref}")
        expect(page.get_by_text("The circuit breaker of board is open, because its calls failed.")).to_be_visible()
        page = person.go("/admin/brakes")
        page.get_by_label("What to pause").select_option("Connector board")
        page.get_by_label("Why", exact=True).fill("Its vendor repairs it.")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Runs that it concerns wait before their next call.")).to_be_visible()
        board.locator("summary").click()
        board.get_by_label("Why it works again").fill("The vendor says so.")
        board.get_by_role("button", name="Close").click()
        expect(page.get_by_text("Closed. 1 run goes on.")).to_be_visible()
        expect(board).to_contain_text("Closed")
        assert scene.estate.advance(scene.run).state == "received"
        assert scene.board.calls == []
        page = person.go("/admin/brakes")
        paused = page.get_by_role("region", name="Paused now")
        expect(paused.get_by_text("1 run waiting")).to_be_visible()
        expect(paused).to_contain_text("Its vendor repairs it.")
        assert violations(page) == []
        assert too_wide(page) <= 0
        paused.locator("details summary").click()
        paused.get_by_label("Why it can go on").fill("It works.")
        paused.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("Resumed. 1 run goes on.")).to_be_visible()
        assert scene.estate.advance(scene.run).state == "completed"


@pytest.mark.requirement("R2-07")
@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(("choice", "ending"), [("Let them go on", "completed"), ("Refuse them", "cancelled")])
def test_fenced_run_says_by_what_and_the_resolution_decides(
    scene: Scene, visit: Visits, scripts: bool, choice: str, ending: str
) -> None:
    scene.board.script = [ODD]
    assert scene.estate.advance(scene.run).state == "exception"
    packet, fenced = ExceptionPacket.objects.get(), scene.estate.start("TASK-2")
    assert scene.estate.advance(fenced).state == "received"
    with visit(scene.email, scripts=scripts) as person:
        page = person.go(f"/admin/operations/{fenced.ref}")
        page.get_by_role("link", name=packet.ref).first.click()
        expect(page.get_by_text("Changed outside: yes.")).to_be_visible()
        expect(page.get_by_role("link", name=fenced.ref).first).to_be_visible()
        page.get_by_role("button", name="Take over").click()
        page.get_by_label("What became of it").select_option("fixed-by-hand")
        page.get_by_label("What was done").fill("Looked: the switch is as it should be.")
        page.get_by_label(choice).check()
        page.get_by_role("button", name="Resolve").click()
        expect(page.get_by_text("was resolved, with your note.")).to_be_visible()
    assert len(scene.board.calls) == 1
    assert scene.estate.advance(fenced).state == ending
