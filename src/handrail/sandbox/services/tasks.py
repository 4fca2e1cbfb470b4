"""The support task queue: open tasks page by page, one task, its outcome (once per run), and signed webhooks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx2
from standardwebhooks.webhooks import Webhook

from handrail.kernel.clock import now
from handrail.sandbox import wire
from handrail.sandbox.faults import disturbed
from handrail.sandbox.routing import Route, route
from handrail.sandbox.services.records import record_reply, text_field
from handrail.sandbox.state import EstateState
from handrail.sandbox.wire import Reply, Request
from handrail.sandbox.world import public

PAGE_SIZE = 10
_STATES = {"completed": "completed", "exception": "handed-over", "cancelled": "cancelled"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class TaskService:
    def __init__(self, estate: EstateState) -> None:
        self._estate = estate

    def routes(self) -> list[Route]:
        return [
            route("tasks", "GET", "/tasks", self._list),
            route("tasks", "GET", "/tasks/{task}", self._read),
            route("tasks", "PUT", "/tasks/{task}/outcome", self._outcome),
            route("tasks", "POST", "/tasks/{task}/outcome", self._outcome),
            route("tasks", "GET", "/tasks/{task}/outcome", self._kept),
            route("tasks", "PUT", "/tasks/{task}/messages/{key}", self._message),
            route("tasks", "GET", "/tasks/{task}/messages/{key}", self._kept_message),
            route("tasks", "POST", "/tasks/{task}/deliver", self._deliver),
        ]

    def _find(self, task_id: str) -> dict[str, Any] | None:
        with self._estate.lock:
            found = self._estate.world.tasks.get(task_id)
            return public(found) if found else None

    def _list(self, request: Request) -> Reply:
        state, after = request.query.get("status", "open"), request.query.get("after", "")
        with self._estate.lock:
            listed = [public(t) for key, t in sorted(self._estate.world.tasks.items()) if key > after]
        matching = [task for task in listed if task["state"] == state]
        page = matching[:PAGE_SIZE]
        more = f"/tasks?status={state}&after={page[-1]['id']}" if len(matching) > PAGE_SIZE else None
        return wire.json_reply(200, {"items": page, "next": more})

    def _read(self, request: Request) -> Reply:
        task = self._find(request.params["task"])
        if task is None:
            return record_reply(None)
        fault = self._estate.faults.take("tasks.read", task["payload"]["tenant_id"])
        return disturbed(fault, lambda: record_reply(task))

    def _outcome(self, request: Request) -> Reply:
        body = request.json()
        text_field(body, "run")
        if body.get("state") not in _STATES:
            raise wire.BadRequest(f"state must be one of {', '.join(_STATES)}")
        task = self._find(request.params["task"])
        if task is None:
            return record_reply(None)
        fault = self._estate.faults.take("tasks.outcome", task["payload"]["tenant_id"])
        return disturbed(fault, lambda: self._close(task["id"], body))

    def _close(self, task_id: str, body: dict[str, Any]) -> Reply:
        with self._estate.lock:
            task = self._estate.world.tasks[task_id]
            known = task.get("outcome")
            if known is not None:
                same = known == body
                return record_reply(public(task)) if same else wire.problem(409, "closed", "Another outcome is known.")
            task |= {"outcome": body, "state": _STATES[body["state"]], "revision": task["revision"] + 1}
            tenant = task["payload"]["tenant_id"]
            self._estate.effects.record(
                service="tasks", key=body["run"], tenant=tenant, what=f"{task_id} {body['state']}"
            )
            return record_reply(public(task), status=201)

    def _kept(self, request: Request) -> Reply:
        task = self._find(request.params["task"]) or {}
        outcome = task.get("outcome")
        return record_reply(None) if outcome is None else wire.json_reply(200, outcome)

    def _message(self, request: Request) -> Reply:
        """A further message about the task, kept once under its key."""
        body, key = request.json(), request.params["key"]
        text_field(body, "kind")
        with self._estate.lock:
            task = self._estate.world.tasks.get(request.params["task"])
            if task is None:
                return record_reply(None)
            if task.setdefault("messages", {}).setdefault(key, body) != body:
                return wire.problem(409, "known", "Another message has this key.")
        return wire.json_reply(200, body)

    def _kept_message(self, request: Request) -> Reply:
        task = self._find(request.params["task"]) or {}
        kept = task.get("messages", {}).get(request.params["key"])
        return record_reply(None) if kept is None else wire.json_reply(200, kept)

    def _deliver(self, request: Request) -> Reply:
        """Sends the task as a Standard Webhook to a URL on this machine, and returns what came back."""
        url = text_field(request.json(), "url")
        task = self._find(request.params["task"])
        if task is None:
            return record_reply(None)
        if urlsplit(url).hostname not in _LOOPBACK:
            return wire.problem(422, "not-loopback", "Webhooks are sent to this machine only.")
        sent_at, message = now(), f"msg_{task['id']}_{task['revision']}"
        body = json.dumps({"type": "task.delegated", "timestamp": sent_at.isoformat(), "data": task})
        headers = {
            "content-type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": Webhook(self._estate.tokens["webhook"]).sign(message, sent_at, body),
        }
        try:
            answer = httpx2.post(url, content=body, headers=headers, timeout=10, trust_env=False)
        except httpx2.TransportError as error:
            return wire.problem(502, "undelivered", type(error).__name__)
        return wire.json_reply(200, {"id": message, "status": answer.status_code})
