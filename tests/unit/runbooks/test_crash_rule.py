"""An intent without a result: nobody repeats a call without having looked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from handrail.kernel.clock import now
from handrail.runbooks import timing
from handrail.runbooks.engine import advance
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.fence import fenced_by
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.timing import NOT_SENT_LIMIT, Timing
from tests.factories.runs import Runs
from tests.factories.switches import ODD, SILENT_NOT_DONE, SwitchBoard


class Died(BaseException):
    """Stands for the end of the process: nothing after it runs."""


@pytest.fixture
def crashed(estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch) -> OperationRun:
    """A run whose worker ended right after it had committed its intent."""

    def die(*_: object) -> advance.Next:
        raise Died

    with monkeypatch.context() as patched:
        patched.setitem(advance.MOVES, Phase.IN_FLIGHT, die)  # type: ignore[arg-type]
        run = estate.start()
        with pytest.raises(Died):
            advance.advance(run, by=estate.worker, timing=timing.get())
    run.refresh_from_db()
    return run


@pytest.fixture
def short_margin() -> Iterator[None]:
    """Intents whose deadline is the call's own, so that a test need not wait for the margin."""
    with timing.use(Timing(intent_margin_seconds=0, result_margin_seconds=-2)):
        yield


def pass_deadline(run: OperationRun) -> None:
    deadline = Checkpoint.objects.get(run=run, kind="intent").deadline_at
    assert deadline is not None
    time.sleep(max((deadline - now()).total_seconds(), 0))


@pytest.mark.requirement("R2-05")
def test_an_open_intent_is_left_alone_until_its_deadline(
    estate: Runs, board: SwitchBoard, crashed: OperationRun
) -> None:
    due_at = crashed.due_at
    estate.advance(crashed)
    assert crashed.due_at == due_at == Checkpoint.objects.get(run=crashed, kind="intent").deadline_at
    assert board.calls == []


def test_an_open_intent_whose_run_is_due_too_early_is_left_alone_until_its_deadline(
    estate: Runs, board: SwitchBoard, crashed: OperationRun
) -> None:
    OperationRun.objects.filter(pk=crashed.pk).update(due_at=now())
    crashed.refresh_from_db()
    until = advance.advance(crashed, by=estate.worker, timing=timing.get())
    assert until == Checkpoint.objects.get(run=crashed, kind="intent").deadline_at
    assert board.calls == []


@pytest.mark.requirement("R2-05")
def test_a_worker_that_comes_too_late_while_nobody_else_came_makes_the_same_attempt_again(
    estate: Runs, board: SwitchBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = advance.MOVES[Phase.IN_FLIGHT]

    def asleep(execution: Execution) -> advance.Next:
        monkeypatch.undo()
        pass_deadline(execution.run)
        assert board.calls == []
        return real(execution)

    run = estate.start()
    monkeypatch.setitem(advance.MOVES, Phase.IN_FLIGHT, asleep)  # type: ignore[arg-type]
    with timing.use(Timing(intent_margin_seconds=1, result_margin_seconds=0.1)):
        run = estate.advance(run)
    kinds = list(run.checkpoints.order_by("sequence").values_list("kind", flat=True))
    assert kinds[3:] == ["intent", "result", "intent", "result", "verified", "completed"]
    intents = Checkpoint.objects.filter(run=run, kind="intent").order_by("sequence")
    assert [i.attempt for i in intents] == [1, 1]
    assert Checkpoint.objects.get(run=run, sequence=5).detail["class"] == "not-sent"
    assert [a.get("class") for a in run.retry_ledger.detail] == ["not-sent", "succeeded"]
    assert (len(board.calls), run.retry_ledger.attempts) == (1, 1)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A worker that is too late for its call, once for each entry."""
    real = advance.MOVES[Phase.IN_FLIGHT]
    remaining: list[str] = []

    def asleep(execution: Execution) -> advance.Next:
        if remaining:
            remaining.pop()
            over = replace(execution.position.last, deadline_at=execution.at)
            execution = replace(execution, position=replace(execution.position, last=over))
        return real(execution)

    monkeypatch.setitem(advance.MOVES, Phase.IN_FLIGHT, asleep)
    return remaining


@pytest.fixture
def hasty() -> Iterator[None]:
    """Waits that take no time."""
    with timing.use(Timing(unexpected_error_wait_seconds=0.01)):
        yield


@pytest.mark.requirement("R2-15")
def test_attempts_of_which_nothing_was_sent_are_bounded(
    hasty: None, estate: Runs, board: SwitchBoard, late: list[str]
) -> None:
    late += ["turn"] * (NOT_SENT_LIMIT + 1)
    run = estate.advance(estate.start())
    assert (run.exception_packet.cause, run.exception_packet.reason) == ("definition-error", "not-sent")
    assert [a["class"] for a in run.exception_packet.attempts] == ["not-sent"] * NOT_SENT_LIMIT
    ending = Checkpoint.objects.get(run=run, kind="exception")
    assert ending.detail["account"]["changed"] == "no"
    assert (len(late), board.calls) == (1, [])
    assert estate.advance(estate.start("TASK-2")).state == "completed"


def test_waits_after_attempts_of_which_nothing_was_sent_grow(
    hasty: None, estate: Runs, board: SwitchBoard, late: list[str]
) -> None:
    late += ["turn"] * 4
    run = estate.advance(estate.start())
    results = Checkpoint.objects.filter(run=run, kind="result").order_by("sequence")
    assert [row.detail.get("wait_seconds", 0) for row in results] == [0, 0.01, 0.02, 0.04, 0]
    assert (run.state, len(board.calls), run.retry_ledger.attempts) == ("completed", 1, 1)


def test_stop_behind_an_attempt_that_was_sent_at_last_fences_its_subject(
    hasty: None, estate: Runs, board: SwitchBoard, late: list[str]
) -> None:
    late += ["turn"]
    board.script = [ODD]
    run = estate.advance(estate.start())
    assert [(a["attempt"], a["class"]) for a in run.exception_packet.attempts] == [(1, "not-sent"), (1, "ambiguous")]
    other = estate.advance(estate.start("TASK-2"))
    assert (other.state, len(board.calls)) == ("received", 1)
    assert fenced_by(run) == [other.ref]


@pytest.mark.requirement("R2-07")
def test_effect_absent_at_a_deduplicating_target_is_called_again_with_the_same_key(
    short_margin: None, estate: Runs, board: SwitchBoard, crashed: OperationRun
) -> None:
    pass_deadline(crashed)
    assert estate.advance(crashed).state == "completed"
    intents = Checkpoint.objects.filter(run=crashed, kind="intent").order_by("sequence")
    assert [i.attempt for i in intents] == [1, 2]
    assert len({i.idempotency_key for i in intents}) == 1


@pytest.mark.requirement("R2-08")
def test_effect_present_is_verified_and_not_repeated(estate: Runs, board: SwitchBoard, crashed: OperationRun) -> None:
    board.switches["s1"]["state"] = "on"
    pass_deadline(crashed)
    assert estate.advance(crashed).state == "completed"
    assert board.calls == []


@pytest.mark.requirement("R2-15")
def test_unknown_outcome_with_the_budget_spent_becomes_an_exception(estate: Runs, board: SwitchBoard) -> None:
    board.script = [SILENT_NOT_DONE] * 9
    run = estate.advance(estate.start(budget=1))
    assert run.exception_packet.cause == "outcome-unknown"
    assert len(board.calls) == 2
