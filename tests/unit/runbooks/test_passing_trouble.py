"""Nothing is called where nothing needs doing, and trouble before a call that passes is waited out."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from handrail.access.capabilities import Role, bundled
from handrail.connectors.outcome import ReadFailed
from handrail.kernel.clock import now
from handrail.runbooks import timing
from handrail.runbooks.actions import brakes, previews
from handrail.runbooks.models import Checkpoint
from handrail.runbooks.outgoing import outcome_of
from handrail.runbooks.queries.runs import get_run
from handrail.runbooks.states import BrakeKind
from handrail.runbooks.timing import Timing
from tests.factories.changes import PANEL, SEALED, TWO_STEPS, after_a_call, ending, kinds, senior, world
from tests.factories.people import as_person
from tests.factories.switches import (
    BUSY,
    DONE,
    SILENT_NOT_DONE,
    SwitchBoard,
    Turn,
)

pytestmark = pytest.mark.django_db


ALREADY = PANEL.replace("steps:", "already_as_required: {condition: switch.state == 'on'}\nsteps:", 1)


def test_a_run_with_nothing_to_do_completes_without_a_call() -> None:
    with world(ALREADY) as (estate, board, _):
        board.switches["s1"]["state"] = "on"
        run = estate.advance(estate.start())
        assert (run.state, board.calls) == ("completed", [])
        assert kinds(run) == ["received", "claimed", "checked", "completed"]
        last = Checkpoint.objects.filter(run=run).order_by("-sequence")[0]
        assert last.detail["already_as_required"] is True
        assert run.completion.fields == {"task.switch_id": "s1", "switch.state": "on"}
        assert get_run(senior(estate), run.ref).summary.already_as_required
        assert outcome_of(run)["completion"]["already_as_required"] is True


def test_a_run_with_something_to_do_does_it() -> None:
    with world(ALREADY) as (estate, board, _):
        run = estate.advance(estate.start())
        assert (run.state, len(board.calls)) == ("completed", 1)
        assert not get_run(senior(estate), run.ref).summary.already_as_required


def test_prerequisites_come_first() -> None:
    with world(ALREADY) as (estate, board, _):
        board.switches["s1"] |= {"state": "on", "fuse": "sealed"}
        assert ending(estate.advance(estate.start())) == SEALED


QUICK = Timing(read_pause_seconds=0.0, read_interval_seconds=0.01)
DOWN = ReadFailed("panel: status 503", status=503, retryable=True)


def test_reads_before_a_call_are_waited_for() -> None:
    with world() as (estate, board, _), timing.use(QUICK):
        board.read_failures = [DOWN] * 7
        run = estate.advance(estate.start())
        assert (run.state, len(board.calls)) == ("completed", 1)


def test_a_person_is_asked_once_the_budget_is_over() -> None:
    text = PANEL.replace("\nreads:", "\nread_budget: 0s\nreads:")
    with world(text) as (estate, board, _), timing.use(QUICK):
        board.read_failures = [DOWN] * 7
        assert ending(estate.advance(estate.start())) == "source-unreadable-switch"


def test_what_will_not_pass_is_not_waited_for() -> None:
    with world() as (estate, board, _), timing.use(QUICK):
        board.read_failures = [ReadFailed("panel: status 400", status=400, retryable=False)]
        assert ending(estate.advance(estate.start())) == "source-unreadable-switch"


def test_reads_before_a_retry_are_waited_for() -> None:
    with world() as (estate, board, _), timing.use(QUICK):
        board.script = [after_a_call(BUSY, lambda board: board.read_failures.extend([DOWN] * 4))]
        run = estate.advance(estate.start())
        assert (run.state, len(board.calls)) == ("completed", 2)


def test_a_pause_that_a_source_asks_for_is_kept() -> None:
    with world() as (estate, board, _), timing.use(QUICK):
        busy = ReadFailed("panel: status 429", status=429, retryable=True, retry_after_seconds=60)
        board.read_failures = [busy] * 6
        started = estate.start()
        run = estate.advance(started)
        assert run.due_at is not None
        assert 50 < (run.due_at - now()).total_seconds() <= 61


@pytest.mark.parametrize("missing", [{"status": 404}, {}])
def test_what_a_verification_does_not_find_yet_is_looked_for_again(missing: dict[str, int]) -> None:
    with world() as (estate, board, _), timing.use(QUICK):
        gone = ReadFailed("panel: status 404", status=404, retryable=False)

        def hide(board: SwitchBoard) -> None:
            if missing:
                board.read_failures.append(gone)

        board.script = [after_a_call(Turn(), hide)]
        assert estate.advance(estate.start()).state == "completed"


def ends_after_a_pause(text: str, turn: Turn, waits: Timing) -> str:
    """How a run ends that is paused behind ``turn`` for longer than ``waits`` allows, and then meets failing reads."""
    with world(text) as (estate, board, _), timing.use(waits):
        lead, held = as_person(estate.worker), []

        def pause(_: SwitchBoard) -> None:
            held.append(brakes.pause(kind=BrakeKind.CONNECTOR, target="board", reason="It is mended.", by=lead))

        board.script = [after_a_call(turn, pause)]
        run = estate.advance(estate.start())
        assert get_run(senior(estate), run.ref).summary.paused is not None
        time.sleep(1.2)
        brakes.resume(ref=held[0], reason="It works.", by=lead)
        board.read_failures = [DOWN] * 7
        while run.state not in ("completed", "exception"):
            estate.advance(run)
        return run.state


@pytest.mark.parametrize("turn", [DONE, BUSY])
def test_reads_that_fail_right_after_a_pause_are_waited_for(turn: Turn) -> None:
    assert ends_after_a_pause(TWO_STEPS, turn, replace(QUICK, read_budget_seconds=1.0)) == "completed"


def test_an_unknown_outcome_that_can_not_be_looked_for_right_after_a_pause_is_looked_for_again() -> None:
    waits = replace(QUICK, reconcile_window_seconds=1.0, reconcile_interval_seconds=0.01)
    assert ends_after_a_pause(PANEL, SILENT_NOT_DONE, waits) == "completed"


def test_an_effect_that_is_not_there_after_a_lost_answer_is_made_with_the_same_key() -> None:
    missing = ReadFailed("panel: status 404", status=404, retryable=False)
    with world() as (estate, board, _):
        lost = after_a_call(SILENT_NOT_DONE, lambda board: board.read_failures.append(missing))
        board.script = [lost]
        run = estate.advance(estate.start())
        assert (run.state, len(board.calls), len(set(board.calls))) == ("completed", 2, 1)


ALONE = replace(QUICK, in_process_wait_seconds=0.0)
# What was going on when the workers went, and for how long asking goes on there.
LEFT = {
    "before the call": (PANEL, None, replace(ALONE, read_budget_seconds=0.5)),
    "before a retry": (PANEL, BUSY, replace(ALONE, read_budget_seconds=0.5)),
    "behind an unknown outcome": (
        PANEL,
        SILENT_NOT_DONE,
        replace(ALONE, reconcile_window_seconds=0.5, reconcile_interval_seconds=0.01),
    ),
    "while verifying": (PANEL.replace("within: 200ms", "within: 500ms"), DONE, ALONE),
}


@pytest.mark.parametrize("where", LEFT)
def test_time_in_which_no_worker_was_there_does_not_count_as_asking(where: str) -> None:
    """All workers are away for longer than reads that fail are repeated, and then the first ones fail again."""
    text, turn, waits = LEFT[where]
    with world(text) as (estate, board, _), timing.use(waits):
        if turn is None:
            board.read_failures = [DOWN] * 6
        else:
            board.script = [after_a_call(turn, lambda board: board.read_failures.extend([DOWN] * 3))]
        run = estate.advance(estate.start())
        while run.checkpoints.count() < (2 if turn is None else 5) and run.finished_at is None:
            estate.advance(run)  # the pause before a retry
        assert run.finished_at is None
        time.sleep(1.0)
        board.read_failures = [DOWN] * 3
        while run.finished_at is None:
            estate.advance(run)
        assert run.state == "completed"


def test_budget_ends_however_often_workers_come_and_go() -> None:
    with world() as (estate, board, _), timing.use(replace(ALONE, read_budget_seconds=0.2)):
        run = estate.start()
        while run.finished_at is None:
            board.read_failures = [DOWN] * 9
            estate.advance(run)
        assert ending(run) == "source-unreadable-switch"


@pytest.mark.parametrize(("state", "already"), [("on", True), ("off", False)])
def test_a_preview_says_that_nothing_needs_doing(state: str, already: bool) -> None:
    with world(ALREADY) as (estate, board, _):
        board.switches["s1"]["state"] = state
        operator = as_person(estate.worker, capabilities=bundled([Role.OPERATOR]))
        seen = previews.preview(task=estate.task(), by=operator)
        assert (seen.already_as_required, seen.would_invoke is None) == (already, already)


def test_a_preview_whose_condition_fails_says_that_a_run_would_stop() -> None:
    text = PANEL.replace("steps:", "already_as_required: {condition: switch.marker.size() > 1}\nsteps:", 1)
    with world(text) as (estate, _, __):
        operator = as_person(estate.worker, capabilities=bundled([Role.OPERATOR]))
        seen = previews.preview(task=estate.task(), by=operator)
        assert (seen.already_as_required, seen.would_invoke) == (False, None)
        assert ending(estate.advance(estate.start())) == "condition-error"
