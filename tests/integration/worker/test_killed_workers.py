"""Workers that die at any durable point: every run still ends once, with no effect twice, without anybody acting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from handrail.connectors.outcome import Answer
from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import RUN
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.switches import BUSY, DONE, FORBIDDEN, RUNBOOK, SILENT_DONE, SILENT_NOT_DONE, SwitchBoard, Turn
from tests.integration.worker import processes
from tests.lanes import by_turns, portion, rounds

TIMES = rounds(2, 3)
POINTS = ["claimed", "intent", "result", "completed", "reported"]


@pytest.mark.requirement("R2-07")
@pytest.mark.parametrize(("when", "kind"), by_turns(POINTS))
def test_killed_workers_runs_are_taken_over_and_end_once(
    when: str, kind: str, committed_db: str, tmp_path: Path
) -> None:
    board = SwitchBoard()
    estate = Installation().runs
    with serving(board) as server:
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        for number in range(TIMES):
            board.add(f"s{number}", owner=estate.tenant.key)
            estate.start(f"TASK-{number}", f"s{number}")
        processes.kill_at(when, kind, env, times=TIMES)
        with processes.worker(env):
            processes.wait_until(_all_ended_and_told, seconds=60, what="every run ended and was reported")
        assert len(board.effects) == len(set(board.effects)) == TIMES
        assert sorted(server.outcomes.values()) == [1] * TIMES
    assert CompletionRecord.objects.count() + ExceptionPacket.objects.count() == TIMES
    assert CompletionRecord.objects.count() == TIMES


@dataclass(frozen=True)
class Life:
    """A run that comes to a durable point off the straight way: its runbook, what each call meets, how it ends."""

    text: str = RUNBOOK
    first: Turn = DONE
    completes: bool = True


LOOK = """
  - name: look
    effect: reading
    call: {connector: board, get: "/switches/{task.switch_id}"}
    answer: {state: string}
    result:
      succeeded: [{status: [200], when: answer.state == "on"}]
      retryable: [{failure: [connect]}]
    retry: {attempts: 3, initial: 100ms, ceiling: 1s}
completion:"""
POLLED = RUNBOOK.replace(
    "answer: {status: string}",
    'answer: {status: string}\n    poll: {get: "/switches/{task.switch_id}", every: 100ms, within: 30s}',
).replace("    retry: {", '      pending: [{status: [202], when: answer.status == "running"}]\n    retry: {')
ACCEPTED = Turn(answer=Answer(status=202, body={"status": "running"}))
LIVES = {
    "retry": Life(first=BUSY),
    "unknown": Life(first=SILENT_DONE),
    "reconciled": Life(first=SILENT_NOT_DONE),
    "pending": Life(text=POLLED, first=ACCEPTED),
    "verified": Life(),
    "second-step": Life(text=RUNBOOK.replace("completion:", LOOK.lstrip("\n"))),
    "exception": Life(first=FORBIDDEN, completes=False),
}


@pytest.mark.requirement("R2-06")
@pytest.mark.parametrize(("when", "point"), portion(by_turns(LIVES), 3))
def test_runs_off_the_straight_way_are_taken_over_by_one_of_two_and_end_once(
    when: str, point: str, committed_db: str, tmp_path: Path
) -> None:
    life, board = LIVES[point], SwitchBoard()
    estate = Installation(life.text).runs
    # What is refused is refused again, when the first refusal died with its worker.
    board.script = [life.first] * (TIMES if life.completes else 2 * TIMES)
    with serving(board) as server:
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        for number in range(TIMES):
            board.add(f"s{number}", owner=estate.tenant.key, status="done")
            estate.start(f"TASK-{number}", f"s{number}")
        processes.kill_at(when, point, env, times=TIMES)
        with processes.worker(env), processes.worker(env):
            bound = processes.TAKEN_OVER_SECONDS
            processes.wait_until(_all_ended_and_told, seconds=bound, what="every run ended and was reported")
        assert sorted(server.outcomes.values()) == [1] * TIMES
    assert len(board.effects) == len(set(board.effects)) == (TIMES if life.completes else 0)
    ended = (CompletionRecord.objects.count(), ExceptionPacket.objects.count())
    assert ended == ((TIMES, 0) if life.completes else (0, TIMES))


def _all_ended_and_told() -> bool:
    under_way = OperationRun.objects.exclude(state__in=RUN.terminal)
    return not under_way.exists() and Report.objects.exclude(delivered_at=None).count() == TIMES
