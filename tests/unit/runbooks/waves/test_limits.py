"""Limits of a runbook, approved with it: so many runs at once, and a minute, over all workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handrail.definitions.active import compiled_runbook
from handrail.runbooks.limits import starts
from handrail.runbooks.models import OperationRun, PausedRun
from handrail.runbooks.states import RunState
from handrail.runbooks.wavemodels import RunbookGate
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard, connected

LIMITED = RUNBOOK + "limits: {at_once: 1, a_minute: 2}\n"


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation(LIMITED).runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    for number in range(5):
        world.add(f"s{number}", owner=estate.tenant.key)
    with connected(world):
        yield world


def test_no_more_begin_in_a_minute_than_the_runbook_says(estate: Runs, board: SwitchBoard) -> None:
    runs = [estate.advance(estate.start(f"T-{number}", f"s{number}")) for number in range(3)]
    assert [run.state for run in runs] == [RunState.COMPLETED, RunState.COMPLETED, RunState.RECEIVED]
    note = PausedRun.objects.get(run=runs[2])
    assert (note.connector, note.cause) == ("runbook flip-switch", "runs-a-minute")
    assert len(board.calls) == 2


def test_run_under_way_keeps_others_from_beginning_and_its_end_lets_them(estate: Runs, board: SwitchBoard) -> None:
    first = rows.run(estate.tenant, estate.definition, state=RunState.INVOKING)
    second = estate.advance(estate.start("T-1", "s1"))
    assert (second.state, PausedRun.objects.get(run=second).cause) == (RunState.RECEIVED, "runs-at-once")
    OperationRun.objects.filter(pk=first.pk).update(state=RunState.EXCEPTION, finished_at=first.created_at, due_at=None)
    OperationRun.objects.filter(pk=second.pk).update(due_at=first.created_at)
    assert estate.advance(second).state == RunState.COMPLETED


def test_place_is_not_taken_by_a_run_that_does_not_begin(estate: Runs, board: SwitchBoard) -> None:
    """What was decided is written with the place, or neither is."""
    board.add("foreign", owner="ten_other")
    assert estate.advance(estate.start("T-0", "foreign")).state == RunState.EXCEPTION
    assert not RunbookGate.objects.exists()


def test_full_is_seen_again_where_the_place_is_taken(estate: Runs, board: SwitchBoard) -> None:
    """Two workers that both saw a free place: the second is turned away when it takes it."""

    limits = compiled_runbook(estate.definition).spec.limits
    assert limits is not None
    run = estate.start("T-0", "s0")
    starts.take(run, limits)
    starts.take(run, limits)
    with pytest.raises(starts.NoPlace) as refused:
        starts.take(run, limits)
    assert 59 < (refused.value.full.seconds or 0) <= 60
