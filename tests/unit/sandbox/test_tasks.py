"""The support task queue."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook

from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.scenarios import SCENARIOS

OUTCOME = {"run": "RUN-1", "state": "completed", "completion": {"fields": {}}, "retry_ledger": {"attempts": 1}}


def test_open_tasks_are_listed_page_by_page(client) -> None:
    seen, path = [], "/tasks?status=open"
    while path:
        page = client("tasks").get(path).json()
        assert len(page["items"]) <= 10
        seen += [task["id"] for task in page["items"]]
        path = page["next"]
    assert seen == [f"TASK-{n}" for n in range(1001, 1001 + len(SCENARIOS))]


def test_task_carries_what_its_runbook_asks_for(client) -> None:
    answer = client("tasks").get("/tasks/TASK-1001")
    assert answer.headers["etag"] == '"1"'
    assert answer.json()["payload"] == {
        "ticket": "TASK-1001",
        "tenant_id": "ten_alder",
        "retry_budget": 3,
        "admins": ["amelie@alder.example", "bruno@alder.example"],
        "role": "tenant-admin",
        "product_tier": "business",
    }


def test_task_is_delegated_again_under_a_new_id(client) -> None:
    client("tasks").put("/tasks/TASK-1001/outcome", json=OUTCOME)
    made = client("control").post("/tasks/TASK-1001/again", json={}).json()
    first, again = (client("tasks").get(f"/tasks/{key}").json() for key in ("TASK-1001", made["id"]))
    assert again["state"] == "open"
    assert "outcome" not in again
    assert again["payload"] == {**first["payload"], "ticket": made["id"]}


def test_task_that_is_not_there_is_not_delegated_again(client) -> None:
    assert client("control").post("/tasks/TASK-9/again", json={}).status_code == 404


def test_outcome_is_kept_once(client) -> None:
    tasks = client("tasks")
    assert tasks.put("/tasks/TASK-1001/outcome", json=OUTCOME).status_code == 201
    assert tasks.put("/tasks/TASK-1001/outcome", json=OUTCOME).status_code == 200
    assert tasks.put("/tasks/TASK-1001/outcome", json=OUTCOME | {"run": "RUN-2"}).status_code == 409
    assert tasks.get("/tasks/TASK-1001/outcome").json() == OUTCOME
    assert tasks.get("/tasks/TASK-1001").json()["state"] == "completed"
    told = client("control").get("/ledger", params={"service": "tasks"}).json()["items"]
    assert [(e["key"], e["count"]) for e in told] == [("RUN-1", 1)]


def test_outcome_with_an_unknown_state_is_refused(client) -> None:
    answer = client("tasks").put("/tasks/TASK-1001/outcome", json=OUTCOME | {"state": "odd"})
    assert (answer.status_code, "state must be" in answer.json()["message"]) == (400, True)


def test_unknown_task_is_404(client) -> None:
    tasks = client("tasks")
    assert tasks.get("/tasks/TASK-9").status_code == 404
    assert tasks.put("/tasks/TASK-9/outcome", json=OUTCOME).status_code == 404
    assert tasks.get("/tasks/TASK-1001/outcome").status_code == 404


def test_webhook_is_signed(client) -> None:
    got: list[tuple[bytes, dict[str, str]]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        thread = threading.Thread(target=receiver.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
        answer = client("tasks").post("/tasks/TASK-1002/deliver", json={"url": url})
        thread.join()
    assert answer.json()["status"] == 202
    body, headers = got[0]
    Webhook(PRACTICE_TOKENS["webhook"]).verify(body, {k.lower(): v for k, v in headers.items()})
    assert json.loads(body)["data"]["id"] == "TASK-1002"


def test_webhook_off_this_machine_is_refused(client) -> None:
    answer = client("tasks").post("/tasks/TASK-1002/deliver", json={"url": "http://192.0.2.1/"})
    assert answer.status_code == 422
