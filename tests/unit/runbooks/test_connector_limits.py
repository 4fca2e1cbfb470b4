"""A run at a connector that is at its limit, or whose circuit breaker is open: it waits, and makes no packet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from django.db.models.functions import Now

from handrail.audit.models import AuditEvent
from handrail.connectors import registry
from handrail.connectors.config import BreakerSettings, CallLimits, PassageSettings
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, ReadFailed, Reading
from handrail.kernel.scope import entered
from handrail.runbooks import timing
from handrail.runbooks.actions import brakes, runs
from handrail.runbooks.limits import gate, store
from handrail.runbooks.limits.circuit import CircuitState
from handrail.runbooks.limits.gate import HeldUp, TurnWait
from handrail.runbooks.limits.gatestate import GateState
from handrail.runbooks.models import Checkpoint, ExceptionPacket, OperationRun, PausedRun
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.states import BrakeKind
from handrail.runbooks.timing import Timing
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import (
    BUSY,
    DONE,
    FORBIDDEN,
    ODD,
    SILENT_DONE,
    SILENT_NOT_DONE,
    BoardConnector,
    SwitchBoard,
)

QUICK = Timing(limit_wait_seconds=0.0, limit_further_wait_seconds=0.1, read_pause_seconds=0.001)
TOUCHY = BreakerSettings(failures=1, open_seconds=0.1, most_open_seconds=0.1)
NOBODY_WAITS = TurnWait(0.0, 0.0)


@contextmanager
def limited(
    board: SwitchBoard, *, breaker: BreakerSettings | None = None, waits: Timing = QUICK, **limits: float
) -> Iterator[BoardConnector]:
    connector = BoardConnector(board)
    settings = PassageSettings(CallLimits.model_validate(limits), breaker)
    opened = registry.Registry(MappingProxyType({"board": connector}), {"board": settings})
    with registry.use(opened), timing.use(waits):
        yield connector


def away(status: int = 503, *, asked: float | None = None) -> ReadFailed:
    return ReadFailed(f"board: status {status}", status=status, retryable=True, retry_after_seconds=asked)


def later(run: OperationRun, seconds: float = 0.0) -> OperationRun:
    """``run``, due now, ``seconds`` from now."""
    time.sleep(seconds)
    OperationRun.objects.filter(pk=run.pk, finished_at=None).update(due_at="2020-01-01T00:00Z")
    return run


def due(run: OperationRun) -> OperationRun:
    """``run``, due now: nobody was away."""
    OperationRun.objects.filter(pk=run.pk).update(due_at=Now())
    return run


def until_it_ends(estate: Runs, run: OperationRun, looks: int = 60) -> OperationRun:
    """``run`` once it has ended: it is looked at every 0.11 s, just behind the time that ``TOUCHY`` stays open."""
    for _ in range(looks):
        if estate.advance(run).finished_at is not None:
            return run
        later(run, 0.11)
    raise AssertionError(f"{run.state} after {looks} looks")


def time_for_a_trial() -> None:
    """As if the time were over for which the breaker is open, or the service asked for a pause."""

    def over(state: GateState, now: float) -> tuple[GateState, None]:
        return replace(state, circuit=replace(state.circuit, until=now, asked_until=now)), None

    store.change("board", over)


def kinds(run: OperationRun) -> list[str]:
    return list(Checkpoint.objects.filter(run=run).order_by("sequence").values_list("kind", flat=True))


def circuit() -> CircuitState:
    return store.known(["board"])["board"].state.circuit.state


def test_run_waits_unclaimed_while_all_slots_are_taken(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    with limited(board, calls_at_once=1):
        slot = gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS)
        estate.advance(run)
        assert (run.state, kinds(run), board.calls) == ("received", ["received"], [])
        note = PausedRun.objects.get(run=run)
        assert (note.connector, note.cause, note.brake) == ("board", "calls-at-once", None)
        assert slot is not None
        gate.leave(slot, gate.Heard(gate.CallVerdict.WORKS))
        assert estate.advance(later(run)).state == "completed"


def test_run_passes_one_slot_as_often_as_it_needs_to(estate: Runs, board: SwitchBoard) -> None:
    with limited(board, calls_at_once=1):
        assert estate.advance(estate.start()).state == "completed"
        assert store.known(["board"])["board"].state.held == {}


@pytest.mark.requirement("R2-05")
def test_no_intent_is_written_before_its_slot_is_held(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    with limited(board, calls_a_second=0.2):
        estate.advance(run)  # reads; the call's turn would be five seconds off
    assert (kinds(run), board.calls) == (["received"], [])
    assert PausedRun.objects.get(run=run).cause == "calls-a-second"


def test_time_of_an_intent_begins_when_its_slot_is_held(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    with limited(board, calls_a_second=2, waits=replace(QUICK, limit_further_wait_seconds=5)):
        until_it_ends(estate, run)
    intent = Checkpoint.objects.get(run=run, kind="intent")
    assert intent.deadline_at is not None
    allowed = 0.05 + QUICK.intent_margin_seconds
    assert (intent.deadline_at - intent.at).total_seconds() == pytest.approx(allowed, abs=0.25)


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_reads_that_fail_open_the_breaker_and_the_run_waits(estate: Runs, board: SwitchBoard, failures: int) -> None:
    run = estate.start()
    breaker = BreakerSettings(failures=failures)
    waits = replace(QUICK, read_budget_seconds=0)
    with limited(board, breaker=breaker, waits=waits):
        board.read_failures = [away() for _ in range(3)]
        estate.advance(run)
        assert (run.state, circuit()) == ("received", CircuitState.OPEN)
        note = PausedRun.objects.get(run=run)
        assert (note.connector, note.cause) == ("board", "breaker")
        assert note.until is not None
        assert len(board.read_failures) == 3 - failures
        board.read_failures.clear()
        assert estate.advance(later(run)).state == "received"
        time_for_a_trial()
        assert estate.advance(later(run)).state == "completed"
        assert circuit() is CircuitState.CLOSED


@pytest.mark.requirement("R2-06")
def test_calls_that_fail_with_the_service_use_up_no_attempt(estate: Runs, board: SwitchBoard) -> None:
    board.script = [*[BUSY] * 9, DONE]  # of four attempts
    with limited(board, breaker=TOUCHY):
        run = until_it_ends(estate, estate.start())
    assert (run.state, len(board.calls)) == ("completed", 10)
    assert run.retry_ledger.attempts == 10
    assert not ExceptionPacket.objects.exists()


@pytest.mark.requirement("R2-06", "R2-13")
def test_calls_that_fail_while_the_breaker_is_closed_use_up_attempts_as_ever(estate: Runs, board: SwitchBoard) -> None:
    board.script = [BUSY] * 9
    with limited(board, breaker=BreakerSettings(failures=100)):
        run = until_it_ends(estate, estate.start())
    assert (run.state, len(board.calls)) == ("exception", 4)


@pytest.mark.requirement("R2-07")
@pytest.mark.parametrize("lost", [SILENT_DONE, SILENT_NOT_DONE])
def test_unknown_outcome_waits_for_the_breaker_however_long(estate: Runs, board: SwitchBoard, lost: Any) -> None:
    run = estate.start()
    board.script = [lost]
    waits = replace(QUICK, reconcile_window_seconds=0.05, reconcile_interval_seconds=0.01)
    breaker = BreakerSettings(failures=1)
    with limited(board, breaker=breaker, waits=waits):
        estate.advance(run)
        assert (run.state, circuit()) == ("invoking", CircuitState.OPEN)
        for _ in range(3):
            estate.advance(later(run))
        assert kinds(run)[-1] == "result"
        board.read_failures = [away()]  # the trial: it opens again
        time_for_a_trial()
        estate.advance(later(run, 0.06))  # the window is over
        assert (run.state, circuit()) == ("invoking", CircuitState.OPEN)
        time_for_a_trial()
        run = until_it_ends(estate, later(run))
    assert (run.state, len(board.effects)) == ("completed", 1)


@pytest.mark.requirement("R2-08")
def test_verification_waits_for_the_breaker_however_short_its_window(estate: Runs, board: SwitchBoard) -> None:
    def breaks(world: SwitchBoard, _: str) -> None:
        world.read_failures = [away() for _ in range(4)]

    run = estate.start()
    board.script = [replace(DONE, also=breaks)]
    breaker = BreakerSettings(failures=1)
    with limited(board, breaker=breaker):
        estate.advance(run)
        assert (run.state, circuit()) == ("verifying", CircuitState.OPEN)
        for _ in range(3):
            time_for_a_trial()
            assert estate.advance(later(run, 0.21)).state == "verifying"  # its window is 0.2 s
        time_for_a_trial()
        until_it_ends(estate, later(run))
    assert (run.state, board.read_failures) == ("completed", [])


def test_limit_alone_never_ends_a_verification(estate: Runs, board: SwitchBoard) -> None:
    """The effect shows only after the window of 0.2 s, most of which the run waited for its turns."""
    run, seen = estate.start(), []

    class Slow(BoardConnector):
        def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
            seen.append(1)
            if len(seen) == 2:
                raise away()
            return super().read(operation, deadline_seconds=deadline_seconds)

    settings = PassageSettings(CallLimits(calls_a_second=4), None)
    opened = registry.Registry(MappingProxyType({"board": Slow(board)}), {"board": settings})
    with registry.use(opened), timing.use(replace(QUICK, limit_further_wait_seconds=5)):
        assert until_it_ends(estate, run).state == "completed"


@pytest.mark.requirement("R2-18")
def test_limit_alone_leaves_no_stop_untold(estate: Runs, board: SwitchBoard) -> None:
    """What is read after a stop waits for its turn too, as long as there is time for that."""
    board.script = [ODD]
    with limited(board, calls_a_second=3, waits=replace(QUICK, limit_further_wait_seconds=5)):
        run = until_it_ends(estate, estate.start())
    account = Checkpoint.objects.get(run=run, kind="exception").detail["account"]
    assert (account["changed"], account["unread"]) == ("yes", [])


@pytest.mark.requirement("R2-21")
def test_breaker_is_recorded_when_it_opens_and_closes_and_not_at_each_call(estate: Runs, board: SwitchBoard) -> None:
    board.script = [*[BUSY] * 3, DONE]
    with limited(board, breaker=replace_failures(TOUCHY, 2)), entered(estate.worker.scope):
        board.read_failures = [away() for _ in range(5)]
        until_it_ends(estate, estate.start())
    events = list(AuditEvent.objects.filter(event__startswith="breaker.").order_by("pk"))
    assert [event.event for event in events][:2] == ["breaker.opened", "breaker.closed"]
    assert [event.event for event in events] == ["breaker.opened", "breaker.closed"] * (len(events) // 2)
    first = events[0]
    assert (first.actor, first.subject_kind, first.subject) == (store.ACTOR, "connector", "board")
    assert (first.workspace_id, first.context["why"]) == (estate.workspace.pk, "status 503")


def replace_failures(settings: BreakerSettings, failures: int) -> BreakerSettings:
    return settings.model_copy(update={"failures": failures})


def test_answers_about_the_request_do_not_open_it(estate: Runs, board: SwitchBoard) -> None:
    with limited(board, breaker=TOUCHY):
        board.script = [FORBIDDEN]
        assert estate.advance(estate.start()).state == "exception"
        board.switches.clear()
        board.add("s2", owner="somebody_else")
        assert estate.advance(estate.start("TASK-2", "s2")).state == "exception"
        assert "board" not in store.known(["board"])["board"].state.held
        assert circuit() is CircuitState.CLOSED


def test_asked_pause_holds_all_runs_and_uses_up_no_attempt(estate: Runs, board: SwitchBoard) -> None:
    board.add("s2", owner=estate.tenant.key)
    board.script = [replace(BUSY, answer=Answer(503, retry_after_seconds=500.0))]
    first, second = estate.start(), estate.start("TASK-2", "s2")
    with limited(board, breaker=BreakerSettings(failures=50)):
        estate.advance(first)
        estate.advance(second)
        assert (first.state, second.state, len(board.calls)) == ("invoking", "received", 1)
        assert PausedRun.objects.get(run=second).cause == "asked"
        time_for_a_trial()
        assert estate.advance(later(second)).state == "completed"
        assert until_it_ends(estate, first).state == "completed"


def test_longer_pause_than_any_that_is_waited_for_holds_the_run_and_makes_no_packet(
    estate: Runs, board: SwitchBoard
) -> None:
    board.script = [replace(BUSY, answer=Answer(503, retry_after_seconds=80_000.0))]
    run = estate.start()
    with limited(board, breaker=BreakerSettings(failures=50)):
        estate.advance(run)
        estate.advance(later(run, 0.1))
    assert (run.state, PausedRun.objects.get(run=run).cause) == ("invoking", "asked")


@pytest.mark.parametrize("held_by", ["a person", "a service in trouble"])
def test_wait_for_a_limit_does_not_bring_back_the_time_of_the_wait_before_it(
    estate: Runs, board: SwitchBoard, held_by: str
) -> None:
    """The budget of 0.3 s for reads that fail was over long ago, but for that wait."""
    run, by = estate.start(), as_person(estate.worker)
    heard = gate.Heard(gate.CallVerdict.FAILS)
    waits = replace(QUICK, read_budget_seconds=0.3, short_wait_seconds=0.0)
    with limited(board, breaker=BreakerSettings(failures=12), waits=waits, calls_at_once=1):

        def called(verdict: gate.CallVerdict) -> None:
            slot = gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS)
            assert slot is not None
            gate.leave(slot, replace(heard, verdict=verdict))

        board.read_failures = [away() for _ in range(6)]
        assert estate.advance(run).state == "checking"
        if held_by == "a person":
            brake = brakes.pause(kind=BrakeKind.EVERYTHING, target="", reason="storm", by=by)
            estate.advance(due(run))
            time.sleep(2.5)
            brakes.resume(ref=brake, reason="over", by=by)
        else:
            for _ in range(6):
                called(gate.CallVerdict.FAILS)
            estate.advance(due(run))
            time.sleep(2.5)
            time_for_a_trial()
            called(gate.CallVerdict.WORKS)
        slot = gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS)
        assert slot is not None
        estate.advance(due(run))
        assert PausedRun.objects.get(run=run).cause == "calls-at-once"
        gate.leave(slot, replace(heard, verdict=gate.CallVerdict.WORKS))
        board.read_failures = [away() for _ in range(3)]
        assert estate.advance(due(run)).state == "checking"
        assert until_it_ends(estate, later(run)).state == "completed"


def test_waiting_run_can_be_stopped(estate: Runs, board: SwitchBoard) -> None:
    run = estate.start()
    with limited(board, calls_at_once=1):
        gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS)
        estate.advance(run)
        runs.stop(ref=run.ref, reason="no", by=as_person(estate.worker))
        assert estate.advance(later(run)).state == "exception"


def test_two_callers_at_once_never_share_a_slot(estate: Runs, board: SwitchBoard) -> None:
    with limited(board, calls_at_once=2):
        for _ in range(2):
            assert gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS) is not None
        with pytest.raises(HeldUp, match="As many calls"):
            gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS)
        assert store.known(["board"])["board"].refused == 1


def test_connector_without_settings_asks_the_database_nothing(estate: Runs, board: SwitchBoard) -> None:
    assert gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS) is None
    assert store.known(["board"]) == {}


def test_run_that_waits_for_something_else_by_now_is_not_shown_to_wait_for_the_connector(
    estate: Runs, board: SwitchBoard
) -> None:
    run = estate.start()
    with limited(board, calls_at_once=1):
        board.read_failures = [away() for _ in range(6)]
        assert estate.advance(run).state == "checking"
        slot = gate.enter("board", seconds=30, turn_wait=NOBODY_WAITS)
        assert slot is not None
        estate.advance(later(run))
        seen = queries.get_run(estate.worker, run.ref).summary.waits_for_connector
        assert seen is not None
        assert (seen.connector, seen.cause, seen.until) == ("board", "calls-at-once", None)
        gate.leave(slot, gate.Heard(gate.CallVerdict.WORKS))
        board.read_failures = [away() for _ in range(3)]
        estate.advance(later(run))
        assert run.state == "checking"
    assert queries.get_run(estate.worker, run.ref).summary.waits_for_connector is None
