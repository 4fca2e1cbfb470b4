"""A wave in any order of what people, workers and the outside do: its states, and what must never happen."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from django.db import transaction
from django.db.models import Count
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from handrail.access.capabilities import Role
from handrail.access.queries import actor_for
from handrail.kernel.errors import Conflict
from handrail.runbooks.actions import runs, waves
from handrail.runbooks.models import OperationRun
from handrail.runbooks.queries import waves as queries
from handrail.runbooks.states import WAVE, WaveState
from handrail.runbooks.wavemodels import Wave, WaveStop
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.switches import DONE, FORBIDDEN, SwitchBoard, Turn, connected
from tests.lanes import rounds
from tests.unit.runbooks.waves.test_carrying import BY_EVENT, TOO_MUCH

CANARY, WIDTH = 2, 3
ACTS = {
    WaveState.PAUSED: waves.pause,
    WaveState.RUNNING: waves.resume,
    WaveState.ABANDONED: waves.abandon,
}


class AnyWave(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        self.estate = Installation.named("Wave", BY_EVENT).runs
        self.board = self.stack.enter_context(connected(SwitchBoard()))
        self.person = actor_for(rows.member(self.estate.workspace, Role.SENIOR_SUPPORT))
        self.sent = 0
        self.before = WaveState.RUNNING
        self.send(1)
        self.wave = Wave.objects.get(workspace=self.estate.workspace)

    def teardown(self) -> None:
        self.stack.close()

    def members(self, **how: object) -> list[OperationRun]:
        return list(OperationRun.objects.filter(workspace=self.estate.workspace, **how).order_by("pk"))

    @rule(count=st.integers(1, 4))
    def send(self, count: int) -> None:
        for _ in range(count):
            if self.sent and Wave.objects.get(pk=self.wave.pk).finished_at is not None:
                return  # another wave would begin
            self.board.add(f"s{self.sent}", owner=self.estate.tenant.key)
            task = self.estate.task(f"T-{self.sent}", f"s{self.sent}", event="drift")
            runs.start(task=task, by=self.estate.worker)
            self.sent += 1

    @rule()
    def settle(self) -> None:
        waves.settle(wave=self.wave.ref, by=self.estate.worker)

    @rule(turn=st.sampled_from([DONE, DONE, DONE, FORBIDDEN, TOO_MUCH]))
    def advance(self, turn: Turn) -> None:
        """A worker takes any member, also one that waits."""
        if unended := self.members(finished_at=None):
            self.board.script = [turn]
            self.estate.advance(unended[0])
            self.board.script = []

    @rule(after=st.sampled_from(sorted(ACTS)))
    def steer(self, after: WaveState) -> None:
        state = WaveState(Wave.objects.get(pk=self.wave.pk).state)
        try:
            ACTS[after](ref=self.wave.ref, reason="Because.", by=self.person)
        except Conflict:
            assert not WAVE.allows(state, after)
        else:
            assert WAVE.allows(state, after)

    @rule()
    def repeat(self) -> None:
        """The task system delivers a task again."""
        task = self.estate.task("T-0", "s0", event="drift")
        assert not runs.start(task=task, by=self.estate.worker).created

    @invariant()
    def no_task_is_lost_or_done_twice(self) -> None:
        assert len(self.board.effects) == len({key.split(":")[0] for key in self.board.effects})
        assert {run.task_key for run in self.members()} == {f"T-{number}" for number in range(self.sent)}
        live = OperationRun.objects.filter(workspace=self.estate.workspace, not_attempted=None)
        assert not live.values("task_key").annotate(n=Count("pk")).filter(n__gt=1).exists()

    @invariant()
    def never_more_begin_than_canary_or_width(self) -> None:
        assert len(self.members(finished_at=None, wave_round__isnull=False)) <= max(CANARY, WIDTH)
        sizes = OperationRun.objects.filter(wave=self.wave, wave_round__isnull=False).values("wave_round")
        assert all(one["n"] <= WIDTH for one in sizes.annotate(n=Count("pk")))

    @invariant()
    def what_waits_has_called_nothing(self) -> None:
        waiting = [run.ref for run in self.members(wave_round=None)]
        assert not [key for key in self.board.calls if key.split(":")[0] in waiting]

    @invariant()
    def counts_are_those_of_its_tasks(self) -> None:
        found = queries.get_wave(self.person, self.wave.ref)
        assert found.summary.counts.total == self.sent
        assert len(found.packets) == WaveStop.objects.filter(wave=self.wave).count() == found.summary.stops


@pytest.mark.django_db
@pytest.mark.requirement("R2-07")
def test_wave_keeps_its_promises_in_any_order() -> None:
    quiet = settings(
        max_examples=rounds(4, 200),
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    run_state_machine_as_test(AnyWave, settings=quiet)
