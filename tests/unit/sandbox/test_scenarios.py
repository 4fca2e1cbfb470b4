"""The list of scenarios: complete, each with a customer of its own, its records fit for the runbooks that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.definitions.runbook.compiler import compile_runbook
from handrail.sandbox.faults import FaultKind
from handrail.sandbox.scenarios import SCENARIOS

RUNBOOKS = {
    path.stem: compile_runbook(path.read_text())
    for path in (Path(__file__).parents[3] / "definitions" / "runbooks").glob("*.yaml")
    if path.stem in {s.runbook for s in SCENARIOS}
}


def test_scenarios_are_told_with_task_and_outcome(client) -> None:
    items = client("control").get("/scenarios").json()["items"]
    assert len(items) == len(SCENARIOS) >= 16
    assert items[0]["task"] == "TASK-1001"
    assert items[0]["outcome"] == "completed"


def test_every_scenario_has_a_customer_of_its_own() -> None:
    tenants = [s.tenant for s in SCENARIOS]
    assert len(set(tenants)) == len(tenants)


def test_every_kind_of_fault_on_the_wire_is_scripted_or_tested() -> None:
    scripted = {kind for s in SCENARIOS for _, kind, _ in s.faults}
    assert scripted >= set(FaultKind) - {FaultKind.STALL_BEFORE}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_task_fits_its_runbook(client, scenario) -> None:
    items = client("control").get("/scenarios").json()["items"]
    task_id = next(i["task"] for i in items if i["name"] == scenario.name)
    payload = client("tasks").get(f"/tasks/{task_id}").json()["payload"]
    assert RUNBOOKS[scenario.runbook].validate_task(payload)["tenant_id"] == scenario.tenant


def test_runbooks_name_their_own_version_in_the_ticket_check() -> None:
    for runbook in RUNBOOKS.values():
        check = next(c for c in runbook.prerequisites if c.reason == "runbook-version-mismatch")
        assert check.condition.source == "ticket.runbook == runbook.name && ticket.runbook_version == runbook.version"
