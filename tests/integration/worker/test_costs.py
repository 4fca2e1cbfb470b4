"""What the straight way of a run costs the database: a task received, one step called and verified, its outcome told.

The figures may fall; who raises one says why in docs/adr/0013. Statements are counted on the wire, so that none escapes
that does not go through Django; one that goes out together with its row-security settings counts once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from handrail.connectors.tasksystem import WriteCall
from handrail.runbooks import task_system
from handrail.runbooks.models import Report
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import DONE, RUNBOOK, SwitchBoard, Turn, connected
from tests.factories.task_queue import SYSTEM
from tests.factories.wire import Cost, straight

OUTCOME = WriteCall(method="PUT", path="/tasks/{task}", idempotent=True, kept="by-status")
TASKS = replace(SYSTEM, connector="board", outcome=OUTCOME)


@pytest.fixture
def board() -> SwitchBoard:
    return SwitchBoard()


@pytest.fixture
def estate(committed_db: str, board: SwitchBoard) -> Iterator[Runs]:
    """An installation whose caches are warm: one run has ended."""
    estate = Installation(RUNBOOK).runs
    board.add("s1", owner=estate.tenant.key)
    with connected(board):
        straight(estate, "WARM", Cost(), Cost())
        yield estate


def test_straight_run_takes_nine_statements_and_five_commits(estate: Runs, board: SwitchBoard) -> None:
    cost = Cost()
    assert straight(estate, "TASK-1", cost, Cost()).state == "completed"
    assert cost.figures == (9, 5), "\n".join(cost.statements)


def test_report_of_a_straight_run_takes_no_more_than_it_did(estate: Runs, board: SwitchBoard) -> None:
    cost, told = Cost(), Cost()
    board.script = [DONE, Turn(effect=False, answer=DONE.answer)]
    with task_system.use(TASKS):
        run = straight(estate, "TASK-1", cost, told)
    assert Report.objects.get(run=run).delivered_at is not None
    assert cost.figures == (9, 5), "\n".join(cost.statements)
    assert told.figures == (2, 1), "\n".join(told.statements)
