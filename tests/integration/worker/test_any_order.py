"""Whatever workers, people, clocks, connections and the outside world do, in any order: nothing is done that should not
be, nothing twice, everything is told as it was, and everything ends.

Three workers stand between any two of their statements, reads and calls, while anything else happens.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from handrail.access import queries as access
from handrail.audit.actions import seal_all
from handrail.audit.models import AuditEvent
from handrail.audit.verification import verify
from handrail.connectors.outcome import Answer
from handrail.definitions import actions as definitions
from handrail.runbooks.actions import exceptions, runs
from handrail.runbooks.models import ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import RUN, BrakeKind
from handrail.work import wake
from tests.factories.moved_time import moved_time
from tests.factories.restless import LOST, end_jobs
from tests.factories.stepped import DIE, DROP, SteppedWorker
from tests.integration.worker.any_order import EVENTS, RunsInAnyOrder
from tests.lanes import NIGHTLY, crossed, rounds

# By default the same few orders each time, so that what they reach can be told; with a number, other orders each time.
WANTED = os.environ.get("HANDRAIL_RUN_EXAMPLES")
EXAMPLES = int(WANTED or rounds(6, 400))
# A paused run looks again by itself after ten minutes; nothing waits for longer.
LONGEST_WAIT = timedelta(seconds=660)
# So often at most time goes by until everything has ended, once nothing is in the way any more.
ROUNDS = 60
# What many orders come to: where one is missing, a rule does nothing any more. What comes seldom is met by the sweeps.
REACHED = {
    *("brake: everything", "brake: intake", "brake: tenant", "brake: runbook", "brake: connector"),
    *("brake lifted, runs go on", "shown: paused", "shown: fenced", "order: stop"),
    *("deprecated", "brought back", "superseded", "taken", "resolved: go-on", "resolved: refuse"),
    *("refused with a resolution", "triggered again", "report claimed", "write refused", "same call again"),
    *("drop before a statement", "drop after a statement", "die after a statement"),
    *("jobs end: done", "jobs end: failed", "row: unknown", "row: reconciled"),
    *("changed outside: yes", "changed outside: no", "changed outside: unknown"),
    *(f"result: {kind}" for kind in ("succeeded", "pending", "retryable", "terminal", "ambiguous", "unknown")),
}
KILLED = {f"{DIE} {when} a {what}" for when in ("before", "after") for what in ("statement", "read", "call")}
# A run of two steps that nothing delays has so many between its statements, reads and calls.
POINTS = range(1, 49)
LEDGERS = """
SELECT run_id, sequence, c::text FROM runbooks_checkpoint c WHERE workspace_id = %s ORDER BY run_id, sequence"""
LEFT_BEHIND = """
SELECT r.id, r.state, r.due_at,
       (SELECT count(*) FROM runbooks_completionrecord WHERE run_id = r.id),
       (SELECT count(*) FROM runbooks_exceptionpacket WHERE run_id = r.id),
       (SELECT count(*) FROM runbooks_retryledgerentry WHERE run_id = r.id),
       (SELECT count(*) FROM runbooks_report WHERE run_id = r.id)
