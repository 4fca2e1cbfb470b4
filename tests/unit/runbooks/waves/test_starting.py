"""A person starts a wave from a list of tenants and a template: all of its runs are written, or none."""

from __future__ import annotations

from typing import Any

import pytest

from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.access.queries import actor_for
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid
from handrail.runbooks.actions import waves, wavestart
from handrail.runbooks.actions.wavestart import NewWave
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import WaveState
from handrail.runbooks.wavemodels import Wave
from handrail.runbooks.waves.rules import StricterRules
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard, connected

TENANTS = [f"ten_{number}" for number in range(5)]


@pytest.fixture
def estate(db: None) -> Runs:
    installation = Installation(RUNBOOK + "waves: {canary: 2, width: 4}\n")
    for key in TENANTS:
        Tenant.objects.create(workspace=installation.workspace, key=key, name=key.title(), created_at=now())
    return installation.runs


@pytest.fixture
def person(estate: Runs) -> Actor:
    return actor_for(rows.member(estate.workspace, Role.SENIOR_SUPPORT))


def wanted(**changes: Any) -> NewWave:
    usual = {"tenants": TENANTS, "template": {"switch_id": "sw-{tenant}"}}
    return NewWave(**{"runbook": "flip-switch", "event": "drift", "reason": "The drift.", **usual, **changes})


def test_wave_of_a_list_is_carried_to_its_end(estate: Runs, person: Actor) -> None:
    board = SwitchBoard()
    for key in TENANTS:
        board.add(f"sw-{key}", owner=key)
    ref = wavestart.start(wanted=wanted(), by=person)
    sizes = []
    with connected(board):
        waves.settle(wave=ref, by=estate.worker)
        while begun := list(OperationRun.objects.filter(finished_at=None, wave_round__isnull=False)):
            sizes.append(len(begun))
            for run in begun:
                estate.advance(run)
    wave = Wave.objects.get(ref=ref)
    assert (sizes, wave.state) == ([2, 3], WaveState.COMPLETED)
    assert {run.task_key for run in wave.members.all()} == {f"{ref}-{key}" for key in TENANTS}


def test_tenant_outside_the_scope_is_refused_like_one_that_nobody_has(estate: Runs) -> None:
    known = list(Tenant.objects.filter(key__in=TENANTS[:4]))
    narrow = actor_for(rows.member(estate.workspace, Role.SENIOR_SUPPORT, tenants=known))
    with pytest.raises(Invalid) as refused:
        wavestart.start(wanted=wanted(tenants=[*TENANTS, "ten_none"]), by=narrow)
    why = "there is no tenant of this key in your scope"
    assert [str(fault.message) for fault in refused.value.faults] == [f"ten_4: {why}", f"ten_none: {why}"]
    assert not Wave.objects.exists()
    assert not OperationRun.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"tenants": []},
        {"tenants": [TENANTS[0], TENANTS[0]]},
        {"tenants": [TENANTS[0], "ten\0"]},
        {"tenants": [TENANTS[0], "\ud800"]},
        {"runbook": "flip\0"},
        {"template": {}},
        {"template": {"switch_id": "s", "tenant_id": "ten_1"}},
        {"template": {"switch_id": "s", "nothing_of_it": 1}},
        {"event": " "},
        {"reason": ""},
        {"key": "x" * 200},
        {"rules": StricterRules(width=5)},
        {"rules": StricterRules(canary=0)},
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(estate: Runs, person: Actor, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        wavestart.start(wanted=wanted(**changes), by=person)
    assert not Wave.objects.exists()


def test_task_that_another_wave_has_is_refused_whole(estate: Runs, person: Actor) -> None:
    wavestart.start(wanted=wanted(tenants=TENANTS[:1], key="CHG-1-{tenant}"), by=person)
    with pytest.raises(Conflict) as refused:
        wavestart.start(wanted=wanted(key="CHG-1-{tenant}"), by=person)
    assert refused.value.code == "task-taken"
    assert (Wave.objects.count(), OperationRun.objects.count()) == (1, 1)


def test_stricter_rules_are_kept(estate: Runs, person: Actor) -> None:
    ref = wavestart.start(wanted=wanted(rules=StricterRules(canary=1, width=2)), by=person)
    kept = Wave.objects.get(ref=ref).rules
    assert (kept["canary"], kept["width"]) == (1, 2)


def test_operator_may_not_start_a_wave(estate: Runs) -> None:
    with pytest.raises(Denied):
        wavestart.start(wanted=wanted(), by=actor_for(rows.member(estate.workspace, Role.OPERATOR)))


def test_who_started_a_wave_of_their_tenants_may_pause_it(estate: Runs) -> None:
    known = list(Tenant.objects.filter(key__in=TENANTS))
    narrow = actor_for(rows.member(estate.workspace, Role.SENIOR_SUPPORT, tenants=known))
    ref = wavestart.start(wanted=wanted(), by=narrow)
    waves.pause(ref=ref, reason="Look.", by=narrow)
    other = actor_for(rows.member(estate.workspace, Role.SENIOR_SUPPORT, tenants=known))
    with pytest.raises(Denied):
        waves.resume(ref=ref, reason="Mine too.", by=other)
