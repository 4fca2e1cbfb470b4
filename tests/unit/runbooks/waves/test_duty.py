"""The duty that looks after waves, which a killed worker or a person leaves something to do for."""

from __future__ import annotations

import pytest
from django.db import connection

from handrail.runbooks.actions import runs, waves
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RunState, WaveState
from handrail.runbooks.wavemodels import Wave
from handrail.worker import recurring
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard, connected
from tests.unit.runbooks.waves.test_carrying import BY_EVENT


def with_wave(name: str, tasks: int = 3) -> tuple[Runs, Wave]:
    estate = Installation.named(name, BY_EVENT).runs
    for number in range(tasks):
        runs.start(task=estate.task(f"T-{number}", f"s{number}", event=name), by=estate.worker)
    return estate, Wave.objects.get(workspace=estate.workspace)


def begun(wave: Wave) -> int:
    return OperationRun.objects.filter(wave=wave, wave_round__isnull=False).count()


def spoil(wave: Wave) -> None:
    """Takes the rules of the wave away."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE runbooks_wave DISABLE TRIGGER handrail_frozen")
        cursor.execute("UPDATE runbooks_wave SET rules = '{}' WHERE id = %s", [wave.pk])
        cursor.execute("ALTER TABLE runbooks_wave ENABLE ALWAYS TRIGGER handrail_frozen")


@pytest.mark.django_db
def test_waves_of_every_workspace_are_looked_after() -> None:
    (_, one), (_, other) = with_wave("North"), with_wave("South")
    recurring.settle_waves()
    assert (begun(one), begun(other)) == (2, 2)


@pytest.mark.django_db
def test_wave_that_can_not_be_settled_keeps_no_other_from_it() -> None:
    (_, broken), (_, other) = with_wave("North"), with_wave("South")
    spoil(broken)
    with pytest.raises(TypeError):
        recurring.settle_waves()
    assert begun(other) == 2


@pytest.mark.django_db
def test_member_of_a_wave_that_can_not_be_settled_ends_like_any_run() -> None:
    estate, wave = with_wave("North", 1)
    recurring.settle_waves()
    spoil(wave)
    board = SwitchBoard()
    board.add("s0", owner=estate.tenant.key)
    with connected(board):
        assert estate.advance(OperationRun.objects.get(wave=wave)).state == RunState.COMPLETED


@pytest.mark.django_db
def test_place_of_a_member_that_a_person_cancels_goes_to_the_next() -> None:
    estate, wave = with_wave("North")
    recurring.settle_waves()
    for run in OperationRun.objects.filter(wave=wave, wave_round=0):
        runs.cancel(ref=run.ref, by=as_person(estate.worker))
    recurring.settle_waves()
    assert OperationRun.objects.get(wave=wave, finished_at=None).wave_round == 1


@pytest.mark.django_db
def test_abandoned_wave_is_left_alone_once_all_went_back() -> None:
    estate, wave = with_wave("North")
    waves.abandon(ref=wave.ref, reason="No.", by=as_person(estate.worker))
    recurring.settle_waves()
    assert not OperationRun.objects.filter(wave=wave).exclude(state=RunState.CANCELLED, not_attempted=True).exists()
    recurring.settle_waves()
    wave.refresh_from_db()
    assert (wave.state, wave.unsettled, waves.unsettled()) == (WaveState.ABANDONED, False, [])