FROM runbooks_operationrun r WHERE r.workspace_id = %s"""


class WatchedRuns(RunsInAnyOrder):
    @invariant()
    def nothing_happened_that_must_not(self) -> None:
        self.judge.check_effects()
        assert self.world.violations == []

    @invariant()
    def ledgers_only_grow_and_have_no_gaps(self) -> None:
        found: dict[int, list[str]] = {pk: [] for pk in self.judge.runs}
        for run, sequence, row in self.time.admin.execute(LEDGERS, [self.workspace.pk]):
            found[run].append(row)
            assert sequence == len(found[run])
        for pk, ledger in found.items():
            known = self.ledger.get(pk, [])
            assert ledger[: len(known)] == known
            self.ledger[pk] = ledger

    @invariant()
    def what_ended_is_told_once_and_what_lives_is_due(self) -> None:
        latest = self.time.now() + LONGEST_WAIT
        for pk, state, due_at, *left in self.time.admin.execute(LEFT_BEHIND, [self.workspace.pk]):
            if state not in RUN.terminal:
                assert due_at < latest
                assert (self.judge.ended.get(pk), left) == (None, [0, 0, 0, 0])
            else:
                assert self.judge.ended[pk] == state
                wanted = {"completed": [1, 0, 1, 1], "exception": [0, 1, 1, 1], "cancelled": [0, 0, 0, 1]}
                assert left == wanted[state]

    @invariant()
    def only_ends_are_reported(self) -> None:
        refs = {one.ref: pk for pk, one in self.judge.runs.items()}
        for call in self.queue.told:
            assert isinstance(call.json_body, dict)
            assert call.json_body["state"] == self.judge.ended[refs[str(call.json_body["run"])]]

    def teardown(self) -> None:
        try:
            if not self.world.violations and all(worker.error is None for worker in self.crew):
                self._let_everything_end()
        finally:
            for worker in self.crew:
                if worker.at:
                    worker.go_on("die")
            self.stack.close()

    def _let_everything_end(self) -> None:
        self.calm()
        self.queue.answer = Answer(status=200)
        for _ in range(ROUNDS):
            for pk in sorted(self.judge.unresolved):
                self._resolve(pk, exceptions.GO_ON)
            end_jobs(self.world, "done")
            self.carry_on(25.0)
            if self._is_quiet():
                break
        self.nothing_happened_that_must_not()
        self.ledgers_only_grow_and_have_no_gaps()
        self.what_ended_is_told_once_and_what_lives_is_due()
        assert self._is_quiet()
        self._count_what_is_in_ledgers()

    def _is_quiet(self) -> bool:
        live = OperationRun.objects.filter(workspace=self.workspace, finished_at=None).exists()
        waiting = Report.objects.filter(workspace=self.workspace, due_at__isnull=False).exists()
        return not live and not waiting and not any(worker.at for worker in self.crew)

    def _count_what_is_in_ledgers(self) -> None:
        invoked = Counter(
            AuditEvent.objects.filter(workspace_id=self.workspace.pk, event="run.invoked").values_list(
                "subject", flat=True
            )
        )
        intents = {
            one.ref: len(self.judge.intents[pk]) for pk, one in self.judge.runs.items() if self.judge.intents[pk]
        }
        assert invoked == intents
        reasons = ExceptionPacket.objects.filter(workspace=self.workspace).values_list("reason", flat=True)
        self.reached.update(f"reason: {reason}" for reason in reasons)


@contextmanager
def crew(url: str) -> Iterator[Counter[str]]:
    """Three workers on the database of ``url``, and time that only the test moves; what they reach is counted."""
    with ExitStack() as stack:
        stack.enter_context(wake.in_process.use(lambda _: True))
        stack.enter_context(definitions.active_again.use(runs.go_on_with))
        WatchedRuns.time = stack.enter_context(moved_time(url))
        WatchedRuns.crew = [SteppedWorker(f"worker-{number}", 900 + number) for number in range(3)]
        for worker in WatchedRuns.crew:
            stack.callback(worker.leave)
        WatchedRuns.reached.clear()
        yield WatchedRuns.reached


# What people order of the first run; and where it matters most: behind its load, before its intent is written.
ORDERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("stop", {"number": 0, "luck": 0}),
    ("deprecate", {"name": "careful", "luck": 0}),
    ("supersede", {"name": "careful", "luck": 0}),
    ("pull_brake", {"what": (BrakeKind.EVERYTHING, "")}),
    ("pull_brake", {"what": (BrakeKind.CONNECTOR, "board")}),
)
BEFORE_INTENT = range(4, 11)


def _sweep() -> list[tuple[int, int, tuple[str, dict[str, Any]]]]:
    """A run's number, a point of its worker's way, and something that happens there: at night each with each."""
    orders = [(0, point, event) for event, point in crossed(ORDERS, BEFORE_INTENT)]
    every = [(number, point, event) for number, (event, point) in enumerate(crossed(EVENTS, POINTS))]
    return [*orders, *(every if NIGHTLY else every[::9])]


@pytest.mark.requirement("R2-04", "R2-06", "R2-07")
def test_anything_at_any_point_of_a_run(committed_db: str) -> None:
    with crew(committed_db):
        for number, point, (name, values) in _sweep():
            with played(number) as machine:
                machine.meanwhile(points=point, events=[(name, values)])
                machine.meanwhile(points=0, events=[("wait", {"seconds": 3.0})])


@pytest.mark.requirement("R2-06", "R2-07")
@pytest.mark.parametrize("seconds", [8.0, 25.0, 65.0])
def test_another_worker_at_any_point_of_a_run(committed_db: str, seconds: float) -> None:
    """One stands until its intent's time is over, or its lease; another goes on some way, or to the end; then both."""
    with crew(committed_db) as reached:
        for number, point in enumerate(POINTS if NIGHTLY else POINTS[int(seconds) % 4 :: 7]):
            with played(number) as machine:
                machine.world.script += [("lost, done", "busy", "done")[number % 3]]
                machine.overtake(points=point, seconds=seconds, others=(400, 3, 5, 15)[number % 4])
        assert reached["ended: completed"]
        assert reached["row: unknown"] or not NIGHTLY


