"""Acceptance of waves: a sandbox that begins to grant too much meets a canary and a width, and not three hundred runs.

Two workers as processes of their own, of which one is killed in the middle.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.access.queries import actor_for
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.runbooks.actions import runs, waves
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import RUN, WaveState
from handrail.runbooks.wavemodels import Wave, WaveStop
from tests.factories import rows
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.switches import DONE, RUNBOOK, SwitchBoard, Turn
from tests.integration.worker import processes
from tests.lanes import rounds

TASKS, TENANTS = rounds(40, 300), 5
CANARY, WIDTH, GRANTS_TOO_MUCH_AT = 5, 10, 12
BY_EVENT = (
    RUNBOOK.replace("  budget?:", "  event: {type: string}\n  budget?:")
    + f"waves: {{by: task.event, canary: {CANARY}, width: {WIDTH}, a_minute: 6000}}\n"
)


def grant_too_much(board: SwitchBoard, switch: str) -> None:
    board.switches[switch]["marker"] = "alarm"


@pytest.mark.requirement("R2-19")
def test_wave_stops_itself_gives_back_the_rest_and_goes_on_once_the_sandbox_is_mended(
    committed_db: str, tmp_path: Path, counted: Callable[[str], None]
) -> None:
    board, installation = SwitchBoard(), Installation(BY_EVENT)
    board.script = [DONE] * (GRANTS_TOO_MUCH_AT - 1) + [Turn(also=grant_too_much)] * TASKS
    delegated(installation, board)
    wave = Wave.objects.get()
    with serving(board) as server:
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        with processes.worker(env), processes.worker(env) as other:
            processes.wait_until(lambda: len(set(board.calls)) > CANARY, seconds=60, what="the canary ended")
            other.send_signal(signal.SIGKILL)
            bound = processes.TAKEN_OVER_SECONDS
            processes.wait_until(lambda: all_told(TASKS), seconds=bound, what="the wave stopped, the rest went back")
            invoked = len(set(board.calls))
            assert invoked <= CANARY + WIDTH
            assert is_told(server.states) == {"not-attempted": TASKS - invoked, **ended()}
            assert WaveStop.objects.get().rule == "boundary"
            assert AuditEvent.objects.filter(event="wave.stopped").count() == 1
            board.script.clear()
            person = actor_for(rows.member(installation.workspace, Role.SENIOR_SUPPORT))
            waves.resume(ref=wave.ref, reason="The sandbox is mended.", by=person)
            again = TASKS - invoked
            processes.wait_until(
                lambda: all_told(TASKS + again), seconds=3 * bound, what="what went back was carried out"
            )
    wave.refresh_from_db()
    assert wave.state == WaveState.RUNNING  # further tasks of the event may come
    assert len(board.calls) >= TASKS
    assert len(board.effects) == len(set(board.effects)) == TASKS
    assert WaveStop.objects.count() == 1
    assert CompletionRecord.objects.count() + ExceptionPacket.objects.count() == TASKS
    counted(f"{TASKS} tasks of one event, {invoked} invoked before the wave stopped, {again} given back and taken up")


def delegated(installation: Installation, board: SwitchBoard) -> None:
    at = now()
    tenants = [
        Tenant.objects.create(workspace=installation.workspace, key=f"t{number}", name=f"T{number}", created_at=at)
        for number in range(TENANTS)
    ]
    for number in range(TASKS):
        tenant = tenants[number % TENANTS]
        board.add(f"s{number}", owner=tenant.key)
        payload = {"tenant_id": tenant.key, "switch_id": f"s{number}", "event": "drift-77"}
        task = IncomingTask(key=f"TASK-{number}", runbook="flip-switch", version=1, payload=payload)
        runs.start(task=task, by=installation.worker)


def all_told(count: int) -> bool:
    under_way = OperationRun.objects.exclude(state__in=RUN.terminal).exists()
    return not under_way and Report.objects.exclude(delivered_at=None).count() == count


def is_told(states: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in states.values():
        found[state] = found.get(state, 0) + 1
    return found


def ended() -> dict[str, int]:
    return {"completed": CompletionRecord.objects.count(), "exception": ExceptionPacket.objects.count()}
