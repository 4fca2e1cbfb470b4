"""What the outside world does between two calls of a run is seen before the next one is sent."""

from __future__ import annotations

from contextlib import suppress

import pytest

from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Failure, Reading
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict
from handrail.runbooks.actions import runs
from handrail.runbooks.models import Checkpoint
from handrail.runbooks.queries.runs import get_run
from tests.factories import rows
from tests.factories.changes import OFF, PANEL, SEALED, SECOND, TWO_STEPS, after_a_call, ending, senior, set_to, world
from tests.factories.switches import (
    BUSY,
    BoardConnector,
    SwitchBoard,
    Turn,
)

pytestmark = pytest.mark.django_db
LOST = Turn(effect=False, answer=Answer(status=None, failure=Failure.CONNECTION_LOST))


@pytest.mark.requirement("R2-04")
def test_what_changed_during_the_first_step_stops_the_second() -> None:
    with world(TWO_STEPS) as (estate, board, _):
        board.script = [after_a_call(Turn(), set_to(owner="somebody-else"))]
        run = estate.advance(estate.start())
        assert ending(run) == "owner-mismatch"
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_what_changed_during_a_wait_stops_the_retry() -> None:
    with world() as (estate, board, _):
        board.script = [after_a_call(BUSY, set_to(fuse="sealed"))]
        run = estate.advance(estate.start())
        assert ending(run) == SEALED
        assert board.effects == []
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_a_version_taken_out_of_use_is_not_called_again() -> None:
    with world() as (estate, board, _):

        def deprecate(_: SwitchBoard) -> None:
            at = now()
            Definition.objects.update(state="deprecated", deprecated_at=at, deprecated_by="gina@example.com")

        board.script = [after_a_call(BUSY, deprecate)]
        run = estate.advance(estate.start())
        assert run.state == "invoking"
        assert get_run(senior(estate), run.ref).summary.paused is not None
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_a_version_taken_out_of_use_while_the_sources_are_read_is_not_called() -> None:
    with world() as (estate, board, connectors):

        class ChangesAfterwards(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                found = super().read(operation, deadline_seconds=deadline_seconds)
                Definition.objects.update(state="deprecated", deprecated_at=now(), deprecated_by="gina@example.com")
                return found

        connectors["panel"] = ChangesAfterwards(board, name="panel")
        run = estate.advance(estate.start())
        assert run.state == "received"
        assert get_run(senior(estate), run.ref).summary.paused is not None
        assert board.calls == []


@pytest.mark.requirement("R2-04")
@pytest.mark.parametrize("turn", [BUSY, LOST, Turn()], ids=["retry", "same key again", "next step"])
def test_a_version_that_another_one_replaces_is_not_called_again(turn: Turn) -> None:
    with world(TWO_STEPS) as (estate, board, _):

        def replaced(_: SwitchBoard) -> None:
            Definition.objects.update(state="superseded")
            rows.definition(estate.workspace, text=TWO_STEPS.replace("version: 1", "version: 2"), version=2)

        board.script = [after_a_call(turn, replaced)]
        run = estate.advance(estate.start())
        assert ending(run) == "runbook-version-mismatch"
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_a_run_that_is_stopped_while_the_sources_are_read_is_not_called() -> None:
    with world() as (estate, board, connectors):
        run = estate.start()

        class StopsAfterwards(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                found = super().read(operation, deadline_seconds=deadline_seconds)
                with suppress(Conflict):  # it was stopped at its first reading
                    runs.stop(ref=run.ref, reason="The customer withdrew it.", by=senior(estate))
                return found

        connectors["panel"] = StopsAfterwards(board, name="panel")
        estate.advance(run)
        assert ending(estate.advance(run)) == "stopped-by-person"
        assert board.calls == []


@pytest.mark.requirement("R2-04")
def test_a_value_that_changes_and_changes_back_between_two_steps_is_compared_with_the_start() -> None:
    """As it was before the call and after it, it is something else than at the start: only the first look was right."""
    second = SECOND.replace("unchanged: [switch.owner]", "unchanged: [switch.marker]")
    markers = iter(["a", "b", "a", "b"])  # at the start, after the first step, before the second, after that

    class Flickers(BoardConnector):
        def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
            self.board.switches["s1"]["marker"] = next(markers, "b")
            return super().read(operation, deadline_seconds=deadline_seconds)

    with world(PANEL.replace("\ncompletion:", second)) as (estate, board, connectors):
        connectors["panel"] = Flickers(board, name="panel")
        assert ending(estate.advance(estate.start())) == "changed-switch-marker"
        assert len(board.calls) == 2


@pytest.mark.requirement("R2-04")
def test_a_connector_that_was_removed_stops_the_retry_that_nothing_could_verify() -> None:
    with world() as (estate, board, connectors):
        board.script = [after_a_call(BUSY, lambda _: connectors.pop("panel"))]
        run = estate.advance(estate.start())
        assert ending(run) == "connector-unusable"
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
@pytest.mark.parametrize("turn", [BUSY, LOST, Turn()], ids=["retry", "same key again", "next step"])
def test_a_connector_that_only_a_later_step_needs_is_looked_for_before_each_call(turn: Turn) -> None:
    fasten = SECOND.removesuffix("completion:")
    light = fasten.replace("name: fasten", "name: light").replace("connector: board", "connector: lamp")
    with world(PANEL.replace("\ncompletion:", f"{fasten.rstrip()}{light}completion:")) as (estate, board, connectors):
        connectors["lamp"] = BoardConnector(board, name="lamp")
        board.script = [after_a_call(turn, lambda _: connectors.pop("lamp"))]
        run = estate.advance(estate.start())
        assert ending(run) == "connector-unusable"
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_a_call_after_an_unknown_outcome_is_decided_again_too() -> None:
    with world() as (estate, board, _):
        board.script = [after_a_call(LOST, set_to(fuse="sealed"))]
        run = estate.advance(estate.start())
        assert ending(run) == SEALED
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_a_value_that_a_verified_step_was_to_change_is_not_decided_again() -> None:
    with world(TWO_STEPS.replace("steps:", OFF % "", 1)) as (estate, board, _):
        run = estate.advance(estate.start())
        assert ending(run) == "completed"
        assert len(board.calls) == 2


MIXED = '  - {condition: \'switch.state == "off" && switch.owner != "sold"\', reason: off-and-owned}\nsteps:'


@pytest.mark.requirement("R2-04")
@pytest.mark.parametrize(("owner", "end"), [("ten_one", "completed"), ("sold", "off-and-owned")])
def test_other_values_of_a_prerequisite_on_a_changed_value_are_decided_again(owner: str, end: str) -> None:
    first = TWO_STEPS.index("  - {condition: switch.owner == task.tenant_id")
    text = TWO_STEPS[:first] + TWO_STEPS[TWO_STEPS.index("  - {condition: switch.fuse != ") :]
    with world(text.replace("steps:", MIXED, 1)) as (estate, board, _):
        board.script = [after_a_call(Turn(), set_to(owner=owner))]
        run = estate.advance(estate.start())
        assert (ending(run), len(board.calls)) == (end, 2 if end == "completed" else 1)


@pytest.mark.requirement("R2-04")
def test_a_prerequisite_may_ask_to_be_decided_always() -> None:
    with world(TWO_STEPS.replace("steps:", OFF % ", decided: always", 1)) as (estate, board, _):
        run = estate.advance(estate.start())
        assert ending(run) == "on-already"
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_a_prerequisite_may_ask_to_be_decided_at_the_start_only() -> None:
    text = TWO_STEPS.replace("reason: owner-mismatch}", "reason: owner-mismatch, decided: start}")
    with world(text.replace("      unchanged: [switch.owner]\n", "")) as (estate, board, _):
        board.script = [after_a_call(Turn(), set_to(owner="somebody-else"))]
        run = estate.advance(estate.start())
        assert ending(run) == "completed"


@pytest.mark.requirement("R2-04")
def test_a_value_to_stay_the_same_is_compared_with_the_start() -> None:
    text = TWO_STEPS.replace("reason: owner-mismatch}", "reason: owner-mismatch, decided: start}")
    with world(text) as (estate, board, _):
        board.script = [after_a_call(Turn(), set_to(owner="somebody-else"))]
        run = estate.advance(estate.start())
        assert ending(run) == "changed-switch-owner"
        assert len(board.calls) == 1


@pytest.mark.requirement("R2-04")
def test_each_intent_says_what_was_decided_again() -> None:
    with world() as (estate, board, _):
        board.script = [BUSY]
        run = estate.advance(estate.start())
        first, second = Checkpoint.objects.filter(run=run, kind="intent").order_by("sequence")
        assert "decided_again" not in first.detail
        assert second.detail["decided_again"]["prerequisites"] == ["owner-mismatch", SEALED]
        assert [one["source"] for one in second.detail["decided_again"]["evidence"]] == ["switch"]
