"""Many workers at once, and a database that goes away: the outcome is the same, and nothing is stranded."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import pytest
from django.db import connection

from handrail.connectors import registry
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Failure, ReadFailed, Reading
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict
from handrail.runbooks import timing
from handrail.runbooks.actions import advancing, claims, runs
from handrail.runbooks.engine import advance
from handrail.runbooks.engine.execution import Execution
from handrail.runbooks.engine.position import Phase
from handrail.runbooks.models import Checkpoint, CompletionRecord, OperationRun
from handrail.runbooks.timing import Timing
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.switches import BoardConnector, SwitchBoard, connected
from tests.integration.worker import processes
from tests.integration.worker.own_postgres import own_postgres

T = TypeVar("T")


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """``act`` in ``count`` threads, each with a database connection of its own."""

    def one(number: int) -> T:
        try:
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=20) as pool:
        return list(pool.map(one, range(count)))


@pytest.mark.requirement("R2-07")
@pytest.mark.usefixtures("committed_db")
def test_two_workers_on_one_run_call_once() -> None:
    estate, board = Installation().runs, SwitchBoard()
    with connected(board):
        for number in range(10):
            board.add(f"s{number}", owner=estate.tenant.key)
            run = estate.start(f"TASK-{number}", f"s{number}")

            def one(_: int, pk: int = run.pk) -> None:
                mine = OperationRun.objects.select_related("definition").get(pk=pk)
                advance.advance(mine, by=estate.worker, timing=timing.get())

            at_once(2, one)
    assert OperationRun.objects.filter(state="completed").count() == CompletionRecord.objects.count() == 10
    assert len(board.calls) == 10


@pytest.mark.usefixtures("committed_db")
def test_a_hundred_duplicate_triggers_start_one_run() -> None:
    estate, board = Installation().runs, SwitchBoard()
    with connected(board):
        started = at_once(100, lambda _: runs.start(task=estate.task(), by=estate.worker))
    assert len({s.ref for s in started}) == 1
    assert [s.created for s in started].count(True) == 1
    assert Checkpoint.objects.filter(kind="received").count() == 1


@pytest.mark.usefixtures("committed_db")
def test_cancelling_against_a_worker_leaves_one_winner() -> None:
    estate, board = Installation().runs, SwitchBoard()
    with connected(board):
        for number in range(10):
            board.add(f"s{number}", owner=estate.tenant.key)
            run = estate.start(f"TASK-{number}", f"s{number}")

            def act(worker: int, pk: int = run.pk, ref: str = run.ref) -> None:
                if worker == 0:
                    mine = OperationRun.objects.select_related("definition").get(pk=pk)
                    advance.advance(mine, by=estate.worker, timing=timing.get())
                    return
                try:
                    runs.cancel(ref=ref, by=as_person(estate.worker))
                except Conflict:
                    return

            at_once(2, act)
    ended = OperationRun.objects.filter(state__in=["completed", "cancelled"])
    assert ended.count() == 10
    assert len(board.calls) == OperationRun.objects.filter(state="completed").count()


@pytest.mark.requirement("R2-05")
@pytest.mark.usefixtures("committed_db")
def test_a_worker_that_comes_to_its_call_too_late_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine sleeps between intent and call until the intent's time is over, and another worker acts on that."""
    estate, board = Installation().runs, SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    run = estate.start()
    real, seen = advance.MOVES[Phase.IN_FLIGHT], []

    def asleep(execution: Execution) -> advance.Next:
        monkeypatch.undo()
        other = OperationRun.objects.select_related("definition").get(pk=execution.run.pk)
        assert advance.advance(other, by=estate.worker, timing=Timing()) is None
        other.refresh_from_db()
        seen.append((other.state, len(board.calls)))
        return real(execution)

    monkeypatch.setitem(advance.MOVES, Phase.IN_FLIGHT, asleep)  # type: ignore[arg-type]
    with connected(board), timing.use(Timing(intent_margin_seconds=-5)):
        run = estate.advance(run)
    assert (run.state, seen, len(board.calls)) == ("completed", [("completed", 1)], 1)


class SlowBoard(BoardConnector):
    """Reads that take their time, and the most of them that were ever under way together."""

    together = most = 0

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        with self.board.lock:
            self.together += 1
            self.most = max(self.most, self.together)
        time.sleep(0.8)
        with self.board.lock:
            self.together -= 1
        raise ReadFailed("board: timeout", failure=Failure.TIMEOUT_AFTER_SEND, retryable=True)


@pytest.mark.usefixtures("committed_db")
def test_a_slow_source_keeps_one_worker_on_a_run_and_not_all() -> None:
    """The reads take longer than the lease; four workers claim and advance what is due, all the while."""
    estate, board = Installation().runs, SwitchBoard()
    slow = SlowBoard(board, deadline_seconds=1)
    run = estate.start()
    OperationRun.objects.filter(pk=run.pk).update(due_at=now())

    def work(_: int) -> None:
        for _ in range(40):
            if OperationRun.objects.filter(pk=run.pk, state="exception").exists():
                return
            for claim in claims.claim_runs(4):
                advancing.advance(claim=claim, by=estate.worker)
            time.sleep(0.1)

    registered = registry.use(registry.Registry(MappingProxyType({"board": slow})))
    with registered, timing.use(Timing(lease_seconds=0.3, read_budget_seconds=0)):
        at_once(4, work)
    run.refresh_from_db()
    assert (run.state, slow.most) == ("exception", 1)


@pytest.mark.peer  # a server of its own is stopped and started
@pytest.mark.requirement("R2-20")
@pytest.mark.usefixtures("committed_db")
def test_database_stopped_and_started_mid_run_strands_nothing(tmp_path: Path) -> None:
    board = SwitchBoard()
    with own_postgres() as server, serving(board) as outside:
        server.migrate()
        env = processes.environment(processes.write_config(tmp_path, outside.url), server.url)
        estate = Installation().runs
        for number in range(20):
            board.add(f"s{number}", owner=estate.tenant.key)
            estate.start(f"TASK-{number}", f"s{number}")
        with processes.worker(env, concurrency=2) as worker:
            processes.wait_until(lambda: len(board.calls) >= 3, seconds=60, what="three calls made")
            connection.close()
            server.restart()
            processes.wait_until(
                lambda: OperationRun.objects.filter(state="completed").count() == 20, seconds=90, what="all completed"
            )
            assert worker.poll() is None
        connection.close()
    assert len(board.effects) == len(set(board.effects)) == 20
