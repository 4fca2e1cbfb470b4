"""Workers whose machines' clocks are an hour off: nothing waits an hour, and no time in the record is wrong."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from handrail.audit.models import AuditEvent, AuditLeaf
from handrail.connectors.outcome import Answer
from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import RUN
from tests.factories import forks
from tests.factories.board_server import serving
from tests.factories.installation import Installation
from tests.factories.switches import BUSY, DONE, FORBIDDEN, SILENT_DONE, SILENT_NOT_DONE, SwitchBoard
from tests.integration.worker import processes

HOUR = 3600
RUNS = 8
SCRIPT = [BUSY, SILENT_DONE, DONE, SILENT_NOT_DONE, FORBIDDEN, BUSY]
# Every column in which a process writes what time it is, or when something is due.
TIMES = (
    ("runbooks_operationrun", ("created_at", "updated_at", "due_at", "finished_at")),
    ("runbooks_checkpoint", ("at", "deadline_at")),
    ("runbooks_report", ("due_at", "delivered_at")),
    ("runbooks_exceptionpacket", ("at",)),
    ("runbooks_completionrecord", ("at",)),
    ("audit_auditevent", ("at",)),
)


def farthest() -> dict[str, float]:
    """By column: how many seconds at most a value in it is before or behind the time there is in the database."""
    found = {}
    with connection.cursor() as cursor:
        for table, columns in TIMES:
            for column in columns:
                cursor.execute(f"SELECT max(abs(extract(epoch FROM {column} - clock_timestamp()))) FROM {table}")
                found[f"{table}.{column}"] = float(cursor.fetchone()[0] or 0)
    return found


def all_ended_and_told() -> bool:
    under_way = OperationRun.objects.exclude(state__in=RUN.terminal)
    return not under_way.exists() and Report.objects.exclude(delivered_at=None).count() == RUNS


@pytest.mark.requirement("R2-05")
@pytest.mark.parametrize("ahead", [(HOUR,), (-HOUR,), (HOUR, -HOUR, 0)], ids=["ahead", "behind", "all-at-once"])
def test_workers_with_wrong_clocks_harm_nothing(ahead: tuple[int, ...], committed_db: str, tmp_path: Path) -> None:
    board = SwitchBoard()
    estate = Installation().runs
    board.script = list(SCRIPT)
    with serving(board) as server:
        server.refusals = [Answer(status=503)] * 3
        env = processes.environment(processes.write_config(tmp_path, server.url), committed_db)
        for number in range(RUNS):
            board.add(f"s{number}", owner=estate.tenant.key)
            estate.start(f"TASK-{number}", f"s{number}")
        with ExitStack() as running:
            for seconds in ahead:
                script = Path(__file__).with_name("shifted.py")
                process = forks.start(script, str(seconds), str(processes.SWEEP_SECONDS), env=env)
                running.callback(process.end)
            bound = processes.TAKEN_OVER_SECONDS
            processes.wait_until(all_ended_and_told, seconds=bound, what="every run ended and was reported")
            last = AuditEvent.objects.order_by("pk").filter(event="run.reported").last()
            assert last is not None
            sealed = AuditLeaf.objects.filter(source="audit.event", row_id=last.pk)
            processes.wait_until(sealed.exists, seconds=bound, what="the log was sealed")
            if len(ahead) == 1:
                assert "this machine's clock is apart from the database's" in process.log.read_text(encoding="utf-8")
    assert {column: far for column, far in farthest().items() if far > HOUR / 4} == {}
    assert len(board.effects) == len(set(board.effects))
    assert CompletionRecord.objects.count() + ExceptionPacket.objects.count() == RUNS
    command = [sys.executable, "-m", "handrail", "audit", "verify"]
    verified = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
