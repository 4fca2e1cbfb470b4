"""Too few connections for a worker's threads: it advances fewer runs at a time, says so, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from handrail.runbooks.models import OperationRun
from handrail.work import presence
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard
from tests.integration.worker import processes

RUNS = 20


def limit(connections: int) -> None:
    """How many the database lets everybody have together, superusers apart."""
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {connections}")


@pytest.mark.parametrize("room", [2, 3])
def test_workers_go_on_with_few_connections_and_recover_when_there_are_more(
    committed_db: str, tmp_path: Path, room: int
) -> None:
    if connection.settings_dict["PASSWORD"]:
        pytest.skip("the server asks for passwords, and superusers are under no limit")
    board, estate = SwitchBoard(), Installation().runs
    for number in range(RUNS):
        board.add(f"s{number}", owner=estate.tenant.key)
        estate.start(f"TASK-{number}", f"s{number}")
    limit(room + 2)  # this test has one, and its starting of runs keeps one for hints
    with serving(board) as server:
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        with processes.worker(env, concurrency=4) as worker:
            processes.wait_until(lambda: _completed() == RUNS, seconds=90, what="all runs completed")
            processes.wait_until(lambda: presence.within(60).unconnected > 0, seconds=30, what="it said so")
            limit(-1)
            processes.wait_until(lambda: presence.within(60).unconnected == 0, seconds=30, what="all are connected")
            assert worker.poll() is None
    assert len(board.effects) == len(set(board.effects)) == RUNS
    assert not OperationRun.objects.exclude(failures=0).exists()


def _completed() -> int:
    return OperationRun.objects.filter(state="completed").count()
