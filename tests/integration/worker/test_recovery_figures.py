"""Workers that are really killed, counted: the evaluation's figures of recovery are the kills that there were."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.access.capabilities import Role, bundled
from handrail.runbooks import metrics
from handrail.runbooks.evaluation import evaluate
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RUN
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.switches import SwitchBoard
from tests.integration.worker import processes

# Where each worker is killed, and whether the outcome of the call is unknown then.
KILLS = [("before", "claimed", 0), ("after", "intent", 1), ("before", "result", 1), ("before", "completed", 0)]


@pytest.mark.requirement("R2-33")
def test_figures_of_recovery_count_the_workers_that_were_killed(committed_db: str, tmp_path: Path) -> None:
    board = SwitchBoard()
    estate = Installation().runs
    with serving(board) as server:
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        for number, (when, point, _) in enumerate(KILLS):
            board.add(f"s{number}", owner=estate.tenant.key)
            estate.start(f"TASK-{number}", f"s{number}")
            processes.kill_at(when, point, env, times=1)
            with processes.worker(env):
                processes.wait_until(_all_ended, seconds=60, what="the run ended")
        board.add("calm", owner=estate.tenant.key)
        estate.start("CALM", "calm")
        with processes.worker(env):
            processes.wait_until(_all_ended, seconds=60, what="the run that nobody killed ended")
    found = evaluate(as_person(estate.worker, capabilities=bundled([Role.AUDITOR]))).total
    unknown = sum(count for _, _, count in KILLS)
    assert (found.completed, found.recovery.interrupted, found.recovery.recovered) == (5, len(KILLS), len(KILLS))
    assert (found.recovery.taken_over, found.recovery.unknown_outcomes) == (len(KILLS), unknown)
    assert found.completeness.complete == found.ended == 5
    values = {metric.name: metric.values for metric in metrics.read()}
    assert values["handrail_recoveries"] == {"unknown": unknown, "reconciled": unknown, "taken-over": len(KILLS)}


def _all_ended() -> bool:
    return not OperationRun.objects.exclude(state__in=RUN.terminal).exists()
