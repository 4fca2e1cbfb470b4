from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from standardwebhooks.webhooks import Webhook

from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secret
from handrail.runbooks import task_system
from handrail.runbooks.actions import messages
from handrail.runbooks.models import OperationRun, TaskMessage, TaskRefusal
from tests.factories import rows
from tests.factories.runs import Runs
from tests.factories.task_queue import SYSTEM

SECRET = "whsec_dGVzdHMta2V5LW9mLXdlYmhvb2tz"
pytestmark = pytest.mark.usefixtures("configured")


def system(workspace: str, secret: str | None = SECRET) -> task_system.TaskSystem:
    return replace(SYSTEM, connector="board", workspace=workspace, webhook_secret=Secret(secret) if secret else None)


@pytest.fixture
def configured(estate: Runs, board: object) -> Iterator[None]:
    with task_system.use(system(estate.workspace.slug)):
        yield


def message(estate: Runs, key: str = "TASK-1", **changes: object) -> dict[str, object]:
    task = estate.task(key)
    data = {"id": task.key, "runbook": task.runbook, "version": task.version, "payload": dict(task.payload)}
    return {"type": "task.delegated", "data": {**data, **changes}}


def push(
    value: object, *, message_id: str = "msg_1", at: datetime | None = None, secret: str = SECRET, tamper: str = ""
) -> HttpResponse:
    sent_at = at or now()
    text = value if isinstance(value, str) else json.dumps(value)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, sent_at, text),
    }
    return Client().post("/api/v1/tasks", text + tamper, content_type="application/json", headers=headers)


@pytest.mark.requirement("R2-01")
def test_deliver_starts_the_run_of_a_signed_task(estate: Runs) -> None:
    response = push(message(estate))
    assert (response.status_code, response.json()["received"]["outcome"]) == (202, "started")
    assert OperationRun.objects.get().task_key == "TASK-1"


def test_deliver_takes_a_repeated_message_once(estate: Runs) -> None:
    push(message(estate))
    response = push(message(estate))
    assert (response.status_code, response.json()) == (202, {"repeated": True, "received": None})
    assert OperationRun.objects.count() == 1


def test_deliver_of_the_same_task_in_another_message_is_a_duplicate(estate: Runs) -> None:
    push(message(estate))
    assert push(message(estate), message_id="msg_2").json()["received"]["outcome"] == "duplicate"
    assert OperationRun.objects.count() == 1


def test_deliver_refuses_another_message_under_a_known_id(estate: Runs) -> None:
    push(message(estate))
    assert push(message(estate, "TASK-2")).json()["repeated"] is True
    assert not OperationRun.objects.filter(task_key="TASK-2").exists()


def test_deliver_refuses_an_old_message(estate: Runs) -> None:
    response = push(message(estate), at=now() - timedelta(minutes=6))
    assert (response.status_code, response.json()["code"]) == (401, "unsigned")


def test_deliver_refuses_a_message_from_the_future(estate: Runs) -> None:
    assert push(message(estate), at=now() + timedelta(minutes=6)).status_code == 401


def test_deliver_refuses_a_body_that_was_changed(estate: Runs) -> None:
    assert push(message(estate), tamper=" ").status_code == 401


def test_deliver_refuses_another_key(estate: Runs) -> None:
    assert push(message(estate), secret="whsec_YW5vdGhlci1rZXktYWx0b2dldGhlcg").status_code == 401


@pytest.mark.requirement("R2-01")
def test_deliver_refuses_a_message_without_signature(estate: Runs) -> None:
    response = Client().post("/api/v1/tasks", message(estate), content_type="application/json")
    assert (response.status_code, TaskMessage.objects.count()) == (401, 0)


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1,not base64!", "v2,AAAA", "v1,AAAA v1,BBBB"])
def test_deliver_refuses_a_malformed_signature(estate: Runs, signature: str) -> None:
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now().timestamp())),
        "webhook-signature": signature,
    }
    response = Client().post("/api/v1/tasks", message(estate), content_type="application/json", headers=headers)
    assert response.status_code == 401


