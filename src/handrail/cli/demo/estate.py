"""The practice estate as the demo asks it: over HTTP, through the configured connectors, like any outside system."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from handrail.cli.processes import Family
from handrail.connectors import registry
from handrail.connectors.outcome import ReadFailed
from handrail.connectors.rest import Get, RestConnector
from handrail.connectors.scim import Query, ScimConnector
from handrail.kernel.errors import Unavailable

START_SECONDS = 20.0
ORGANISATION = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization"


@dataclass(frozen=True, slots=True)
class ExpectedRun:
    """How a task ought to end. ``reason`` is None for a completed run; attempts are counted over all steps."""

    task: str
    scenario: str
    title: str
    tenant: str
    state: str
    reason: str | None
    attempts_at_least: int
    attempts_at_most: int

    def __str__(self) -> str:
        return self.state if self.reason is None else f"{self.state}: {self.reason}"


def wait_until_up(family: Family) -> None:
    """Raises Unavailable when the estate has ended, or does not answer in time."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and family.ended() is None:
        try:
            read("control", "/healthz")
        except ReadFailed:
            time.sleep(0.05)
        else:
            return
    raise Unavailable("The practice estate did not start. See processes.log beside its handrail.toml.")


def expectations() -> list[ExpectedRun]:
    """Every scripted task with its expected outcome, in the order of task ids."""
    items = read("control", "/scenarios")["items"]
    expected = [ExpectedRun(i["task"], i["name"], i["title"], i["tenant"], **i["expected"]) for i in items]
    return sorted(expected, key=lambda expected_run: expected_run.task)


def effects() -> list[dict[str, Any]]:
    """The estate's own ledger of what really happened in it."""
    items: list[dict[str, Any]] = read("control", "/ledger")["items"]
    return items


def outcome(task: str) -> dict[str, Any] | None:
    """The outcome that the task system has of a task, or None."""
    try:
        found: dict[str, Any] = read("tasks", f"/tasks/{quote(task, safe='')}/outcome")
    except ReadFailed:
        return None
    return found


def holders(tenant: str, role: str) -> set[str]:
    """Who of a customer holds ``role`` by the SCIM server's own account."""
    connector = registry.get("roles")
    assert isinstance(connector, ScimConnector)
    asked = Query(resource="Users", filter=f'{ORGANISATION} eq "{tenant}"', attributes=("userName", "roles"))
    people: Any = connector.read(asked).value
    return {p["userName"] for p in people if role in {held["value"] for held in p.get("roles", [])}}


def read(name: str, path: str) -> Any:
    """The record at ``path``, asked through the connector ``name``. Raises ReadFailed."""
    connector = registry.get(name)
    assert isinstance(connector, RestConnector)
    return connector.read(Get(path=path)).value
