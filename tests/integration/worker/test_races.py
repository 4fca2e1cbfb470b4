"""Many hands at once, and a database that goes away: the outcome is the same, and nothing is stranded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from django.db import connection

from handrail.kernel.errors import Conflict
from handrail.runbooks.actions import runs
from handrail.runbooks.engine import drive
from handrail.runbooks.models import Checkpoint, CompletionRecord, OperationRun
from tests.factories.board_server import serving
from tests.factories.runs import TAKEOVER, make_estate
from tests.factories.switches import SwitchBoard, connected
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


@pytest.mark.usefixtures("committed_db")
def test_two_workers_on_one_run_call_once() -> None:
    estate, board = make_estate(), SwitchBoard()
    with connected(board):
        for number in range(10):
            board.add(f"s{number}", owner=estate.tenant.key)
            run = estate.start(f"TASK-{number}", f"s{number}")

            def carry(_: int, pk: int = run.pk) -> None:
                mine = OperationRun.objects.select_related("definition").get(pk=pk)
                drive.carry(mine, by=estate.worker, takeover=TAKEOVER)

            at_once(2, carry)
    assert OperationRun.objects.filter(state="completed").count() == CompletionRecord.objects.count() == 10
    assert len(board.calls) == 10


@pytest.mark.usefixtures("committed_db")
def test_a_hundred_duplicate_triggers_start_one_run() -> None:
    estate, board = make_estate(), SwitchBoard()
    with connected(board):
        started = at_once(100, lambda _: runs.start(task=estate.task(), by=estate.worker))
    assert len({s.ref for s in started}) == 1
    assert [s.created for s in started].count(True) == 1
    assert Checkpoint.objects.filter(kind="received").count() == 1


@pytest.mark.usefixtures("committed_db")
def test_cancelling_against_a_worker_leaves_one_winner() -> None:
    estate, board = make_estate(), SwitchBoard()
    with connected(board):
        for number in range(10):
            board.add(f"s{number}", owner=estate.tenant.key)
            run = estate.start(f"TASK-{number}", f"s{number}")

            def act(hand: int, pk: int = run.pk, ref: str = run.ref) -> None:
                if hand == 0:
                    mine = OperationRun.objects.select_related("definition").get(pk=pk)
                    drive.carry(mine, by=estate.worker, takeover=TAKEOVER)
                    return
                try:
                    runs.cancel(ref=ref, by=estate.worker)
                except Conflict:
                    return

            at_once(2, act)
    ended = OperationRun.objects.filter(state__in=["completed", "cancelled"])
    assert ended.count() == 10
    assert len(board.calls) == OperationRun.objects.filter(state="completed").count()


@pytest.mark.usefixtures("committed_db")
def test_database_stopped_and_started_mid_run_strands_nothing(tmp_path: Path) -> None:
    board = SwitchBoard()
    with own_postgres() as server, serving(board) as outside:
        server.migrate()
        env = processes.environment(processes.write_config(tmp_path, outside.url), server.url)
        estate = make_estate()
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
