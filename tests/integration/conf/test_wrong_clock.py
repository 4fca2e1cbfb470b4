"""A web server or a command whose machine's clock is an hour off: every time in the record is right."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from handrail.audit.models import AuditEvent
from handrail.runbooks.models import Checkpoint, OperationRun, TaskMessage
from tests.factories.installation import Installation
from tests.integration.support.web_process import PATIENCE_SECONDS, installation

pytestmark = pytest.mark.slow
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
TASKS = """
[tasks]
connector = "board"
workspace = "acme"
webhook_secret = "env:TASKS_WEBHOOK_SECRET"
[connectors.board]
kind = "rest"
base_url = "http://127.0.0.1:9"
"""


@pytest.mark.parametrize("hours", [1, -1])
def test_web_server_with_a_wrong_clock_takes_signed_tasks(committed_db: str, tmp_path: Path, hours: int) -> None:
    estate = Installation().runs
    task = estate.task("TASK-1", "s1")
    item = {"id": task.key, "runbook": task.runbook, "runbook_version": 1, "payload": dict(task.payload)}
    body = json.dumps({"type": "task.delegated", "data": item})
    web = installation(database=committed_db, directory=tmp_path, more=TASKS, seconds_ahead=hours * 3600)
    web.environment["TASKS_WEBHOOK_SECRET"] = SECRET
    with web.serving():
        at = datetime.now(UTC)
        signed = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg_1", at, body),
            "content-type": "application/json",
        }
        with httpx2.Client(base_url=web.base, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            answer = client.post("/api/v1/tasks", content=body, headers=signed)
            assert answer.status_code == 202, answer.text
    run = OperationRun.objects.get()
    times = [run.created_at, run.due_at, TaskMessage.objects.get().at]
    times += Checkpoint.objects.values_list("at", flat=True)
    times += AuditEvent.objects.filter(subject=run.ref).values_list("at", flat=True)
    assert max(abs(at - one) for one in times if one) < timedelta(minutes=5)


@pytest.mark.parametrize("hours", [1, -1])
def test_command_on_a_machine_with_a_wrong_clock_writes_the_databases_time(
    committed_db: str, tmp_path: Path, hours: int
) -> None:
    estate = Installation().runs
    machine = installation(database=committed_db, directory=tmp_path, seconds_ahead=hours * 3600)

    def handrail(*words: str) -> None:
        command = [sys.executable, "-m", "handrail", *words]
        ended = subprocess.run(
            command, env=machine.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    handrail("tenants", "close", estate.tenant.key, "--reason", "They left.", "--workspace", estate.workspace.slug)
    estate.tenant.refresh_from_db()
    closed = AuditEvent.objects.get(event="tenant.closed")
    assert max(abs(datetime.now(UTC) - at) for at in (closed.at, estate.tenant.closed_at)) < timedelta(minutes=5)
    handrail("audit", "verify")
