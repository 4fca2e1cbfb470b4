"""A task system at the connector's edge: pages of delegated tasks, and the outcomes that it was told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from handrail.connectors.finding import Finding
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, ReadFailed, Reading
from handrail.connectors.rest import Call, Get
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.runbooks import task_system
from tests.factories.runs import Runs

SYSTEM = task_system.TaskSystem(
    connector="queue",
    workspace="acme",
    list_path="/tasks",
    items_at="/items",
    next_at="/next",
    key_at="/id",
    runbook_at="/runbook",
    version_at="/version",
    payload_at="/payload",
    outcome_path="/tasks/{task}/outcome",
)


OK = 200


class Queue:
    """Pages by path. ``answer`` is what every outcome that it is told gets; a success holds what it keeps."""

    name, kind, deadline_seconds = "queue", "rest", 1.0

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {"/tasks": {"items": []}}
        self.told: list[Call] = []
        self.answer = Answer(status=200)

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        assert isinstance(operation, Get)
        if operation.path not in self.pages:
            raise ReadFailed("queue could not be read: it answered with status 404.", status=404, retryable=False)
        page = self.pages[operation.path]
        return Reading(page, None, digest_bytes(repr(page).encode()), 200, now())

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        assert isinstance(operation, Call)
        self.told.append(operation)
        if self.answer.status == OK and self.answer.failure is None and self.answer.body is None:
            return replace(self.answer, body={"outcome": operation.json_body})
        return self.answer

    def check(self) -> list[Finding]:
        return []


def item(estate: Runs, key: str, **payload: object) -> dict[str, Any]:
    full = {"tenant_id": estate.tenant.key, "switch_id": "s1", **payload}
    return {"id": key, "runbook": "flip-switch", "version": 1, "payload": full}