def test_deliver_without_a_configured_secret_accepts_nothing(estate: Runs) -> None:
    with task_system.use(system(estate.workspace.slug, secret=None)):
        assert push(message(estate)).status_code == 401


def test_deliver_refuses_a_body_over_the_limit(estate: Runs) -> None:
    response = push("x" * (256 * 1024 + 1))
    assert (response.status_code, response.json()["code"]) == (413, "too-large")


def test_deliver_refuses_a_message_of_another_type(estate: Runs) -> None:
    response = push({**message(estate), "type": "task.closed"})
    assert (response.status_code, response.json()["errors"][0]["where"]) == (422, "type")


def test_deliver_writes_down_a_task_that_can_not_become_a_run(estate: Runs) -> None:
    response = push(message(estate, payload={"tenant_id": "ten_other"}))
    assert (response.status_code, response.json()["received"]["outcome"]) == (202, "refused")
    assert (TaskRefusal.objects.count(), OperationRun.objects.count()) == (1, 0)


@pytest.mark.parametrize("changes", [{"version": 3_000_000_000}, {"note": 2**60, "version": 0}])
def test_deliver_of_an_odd_task_is_accepted_and_refused(estate: Runs, changes: dict[str, object]) -> None:
    response = push(message(estate, **changes))
    assert (response.status_code, response.json()["received"]["code"]) == (202, "task-malformed")


def test_deliver_forgets_messages_that_are_too_old_to_be_accepted(estate: Runs) -> None:
    old = now() - messages.REMEMBERED - timedelta(seconds=1)
    TaskMessage.objects.create(workspace=estate.workspace, message_id="msg_old", at=old)
    push(message(estate))
    assert list(TaskMessage.objects.values_list("message_id", flat=True)) == ["msg_1"]


def test_deliver_leaves_nothing_when_the_audit_event_can_not_be_written(estate: Runs) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {AuditEvent._meta.db_table} ADD CONSTRAINT broken CHECK (false) NOT VALID")
    client = Client(raise_request_exception=False)
    sent_at, text = now(), json.dumps(message(estate))
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", sent_at, text),
    }
    response = client.post("/api/v1/tasks", text, content_type="application/json", headers=headers)
    assert response.status_code == 500
    assert (TaskMessage.objects.count(), OperationRun.objects.count()) == (0, 0)


def test_two_task_systems_never_take_each_other_s_messages(estate: Runs) -> None:
    other_secret = "whsec_b3RoZXIta2V5LW9mLWFub3RoZXItb25l"
    other = rows.workspace("elsewhere")
    first = replace(system(estate.workspace.slug), name="first")
    second = replace(system(other.slug, other_secret), name="second")
    with task_system.use(first, second):
        # What the second system signs is its own workspace's, whatever it says about another one.
        named = message(estate, workspace=estate.workspace.slug, system="first")
        response = push({**named, "workspace": estate.workspace.slug}, secret=other_secret)
        assert (response.status_code, response.json()["received"]["outcome"]) == (202, "refused")
        assert not OperationRun.objects.exists()
        assert TaskRefusal.objects.get().workspace_id == other.pk
        # The same message id and the same task key are another message and task there.
        assert push(message(estate)).json()["received"]["outcome"] == "started"
        assert OperationRun.objects.get().workspace_id == estate.workspace.pk
        assert push(message(estate), message_id="msg_3", secret="whsec_bm8gb25lJ3Mta2V5LWF0LWFsbA").status_code == 401


def test_one_secret_of_two_task_systems_signs_for_neither(estate: Runs) -> None:
    other = rows.workspace("elsewhere")
    with task_system.use(system(estate.workspace.slug), replace(system(other.slug), name="second")):
        assert push(message(estate)).status_code == 401
    assert not TaskMessage.objects.exists()
