"""A wave begins its canary, then round by round; it stops itself, gives back what was not begun, and takes it up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.queries import actor_for
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied
from handrail.runbooks.actions import runs, waves
from handrail.runbooks.models import OperationRun, Report
from handrail.runbooks.states import RunState, WaveState
from handrail.runbooks.wavemodels import Wave, WaveStop
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import FORBIDDEN, RUNBOOK, SwitchBoard, Turn, connected

WAVES = """
waves:
  by: task.event
  canary: 2
  width: 3
  a_minute: 1000
  stop: {same_reason: 2, share: 0.5, at_least: 4}
  stays_open: 1h
"""
BY_EVENT = RUNBOOK.replace("  budget?:", "  event?: {type: string}\n  budget?:") + WAVES


def alarm(board: SwitchBoard, switch: str) -> None:
    board.switches[switch]["marker"] = "alarm"


TOO_MUCH = Turn(also=alarm)


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation(BY_EVENT).runs


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    for number in range(20):
        world.add(f"s{number}", owner=estate.tenant.key)
    with connected(world):
        yield world


@pytest.fixture
def person(estate: Runs) -> Actor:
    return actor_for(rows.member(estate.workspace, Role.SENIOR_SUPPORT))


def send(estate: Runs, count: int, *, first: int = 0, event: str = "drift-1") -> Wave:
    for number in range(first, first + count):
        runs.start(task=estate.task(f"T-{number}", f"s{number}", event=event), by=estate.worker)
    return Wave.objects.order_by("-pk")[0]


def work(estate: Runs, wave: Wave, *, at_most: int = 1000) -> None:
    """Workers advance whatever is due, one after the other."""
    waves.settle(wave=wave.ref, by=estate.worker)
    for _ in range(at_most):
        due = OperationRun.objects.filter(finished_at=None, wave_round__isnull=False).order_by("due_at", "pk").first()
        if due is None:
            break
        estate.advance(due)
    wave.refresh_from_db()


def states(wave: Wave) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in OperationRun.objects.filter(wave=wave):
        word = "not-attempted" if run.not_attempted else str(run.state)
        found[word] = found.get(word, 0) + 1
    return found


def test_members_wait_until_their_wave_lets_them_begin(estate: Runs, board: SwitchBoard) -> None:
    wave = send(estate, 8)
    waves.settle(wave=wave.ref, by=estate.worker)
    begun = OperationRun.objects.filter(wave=wave, wave_round=0)
    assert begun.count() == 2
    assert not OperationRun.objects.filter(wave=wave, wave_round=None, due_at__lt=begun[0].due_at).exists()


def test_no_plan_of_the_database_lets_more_begin(estate: Runs, board: SwitchBoard) -> None:
    """A subquery that names the members to begin may be run once for each row that it is joined with."""
    wave = send(estate, 8)
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off"
        )
    waves.settle(wave=wave.ref, by=estate.worker)
    assert OperationRun.objects.filter(wave=wave, wave_round=0).count() == 2


def test_round_begins_once_the_one_before_has_ended(estate: Runs, board: SwitchBoard) -> None:
    wave = send(estate, 8)
    sizes = []
    waves.settle(wave=wave.ref, by=estate.worker)
    while under_way := list(OperationRun.objects.filter(wave=wave, finished_at=None, wave_round__isnull=False)):
        sizes.append(len(under_way))
        for run in under_way:
            estate.advance(run)
    assert sizes == [2, 3, 3]
    assert states(wave) == {"completed": 8}


def test_run_without_an_event_belongs_to_no_wave(estate: Runs, board: SwitchBoard) -> None:
    run = estate.advance(estate.start())
    assert (run.state, run.wave_id) == (RunState.COMPLETED, None)
    assert not Wave.objects.exists()


def test_broken_guard_stops_the_wave_and_gives_the_rest_back(estate: Runs, board: SwitchBoard) -> None:
    wave = send(estate, 12)
    board.script = [Turn(), Turn(), Turn(), TOO_MUCH]
    work(estate, wave)
    assert wave.state == WaveState.STOPPED
    assert len(board.calls) <= 2 + 3
    assert states(wave) == {"completed": 3, "exception": 1, "not-attempted": 8}
    stop = WaveStop.objects.get()
    assert (stop.rule, stop.reason, stop.escalate_to) == ("boundary", "alarm-raised", "senior-support")
    assert AuditEvent.objects.filter(event="wave.stopped", subject=wave.ref).count() == 1
    assert Report.objects.filter(run__not_attempted=True).count() == 8


def test_stopped_wave_takes_up_again_what_it_gave_back(estate: Runs, board: SwitchBoard, person: Actor) -> None:
    wave = send(estate, 9)
    board.script = [Turn(), TOO_MUCH]
    work(estate, wave)
    assert states(wave) == {"completed": 1, "exception": 1, "not-attempted": 7}
    waves.resume(ref=wave.ref, reason="Mended.", by=person)
    work(estate, wave)
    assert wave.state == WaveState.RUNNING
    assert states(wave) == {"completed": 8, "exception": 1, "not-attempted": 7}
    again = OperationRun.objects.filter(wave=wave, state=RunState.COMPLETED, requested_by=person.name)
    assert again.count() == 7
    assert again.filter(wave_round=wave.canary_round).count() == 2


def test_so_many_of_one_reason_stop_the_wave(estate: Runs, board: SwitchBoard) -> None:
    wave = send(estate, 12)
    board.script = [FORBIDDEN, FORBIDDEN]
    work(estate, wave)
    assert (wave.state, WaveStop.objects.get().rule) == (WaveState.STOPPED, "same-reason")
    assert states(wave) == {"exception": 2, "not-attempted": 10}


def test_too_large_a_share_of_what_ended_stops_the_wave(db: None) -> None:
    estate, board = Installation(BY_EVENT.replace("same_reason: 2", "same_reason: 50")).runs, SwitchBoard()
    for number in range(12):
        board.add(f"s{number}", owner=estate.tenant.key)
    board.script = [Turn(), FORBIDDEN, FORBIDDEN, FORBIDDEN]
    with connected(board):
        wave = send(estate, 12)
        work(estate, wave)
    stop = WaveStop.objects.get()
    assert (wave.state, stop.rule, stop.reason) == (WaveState.STOPPED, "share", "")
    assert states(wave)["exception"] == 3  # of four or five that ended: more than half, and four at least


def test_paused_wave_begins_nothing_and_goes_on_where_it_was(estate: Runs, board: SwitchBoard, person: Actor) -> None:
    wave = send(estate, 8)
    waves.settle(wave=wave.ref, by=estate.worker)
    waves.pause(ref=wave.ref, reason="Looking.", by=person)
    work(estate, wave)
    assert (wave.state, board.calls) == (WaveState.PAUSED, [])
    waves.resume(ref=wave.ref, reason="Fine.", by=person)
    work(estate, wave)
    assert states(wave) == {"completed": 8}


def test_abandoned_wave_gives_back_what_was_not_begun_and_ends(estate: Runs, board: SwitchBoard, person: Actor) -> None:
    wave = send(estate, 5)
    waves.abandon(ref=wave.ref, reason="Wrong event.", by=person)
    work(estate, wave)
    assert states(wave) == {"not-attempted": 5}
    with pytest.raises(Conflict) as refused:
        waves.resume(ref=wave.ref, reason="No.", by=person)
    assert refused.value.code == "wave-ended"


def test_operator_may_not_pause_a_wave(estate: Runs, board: SwitchBoard) -> None:
    wave = send(estate, 2)
    operator = actor_for(rows.member(estate.workspace, Role.OPERATOR))
    with pytest.raises(Denied):
        waves.pause(ref=wave.ref, reason="Because.", by=operator)


def test_repeated_task_of_a_stopped_wave_is_the_run_that_was_not_attempted(estate: Runs, board: SwitchBoard) -> None:
    wave = send(estate, 4)
    board.script = [FORBIDDEN, FORBIDDEN]
    work(estate, wave)
    given_back = OperationRun.objects.filter(not_attempted=True).get(task_key="T-3")
    started = runs.start(task=estate.task("T-3", "s3", event="drift-1"), by=estate.worker)
    assert (started.ref, started.created) == (given_back.ref, False)


def test_task_that_comes_after_the_stop_goes_back_too_and_is_taken_up(
    estate: Runs, board: SwitchBoard, person: Actor
) -> None:
    wave = send(estate, 6)
    board.script = [FORBIDDEN, FORBIDDEN]
    work(estate, wave)
    send(estate, 3, first=10)
    for _, pk in waves.unsettled():
        waves.settle(wave=pk, by=estate.worker)
    assert states(wave) == {"exception": 2, "not-attempted": 7}
    waves.resume(ref=wave.ref, reason="Mended.", by=person)
    work(estate, wave)
    assert states(wave) == {"exception": 2, "not-attempted": 7, "completed": 7}
