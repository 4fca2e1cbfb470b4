"""Waves as those see them who are entitled to some tenants only."""

from __future__ import annotations

import pytest

from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.access.queries import actor_for
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied, Invalid, NotFound
from handrail.runbooks.actions import waves, wavestart
from handrail.runbooks.actions.wavestart import NewWave
from handrail.runbooks.models import OperationRun
from handrail.runbooks.queries import waves as queries
from handrail.runbooks.queries.runs import RunFilter, list_runs, list_under_way
from handrail.runbooks.wavemodels import Wave, WaveStop
from handrail.runbooks.waves.rules import StopRule
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard, connected

KEYS = ["ten_a", "ten_b", "ten_c"]


@pytest.fixture
def house(db: None) -> Installation:
    installation = Installation()
    for key in KEYS:
        Tenant.objects.create(workspace=installation.workspace, key=key, name=key, created_at=now())
    return installation


def started(house: Installation, keys: list[str]) -> str:
    person = actor_for(rows.member(house.workspace, Role.SENIOR_SUPPORT))
    wanted = NewWave("flip-switch", "drift", keys, {"switch_id": "{tenant}"}, "The drift.")
    return wavestart.start(wanted=wanted, by=person)


def test_members_of_other_tenants_are_not_counted_and_not_listed(house: Installation) -> None:
    ref, board = started(house, KEYS), SwitchBoard()
    board.add("ten_b", owner="somebody else")
    narrow = actor_for(rows.member(house.workspace, Role.SENIOR_SUPPORT, tenants=[Tenant.objects.get(key="ten_a")]))
    with connected(board):
        waves.settle(wave=ref, by=house.worker)
        OperationRun.objects.filter(tenant__key="ten_b").update(due_at=now(), wave_round=0)
        house.runs.advance(OperationRun.objects.get(tenant__key="ten_b"))
    detail = queries.get_wave(narrow, ref)
    assert (detail.summary.counts.total, detail.reasons, detail.first_exceptions) == (1, (), ())
    assert [run.tenant for run in list_runs(narrow, RunFilter(wave=ref))] == ["ten_a"]
    assert queries.list_waves(narrow)[0].counts.total == 1


def test_under_way_is_what_has_begun_and_not_ended_however_many_wait(house: Installation) -> None:
    ref = started(house, KEYS)
    person = actor_for(rows.member(house.workspace, Role.OPERATOR))
    assert list_under_way(person, ref) == []
    waves.settle(wave=ref, by=house.worker)
    assert [run.tenant for run in list_under_way(person, ref)] == ["ten_a"]
    narrow = actor_for(rows.member(house.workspace, Role.OPERATOR, tenants=[Tenant.objects.get(key="ten_b")]))
    assert list_under_way(narrow, ref) == []


def test_wave_without_a_member_in_scope_is_like_one_that_is_not_there(house: Installation) -> None:
    ref = started(house, ["ten_b"])
    narrow = actor_for(rows.member(house.workspace, Role.SENIOR_SUPPORT, tenants=[Tenant.objects.get(key="ten_a")]))
    assert queries.list_waves(narrow) == []
    with pytest.raises(NotFound):
        queries.get_wave(narrow, ref)
    with pytest.raises(NotFound):
        waves.pause(ref=ref, reason="Mine?", by=narrow)
    with pytest.raises(Invalid):
        list_runs(narrow, RunFilter(wave=ref))


def test_wave_of_all_tenants_is_steered_by_those_who_have_all(house: Installation) -> None:
    ref = started(house, KEYS)
    narrow = actor_for(rows.member(house.workspace, Role.SENIOR_SUPPORT, tenants=[Tenant.objects.get(key="ten_a")]))
    with pytest.raises(Denied):
        waves.abandon(ref=ref, reason="Mine.", by=narrow)
    assert queries.get_wave(narrow, ref).why_not_abandon is not None


def test_why_a_wave_stopped_counts_no_run_of_other_tenants(house: Installation) -> None:
    ref = started(house, KEYS)
    narrow = actor_for(rows.member(house.workspace, Role.SENIOR_SUPPORT, tenants=[Tenant.objects.get(key="ten_a")]))
    whole = {"counts": {"exceptions": 7}, "exceptions": [], "escalate_to": "on-call", "message": "7 of 8 runs"}
    for number, rule in enumerate(StopRule):
        WaveStop.objects.create(
            workspace=house.workspace, wave_id=Wave.objects.get(ref=ref).pk, number=number, at=now(), rule=rule, **whole
        )
    found = queries.get_wave(narrow, ref).packets
    assert len(found) == len(StopRule)
    assert not any("7" in one.message or one.counts or not one.message for one in found)


def test_stops_are_counted_for_the_evaluation(house: Installation) -> None:
    ref, board = started(house, KEYS), SwitchBoard()
    for key in KEYS:
        board.add(key, owner=key, fuse="sealed")
    with connected(board):
        waves.settle(wave=ref, by=house.worker)
        house.runs.advance(OperationRun.objects.get(wave_id=ref, wave_round=0))
    auditor = actor_for(rows.member(house.workspace, Role.AUDITOR))
    found = queries.stopped_in_time(auditor, since=house.workspace.created_at, until=now())
    assert (found.waves, found.stops, found.in_time, found.invoked, found.spared) == (1, 1, 1, 1, 2)