@pytest.mark.requirement("R2-07")
def test_another_run_of_the_subject_that_stops_at_any_point_of_a_run(committed_db: str) -> None:
    """Two stand before they have claimed the subject, or behind; a third takes it up, acts, and stops unresolved. Its
    end wakes one of them, so of the other only the subject's turn can tell."""
    with crew(committed_db) as reached:
        for point in POINTS if NIGHTLY else POINTS[1:14:2]:
            with played(0, numbers=[0, 6, 7]) as machine:
                machine.world.script += ["forbidden"]
                machine.work(0, point)
                machine.work(2, point)
                machine.work(1, 400)
                machine.finish(machine.crew[0])
                machine.finish(machine.crew[2])
        assert reached["write refused"]


@pytest.mark.requirement("R2-06", "R2-20")
@pytest.mark.parametrize("how", [DROP, DIE])
def test_no_connection_or_no_worker_from_any_point_on(committed_db: str, how: str) -> None:
    with crew(committed_db) as reached:
        for number, point in enumerate(POINTS if NIGHTLY else POINTS[::9]):
            with played(number) as machine:
                machine.falter(number=0, points=point, how=how)
        assert any(key.startswith(how) for key in reached)
        assert how == DROP or not NIGHTLY or set(reached) >= KILLED


@pytest.mark.requirement("R2-07", "R2-15")
def test_call_whose_outcome_is_unknown_is_made_again_only_where_its_target_deduplicates(committed_db: str) -> None:
    """Each call of each runbook by turns: its answer is lost, or its worker; and it took effect, or did not, or does so
    later."""
    with crew(committed_db) as reached:
        for task, done, answer in itertools.product((0, 1, 8), (0, 1), (*sorted(LOST), DIE)):
            with played(1, numbers=[task]) as machine:
                machine.world.script += [*["done"] * done, *([answer] if answer in LOST else [])]
                if answer == DIE:
                    machine.die_behind_call(done + 1)
                machine.carry_on(0.0)
                machine.carry_on(25.0)
        assert reached["intent behind an unknown outcome: flip"]
        assert reached["intent behind an unknown outcome: light"]


@contextmanager
def played(number: int, numbers: Sequence[int] = ()) -> Iterator[WatchedRuns]:
    """A machine with two runs of one subject, of each runbook by turns, or with the tasks ``numbers``; behind the block
    it is looked through, and everything ends."""
    machine = WatchedRuns()
    try:
        machine.world.prompt = number % 3 > 0
        machine.begin(numbers=list(numbers) or [(0, 1, 8)[number // 3 % 3], 6 + number % 2, 2], answers=[])
        yield machine
        for check in (
            machine.nothing_happened_that_must_not,
            machine.ledgers_only_grow_and_have_no_gaps,
            machine.what_ended_is_told_once_and_what_lives_is_due,
            machine.only_ends_are_reported,
        ):
            check()
    finally:
        machine.teardown()


@pytest.mark.requirement("R2-04", "R2-06", "R2-07", "R2-20")
def test_any_order_of_anything(committed_db: str) -> None:
    quiet = settings(
        max_examples=EXAMPLES,
        derandomize=WANTED is None and not NIGHTLY,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    with crew(committed_db) as reached:
        run_state_machine_as_test(WatchedRuns, settings=quiet)
    if NIGHTLY:
        assert {what for what, times in reached.items() if times} >= REACHED
    seal_all(by=access.worker("worker-1", 0))
    assert verify().whole
