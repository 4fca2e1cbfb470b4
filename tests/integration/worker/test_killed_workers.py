"""Workers that die at any durable point: every run still ends once, with no effect twice, without anybody acting."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import RUN
from tests.factories.board_server import serving
from tests.factories.runs import make_estate
from tests.factories.switches import SwitchBoard
from tests.integration.worker import processes

TIMES = 3
POINTS = ["claimed", "intent", "result", "completed", "reported"]


@pytest.mark.parametrize("kind", POINTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_workers_runs_are_taken_over_and_end_once(
    when: str, kind: str, committed_db: str, tmp_path: Path
) -> None:
    board = SwitchBoard()
    estate = make_estate()
    with serving(board) as server:
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        for number in range(TIMES):
            board.add(f"s{number}", owner=estate.tenant.key)
            estate.start(f"TASK-{number}", f"s{number}")
        victims = [processes.victim(when, kind, env) for _ in range(TIMES)]
        assert [victim.wait(timeout=60) for victim in victims] == [-9] * TIMES
        with processes.worker(env):
            processes.wait_until(_all_ended_and_told, seconds=60, what="every run ended and was reported")
        assert len(board.effects) == len(set(board.effects)) == TIMES
        assert sorted(server.outcomes.values()) == [1] * TIMES
    assert CompletionRecord.objects.count() + ExceptionPacket.objects.count() == TIMES
    assert CompletionRecord.objects.count() == TIMES


def _all_ended_and_told() -> bool:
    under_way = OperationRun.objects.exclude(state__in=RUN.terminal)
    return not under_way.exists() and Report.objects.exclude(delivered_at=None).count() == TIMES
